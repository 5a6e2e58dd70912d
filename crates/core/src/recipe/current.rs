//! `${Proton::CURRENT_VAL}`: an input keeps the value that it is deployed with now.
//!
//! <https://docs.aws.amazon.com/proton/latest/userguide/ag-create-svc.html>

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Before, Inputs, in_fixed_order};
use crate::diagnostic::{Diagnostic, Span};
use crate::names::{RepoPath, TargetName};
use crate::spec;
use crate::yaml::{Node, place};

/// What is written in a spec to keep a value.
const CURRENT_VALUE: &str = "${Proton::CURRENT_VAL}";

/// The inputs that a spec gives, with the values that they keep.
#[derive(Clone, Debug, Default)]
pub(super) struct Given {
    /// The inputs.
    pub(super) values: Inputs,
    /// Whether any of them is kept.
    pub(super) keeps: bool,
    /// The JSON pointers of those that are kept and not known: a stand-in takes their place.
    pub(super) unknown: BTreeSet<String>,
}

/// Reads the inputs under a spec's node. `owner` is to blame where a value has no place of its own.
///
/// Errors: a value to be kept that was never deployed.
pub(super) fn given(
    target: &TargetName,
    node: Option<&Node>,
    before: &Before,
    path: &RepoPath,
    owner: Span,
) -> Result<Given, Vec<Diagnostic>> {
    let mut given = Given { values: spec::values(node), ..Given::default() };
    let mut kept = Vec::new();
    for (name, value) in &given.values {
        find(value, &mut vec![name.clone()], &mut kept);
    }
    given.keeps = !kept.is_empty();
    let mut errors = Vec::new();
    for way in kept {
        let pointer: String =
            way.iter().map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect();
        let deployed = before.inputs(target).and_then(|inputs| at(inputs, &way));
        match (before, deployed, at_mut(&mut given.values, &way)) {
            (_, Some(deployed), Some(value)) => *value = in_fixed_order(deployed),
            (Before::Unknown, ..) => {
                given.unknown.insert(pointer);
            }
            (Before::Known(_), ..) => {
                let parts: Vec<&str> = way.iter().map(String::as_str).collect();
                let span = node.and_then(|node| place(node, &parts, false)).unwrap_or(owner);
                errors.push(
                    Diagnostic::error(
                        path,
                        format!("input `{}` keeps its current value, and none was deployed by Syncline", way.join(".")),
                    )
                    .at(span)
                    .help(format!("write the value once; after that sync `{CURRENT_VALUE}` keeps it")),
                );
            }
        }
    }
    if errors.is_empty() { Ok(given) } else { Err(errors) }
}

/// Notes the way to each value that is kept.
fn find(value: &Value, way: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let mut enter = |part: String, value: &Value| {
        way.push(part);
        find(value, way, found);
        way.pop();
    };
    match value {
        Value::String(text) if text == CURRENT_VALUE => found.push(way.clone()),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| enter(index.to_string(), item)),
        Value::Object(entries) => entries.iter().for_each(|(key, value)| enter(key.clone(), value)),
        _ => {}
    }
}

fn at<'i>(inputs: &'i Inputs, way: &[String]) -> Option<&'i Value> {
    let (first, rest) = way.split_first()?;
    rest.iter().try_fold(inputs.get(first)?, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        Value::Object(entries) => entries.get(part),
        _ => None,
    })
}

fn at_mut<'i>(inputs: &'i mut Inputs, way: &[String]) -> Option<&'i mut Value> {
    let (first, rest) = way.split_first()?;
    rest.iter().try_fold(inputs.get_mut(first)?, |value, part| match value {
        Value::Array(items) => items.get_mut(part.parse::<usize>().ok()?),
        Value::Object(entries) => entries.get_mut(part),
        _ => None,
    })
}
