//! `syncline env`: the environments of a repository, and the addons that go into them.

use serde_json::{Value, json};
use syncline_core::names::TargetKind;

use crate::answer::Answer;
use crate::arguments::{EnvLs, Global, Output};
use crate::failure::Failure;
use crate::reading::Reading;

/// Lists them, one a line.
pub(super) fn ls(global: &Global, ls: &EnvLs) -> Result<Answer, Failure> {
    let mut reading = Reading::open(&ls.place)?;
    let (manifest, _) = reading.good_manifest()?;
    let mut names: Vec<String> = Vec::new();
    let kind = if ls.addons { TargetKind::EnvironmentAddon } else { TargetKind::Environment };
    for target in manifest.targets.iter().filter(|target| target.kind == kind) {
        let name = target.goes_by();
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    if ls.addons {
        // One that goes to no environment yet is an addon all the same.
        names.extend(reading.addons(&names)?);
    } else {
        names.extend(manifest.existing_environments.keys().cloned());
    }
    if ls.json || global.output == Output::Json {
        let named: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
        let key = if ls.addons { "addons" } else { "environments" };
        return Ok(Answer::text(json!({ key: named }).to_string()));
    }
    Ok(Answer::text(names.join("\n")))
}
