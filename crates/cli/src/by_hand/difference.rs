//! How what the files ask for differs from what is deployed, target by target.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use similar::TextDiff;
use syncline_aws::stacks::{Deployed, Stacks};
use syncline_core::assembly::{AssembledTarget, Assembly};
use syncline_core::manifest::Manifest;
use syncline_core::names::{StackName, TargetKind, TargetName};
use syncline_core::render::Outputs;
use syncline_core::stack::{self, ADDONS_TEMPLATE_URL, StackRequest};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::account::Account;
use crate::failure::Failure;
use crate::reading::Reading;

/// How many stacks are looked at side by side.
const CONCURRENCY: usize = 8;
/// What CloudFormation shows of a parameter that is not to be shown.
const STARS: &str = "****";
/// Lines of a template that are shown around those that differ.
const CONTEXT_LINES: usize = 3;

/// What a deployment would do with a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Change {
    /// There is none yet.
    Create,
    /// It differs.
    Update,
    /// It does not differ.
    None,
}

/// How a target differs from its stack.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Difference {
    /// The target.
    pub(crate) target: TargetName,
    /// What it is.
    pub(crate) kind: TargetKind,
    /// Its stack.
    pub(crate) stack: StackName,
    /// What would be done.
    pub(crate) change: Change,
    /// The stack's status, as CloudFormation spells it; `null` where there is no such stack.
    pub(crate) status: Option<String>,
    /// Parameters that differ.
    pub(crate) parameters: Vec<ValueChange>,
    /// Tags that differ.
    pub(crate) tags: Vec<ValueChange>,
    /// The template's lines that differ, as a unified diff; empty where none does.
    pub(crate) template: String,
    /// Whether stand-ins took the place of outputs that nobody knows before what makes them is deployed.
    pub(crate) is_trial: bool,
}

/// A parameter or tag that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ValueChange {
    /// Its name.
    pub(crate) name: String,
    /// Its value as deployed.
    pub(crate) before: Option<String>,
    /// Its value now.
    pub(crate) after: Option<String>,
}

/// Compares every target with its stack. The second part are the targets that are to be worked on: those that differ, and
/// what waits for them.
pub(crate) async fn differences(
    reading: &mut Reading,
    manifest: &Manifest,
    assembly: &Assembly,
    account: &Account,
) -> Result<(Vec<Difference>, Assembly), Failure> {
    let wanted = assembly.targets.iter().flat_map(|target| {
        let sources = target.outputs_from.iter().map(|source| &source.stack);
        sources.chain([&target.entry.stack])
    });
    let deployed = all_deployed(&account.stacks, wanted.cloned().collect()).await?;
    let mut found = Vec::with_capacity(assembly.targets.len());
    for target in &assembly.targets {
        let outputs = outputs_of(target, &deployed);
        let prepared = match outputs {
            Some(outputs) if target.prepared.is_trial => {
                // An output that is new stands in no stack yet: then the trial is all there is to show.
                reading.prepare(manifest, &target.entry, Outputs::Known(outputs))?.ok()
            }
            _ => None,
        };
        let prepared = prepared.as_ref().unwrap_or(&target.prepared);
        let mut request = prepared.request.clone();
        request.tags = target.prepared.request.tags.clone();
        let addons_url = request.addons.as_ref().and_then(|addons| account.templates.addons_url(addons));
        // The place of the addons tells whether they are those that are deployed.
        request.parameters.extend(addons_url.map(|url| (ADDONS_TEMPLATE_URL.to_owned(), url)));
        found.push(difference(target, &request, prepared.is_trial, deployed.get(&request.stack)));
    }
    let mut is_worked_on: Vec<bool> = Vec::with_capacity(found.len());
    for (target, difference) in assembly.targets.iter().zip(&found) {
        let waits = target.waits_on.iter().any(|&other| is_worked_on[other]);
        is_worked_on.push(difference.change != Change::None || waits);
    }
    let names: BTreeSet<&TargetName> = assembly
        .targets
        .iter()
        .zip(is_worked_on)
        .filter_map(|(target, is_worked_on)| is_worked_on.then_some(&target.entry.name))
        .collect();
    let worked_on = assembly.only(|target| names.contains(&target.entry.name));
    Ok((found, worked_on))
}

