//! `syncline env ls`: the environments of a repository, and the addons that go into them: what is deployed, or with `--local`
//! what the files have.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use syncline_core::location::Location;
use syncline_core::manifest::Manifest;
use syncline_core::names::{RepositoryName, StackName, TargetKind};

use crate::answer::Answer;
use crate::arguments::{EnvLs, Global, Output};
use crate::draw;
use crate::failure::Failure;
use crate::paint::Paint;
use crate::reading::Reading;
use crate::{commands, connection};

/// What is listed where it is deployed.
pub(crate) struct Listed {
    /// Its name.
    pub(crate) name: String,
    /// The environment that an addon is in.
    pub(crate) environment: Option<String>,
    /// Its stack.
    pub(crate) stack: StackName,
    /// Where that is.
    pub(crate) location: Location,
    /// The stack's status, as CloudFormation spells it.
    pub(crate) status: String,
}

/// In place of the status of a stack that is elsewhere and must not be looked at.
const NOT_VISIBLE: &str = "NOT_VISIBLE";

/// Lists them.
pub(super) fn ls(global: &Global, ls: &EnvLs) -> Result<Answer, Failure> {
    let mut reading = Reading::open(&ls.place)?;
    let (manifest, _) = reading.good_manifest()?;
    if ls.local {
        local(global, ls, &mut reading, &manifest)
    } else {
        commands::wait_for(deployed(global, ls, &manifest, &reading.repository))
    }
}

/// Those of the files, one a line.
fn local(global: &Global, ls: &EnvLs, reading: &mut Reading, manifest: &Manifest) -> Result<Answer, Failure> {
    let mut names: Vec<String> = Vec::new();
    for (name, ..) in wanted(ls, manifest) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if ls.addons {
        // One that goes to no environment yet is an addon all the same.
        names.extend(reading.addons(&names)?);
    }
    if is_json(global, ls) {
        let named: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
        return Ok(Answer::text(json!({ key(ls): named }).to_string()));
    }
    Ok(Answer::text(names.join("\n")))
}

/// Those that are deployed, with their stacks.
async fn deployed(
    global: &Global,
    ls: &EnvLs,
    manifest: &Manifest,
    repository: &RepositoryName,
) -> Result<Answer, Failure> {
    let stacks = connection::stacks().await?;
    let (mut found, mut elsewhere) = (Vec::new(), BTreeSet::new());
    for (name, environment, stack, location) in wanted(ls, manifest) {
        if !location.is_home() {
            elsewhere.insert(stacks.place(&location));
        }
        let asked = async { stacks.at(&location, repository).await?.status(&stack).await };
        let status = match asked.await {
            // Where one may not look something may be.
            Err(syncline_aws::Error::Denied { .. }) if !location.is_home() => Some(NOT_VISIBLE.to_owned()),
            status => status?.filter(|status| status != "DELETE_COMPLETE"),
        };
        found.extend(status.map(|status| Listed { name, environment, stack, location, status }));
    }
    if is_json(global, ls) {
        return Ok(Answer::text(document(ls, &found).to_string()));
    }
    if found.is_empty() {
        let what = if ls.addons { "addon" } else { "environment" };
        // What is elsewhere looks like nothing at all.
        let places = [stacks.place(&Location::default())].into_iter().chain(elsewhere);
        return Ok(Answer::text(format!("no {what} is deployed in {}", places.collect::<Vec<_>>().join(", nor in "))));
    }
    Ok(Answer::text(draw::environments::listed(&found, ls.addons, Paint::for_stdout(global.no_color))))
}

/// An addon once, with all its environments.
fn document(ls: &EnvLs, found: &[Listed]) -> Value {
    let place = |one: &Listed, name: &str| {
        let mut place = json!({ "name": name, "stack": one.stack, "status": one.status });
        if !one.location.is_home() {
            place["location"] = json!(one.location);
        }
        place
    };
    if !ls.addons {
        return json!({ key(ls): found.iter().map(|one| place(one, &one.name)).collect::<Vec<_>>() });
    }
    let mut addons: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for one in found {
        let environment = one.environment.as_deref().unwrap_or_default();
        addons.entry(&one.name).or_default().push(place(one, environment));
    }
    let addons = addons.into_iter().map(|(name, places)| json!({ "name": name, "environments": places }));
    json!({ key(ls): addons.collect::<Vec<_>>() })
}

/// What the manifest has of what is to be listed: names, the environments that addons are in, stacks, and where they are.
fn wanted(ls: &EnvLs, manifest: &Manifest) -> Vec<(String, Option<String>, StackName, Location)> {
    let kind = if ls.addons { TargetKind::EnvironmentAddon } else { TargetKind::Environment };
    let entries = manifest.targets.iter().filter(|target| target.kind == kind);
    let mut wanted: Vec<_> = entries
        .map(|target| {
            let environment = ls.addons.then(|| target.own_name.clone());
            (target.goes_by().to_owned(), environment, target.stack.clone(), target.location.clone())
        })
        .collect();
    if !ls.addons {
        let existing = manifest.existing_environments.iter();
        wanted.extend(existing.map(|(name, stack)| {
            let location = manifest.locations.of(name).cloned().unwrap_or_default();
            (name.clone(), None, stack.clone(), location)
        }));
    }
    wanted
}

fn key(ls: &EnvLs) -> &'static str {
    if ls.addons { "addons" } else { "environments" }
}

fn is_json(global: &Global, ls: &EnvLs) -> bool {
    ls.json || global.output == Output::Json
}
