//! `syncline render`: a target's template and parameters, as CloudFormation would get them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use serde_json::{Map, Value};
use syncline_core::files::Files;
use syncline_core::manifest::{Manifest, TargetEntry};
use syncline_core::recipe::Prepared;
use syncline_core::render::Outputs;

use crate::answer::Answer;
use crate::arguments::{Global, Output, Render};
use crate::documents::RenderDocument;
use crate::documents::render::StandIn;
use crate::draw;
use crate::draw::one_of;
use crate::failure::Failure;
use crate::paint::Paint;
use crate::reading::{ANY_ACCOUNT, Reading};
use crate::source::folder::why;

pub(super) fn run(global: &Global, render: &Render) -> Result<Answer, Failure> {
    let given = render.outputs.env_outputs.as_deref().map(read_outputs).transpose()?;
    let mut reading = Reading::open(&render.place)?;
    let (manifest, _) = reading.good_manifest()?;
    let entry = find(&mut reading, &manifest, render)?;
    let document = rendered(&mut reading, &manifest, &entry, given.as_ref(), render.place.account.is_none())?;
    answer(global, document)
}

/// The template, with one end of line after it, and beside it what goes with it.
pub(super) fn answer(global: &Global, document: RenderDocument) -> Result<Answer, Failure> {
    match global.output {
        Output::Json => Answer::json(&document),
        Output::Text => Ok(Answer {
            aside: draw::render::aside(&document, Paint::for_stderr(global.no_color)),
            is_verbatim: true,
            // As the AWS CLI prints one, so that the two can be compared.
            ..Answer::text(format!("{}\n", document.template.trim_end_matches(['\r', '\n'])))
        }),
    }
}

/// A target as CloudFormation would get it.
pub(super) fn rendered(
    reading: &mut Reading,
    manifest: &Manifest,
    entry: &TargetEntry,
    given: Option<&Given>,
    is_account_unknown: bool,
) -> Result<RenderDocument, Failure> {
    let mut prepared = reading.prepare(manifest, entry, Outputs::Pending)?;
    if let (Some(given), Ok(trial)) = (given, &prepared) {
        // Whose outputs the template shows is known once it was tried. What is missing then is missing in what was given.
        let outputs = Outputs::Known(given.of(&trial.shows));
        prepared = reading.prepare(manifest, entry, outputs)?.map_err(|mut errors| {
            let missing = errors.iter_mut().filter(|error| error.message.contains("is undefined"));
            missing.for_each(|error| error.help = Some(given.help()));
            errors
        });
    }
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(errors) => return Err(reading.problems(manifest, &entry.branch, errors).into()),
    };
    let stand_ins = stand_ins(&prepared, given.is_some(), is_account_unknown);
    if prepared.is_trial && prepared.request.template.is_empty() {
        let (what, help) = match stand_ins.first() {
            Some(StandIn::CurrentValues) => ("values that are kept", "write the values into the spec to see it"),
            _ => ("outputs of other stacks", "give them with `--env-outputs FILE`"),
        };
        return Err(Failure::new(format!("`{}` cannot be rendered without the {what}", entry.name), help));
    }
    let commit = reading.commit(&entry.branch).cloned();
    Ok(RenderDocument::new(entry, commit, prepared, stand_ins))
}

/// The target that is meant. A name is a target's on one branch only, so the branch is only compared.
fn find(reading: &mut Reading, manifest: &Manifest, render: &Render) -> Result<TargetEntry, Failure> {
    let is_on_branch = |entry: &TargetEntry| render.branch.as_deref().is_none_or(|name| name == entry.branch.as_str());
    let typed = render.target.as_str();
    let mut found = manifest.targets.iter().find(|entry| entry.name.as_str() == typed).cloned();
    if found.is_none()
        && let Some((service, TargetEntry::PIPELINE)) = typed.rsplit_once('/')
    {
        found = reading.pipeline(manifest, service)?;
    }
    match found {
        Some(entry) if is_on_branch(&entry) => Ok(entry),
        Some(entry) => {
            let help = "correct `--branch`, or leave it out";
            Err(Failure::usage(format!("`{typed}` is on branch `{}`", entry.branch), help))
        }
        None => {
            let on_branch = manifest.targets.iter().filter(|entry| is_on_branch(entry));
            let known: Vec<&str> = on_branch.map(|entry| entry.name.as_str()).collect();
            Err(Failure::usage(format!("there is no target `{typed}`"), one_of(typed, known)))
        }
    }
}

/// What stands for something that only AWS knows.
fn stand_ins(prepared: &Prepared, are_outputs_given: bool, is_account_unknown: bool) -> Vec<StandIn> {
    let mut stand_ins = Vec::new();
    if !are_outputs_given && !prepared.shows.is_empty() {
        stand_ins.push(StandIn::Outputs);
    }
    if prepared.keeps_unknown {
        stand_ins.push(StandIn::CurrentValues);
    }
    if is_account_unknown && prepared.request.template.contains(ANY_ACCOUNT) {
        stand_ins.push(StandIn::Account);
    }
    stand_ins
}