/// What each of the stacks was deployed with, of those that there are.
async fn all_deployed(
    stacks: &Stacks,
    wanted: BTreeSet<StackName>,
) -> Result<BTreeMap<StackName, Deployed>, syncline_aws::Error> {
    let room = Arc::new(Semaphore::new(CONCURRENCY));
    let mut asked = JoinSet::new();
    for stack in wanted {
        let (stacks, room) = (stacks.clone(), room.clone());
        asked.spawn(async move {
            let _permit = room.acquire().await;
            stacks.deployed(&stack).await.map(|found| (stack, found))
        });
    }
    let mut deployed = BTreeMap::new();
    while let Some(answer) = asked.join_next().await {
        let Ok(answer) = answer else { continue };
        let (stack, found) = answer?;
        deployed.extend(found.map(|found| (stack, found)));
    }
    Ok(deployed)
}

/// The outputs that a target's template shows, where all the stacks are there.
fn outputs_of(
    target: &AssembledTarget,
    deployed: &BTreeMap<StackName, Deployed>,
) -> Option<BTreeMap<String, BTreeMap<String, String>>> {
    let sources = target.outputs_from.iter();
    sources.map(|source| Some((source.name.clone(), deployed.get(&source.stack)?.outputs.clone()))).collect()
}

fn difference(
    target: &AssembledTarget,
    request: &StackRequest,
    is_trial: bool,
    deployed: Option<&Deployed>,
) -> Difference {
    let nothing = Difference {
        target: target.entry.name.clone(),
        kind: target.entry.kind,
        stack: request.stack.clone(),
        change: Change::Create,
        status: deployed.map(|deployed| deployed.status.clone()),
        parameters: Vec::new(),
        tags: Vec::new(),
        template: String::new(),
        is_trial,
    };
    let Some(deployed) = deployed else { return nothing };
    let same = !is_trial && stack::say_the_same(&deployed.template, &request.template) == Some(true);
    let template = if same || deployed.template == request.template {
        String::new()
    } else {
        let differing = TextDiff::from_lines(deployed.template.as_str(), request.template.as_str());
        differing.unified_diff().context_radius(CONTEXT_LINES).header("deployed", "files").to_string()
    };
    let mut before = deployed.parameters.clone();
    let secrets = stack::secrets(&request.template);
    // One that was left out keeps its default, which stands among the deployed all the same.
    before.retain(|name, value| request.parameters.contains_key(name) && value != STARS);
    let mut after = request.parameters.clone();
    after.retain(|name, _| deployed.parameters.get(name).is_none_or(|value| value != STARS));
    for secret in &secrets {
        after.entry(secret.clone()).and_modify(|value| *value = STARS.to_owned());
    }
    let parameters = changes(&before, &after);
    // Tags that CloudFormation or others add are none of ours.
    let mut tags = changes(&deployed.tags, &request.tags);
    tags.retain(|tag| !tag.name.starts_with("aws:"));
    let is_whole = ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"];
    let is_same = template.is_empty() && parameters.is_empty() && tags.is_empty();
    let change = match deployed.status.as_str() {
        // What a failed creation left is deleted and made anew.
        "ROLLBACK_COMPLETE" => Change::Create,
        status if is_same && is_whole.contains(&status) => Change::None,
        _ => Change::Update,
    };
    Difference { change, parameters, tags, template, ..nothing }
}

fn changes(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<ValueChange> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differing = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    differing
        .map(|name| ValueChange {
            name: name.clone(),
            before: before.get(name).cloned(),
            after: after.get(name).cloned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_came_went_or_changed_are_told() {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let found = changes(&map(&[("A", "1"), ("B", "2"), ("C", "3")]), &map(&[("B", "2"), ("C", "4"), ("D", "5")]));
        let told: Vec<(&str, Option<&str>, Option<&str>)> = found
            .iter()
            .map(|change| (change.name.as_str(), change.before.as_deref(), change.after.as_deref()))
            .collect();
        assert_eq!(told, [("A", Some("1"), None), ("C", Some("3"), Some("4")), ("D", None, Some("5"))]);
    }
}