/// Outputs of stacks, and the file that they were read from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Given {
    file: String,
    values: Values,
}

/// Outputs of stacks.
#[derive(Clone, Debug, PartialEq)]
enum Values {
    /// Of whichever is shown.
    OfAny(BTreeMap<String, String>),
    /// By the environment's name or the instance's target.
    Each(BTreeMap<String, BTreeMap<String, String>>),
}

impl Given {
    /// The outputs of each of these.
    fn of(&self, shown: &BTreeSet<String>) -> BTreeMap<String, BTreeMap<String, String>> {
        match &self.values {
            Values::OfAny(outputs) => shown.iter().map(|name| (name.clone(), outputs.clone())).collect(),
            Values::Each(outputs) => outputs.clone(),
        }
    }

    /// What to do where the template can do nothing with them.
    fn help(&self) -> String {
        let names: Vec<String> = match &self.values {
            Values::OfAny(outputs) => outputs.keys().cloned().collect(),
            Values::Each(stacks) => {
                let of_stack = |(name, outputs): (&String, &BTreeMap<String, String>)| {
                    outputs.keys().map(|output| format!("{name}: {output}")).collect::<Vec<_>>()
                };
                stacks.iter().flat_map(of_stack).collect()
            }
        };
        format!(
            "add what is missing to `{}`, which has {}, or leave out `--env-outputs` to see stand-ins",
            self.file,
            draw::listed(names)
        )
    }
}

/// The outputs in a file: a mapping, one for each environment or instance, or CloudFormation's list.
pub(super) fn read_outputs(file: &Path) -> Result<Given, Failure> {
    const HELP: &str = "write a mapping from names to values (for several stacks, one under each's name), or what `aws cloudformation describe-stacks \
                        --query 'Stacks[0].Outputs'` prints";
    let shown = file.display();
    let mut text = String::new();
    let limit = Files::MAX_FILE_BYTES as u64;
    let read = File::open(file).and_then(|file| file.take(limit + 1).read_to_string(&mut text));
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Failure::usage(format!("there is no file `{shown}`"), "`--env-outputs` takes a file"));
        }
        Err(error) => return Err(Failure::new(format!("cannot read `{shown}`: {}", why(&error)), HELP)),
        Ok(bytes) if bytes as u64 > limit => {
            return Err(Failure::new(format!("`{shown}` is larger than {limit} bytes"), HELP));
        }
        Ok(_) => {}
    }
    let value: Value = serde_yaml::from_str(&text)
        .map_err(|error| Failure::new(format!("`{shown}` is neither YAML nor JSON: {error}"), HELP))?;
    let is_nested = |values: &Map<String, Value>| !values.is_empty() && values.values().all(Value::is_object);
    let given = match &value {
        Value::Object(values) if is_nested(values) => values
            .iter()
            .map(|(name, value)| Ok((name.clone(), outputs(value)?)))
            .collect::<Result<_, String>>()
            .map(Values::Each),
        _ => outputs(&value).map(Values::OfAny),
    };
    let values = given.map_err(|error| Failure::new(format!("`{shown}`: {error}"), HELP))?;
    Ok(Given { file: shown.to_string(), values })
}

fn outputs(value: &Value) -> Result<BTreeMap<String, String>, String> {
    let plain = |name: &str, value: &Value| match value {
        Value::String(text) => Ok((name.to_owned(), text.clone())),
        Value::Number(_) | Value::Bool(_) => Ok((name.to_owned(), value.to_string())),
        _ => Err(format!("the value of `{name}` is neither text nor a number")),
    };
    match value {
        Value::Null => Ok(BTreeMap::new()),
        Value::Object(values) => values.iter().map(|(name, value)| plain(name, value)).collect(),
        Value::Array(list) => list
            .iter()
            .map(|item| match (item.get("OutputKey").and_then(Value::as_str), item.get("OutputValue")) {
                (Some(name), Some(value)) => plain(name, value),
                _ => Err("an entry of the list has no `OutputKey` or no `OutputValue`".to_owned()),
            })
            .collect(),
        _ => Err("it holds no mapping".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn outputs_are_read_in_both_forms() {
        let expected = BTreeMap::from([("A".to_owned(), "x".to_owned()), ("B".to_owned(), "7".to_owned())]);
        assert_eq!(outputs(&json!({"A": "x", "B": 7})), Ok(expected.clone()));
        let list = json!([{"OutputKey": "A", "OutputValue": "x"}, {"OutputKey": "B", "OutputValue": 7}]);
        assert_eq!(outputs(&list), Ok(expected));
        assert_eq!(outputs(&json!(null)), Ok(BTreeMap::new()));
        for wrong in [json!("x"), json!(["x"]), json!({"A": ["x"]}), json!([{"OutputKey": "A"}])] {
            assert!(outputs(&wrong).is_err(), "{wrong}");
        }
    }
}
