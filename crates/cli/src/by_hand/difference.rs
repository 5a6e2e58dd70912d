//! How what the files ask for differs from what is deployed, target by target.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use similar::TextDiff;
use syncline_aws::all_stacks::AllStacks;
use syncline_aws::side_by_side;
use syncline_aws::stacks::Deployed;
use syncline_core::addons::nested;
use syncline_core::assembly::{AssembledTarget, Assembly};
use syncline_core::location::Location;
use syncline_core::manifest::Manifest;
use syncline_core::names::{RepositoryName, StackName, TargetKind, TargetName};
use syncline_core::plan::Known;
use syncline_core::render::Outputs;
use syncline_core::stack::{self, ADDONS_TEMPLATE_URL, StackRequest};

use super::account::{Account, CONCURRENCY};
use crate::draw::stack_at;
use crate::failure::Failure;
use crate::reading::Reading;

/// What CloudFormation shows of a parameter that is not to be shown.
const STARS: &str = "****";
/// How many stacks of an account and region are looked for in a list of all.
const MANY: usize = 20;
/// Lines of a template that are shown around those that differ.
const CONTEXT_LINES: usize = 3;

/// What a deployment would do with a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Change {
    /// There is none yet.
    Create,
    /// What a failed creation left is deleted, and the stack made anew.
    Replace,
    /// It differs.
    Update,
    /// It does not differ.
    None,
}

/// How a target differs from its stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    /// The target.
    pub(crate) target: TargetName,
    /// What it is.
    pub(crate) kind: TargetKind,
    /// Its stack.
    pub(crate) stack: StackName,
    /// Where that is, where it is not where Syncline is.
    #[serde(skip_serializing_if = "Location::is_home")]
    pub(crate) location: Location,
    /// What would be done.
    pub(crate) change: Change,
    /// The stack's status, as CloudFormation spells it; `null` where there is no such stack.
    pub(crate) status: Option<String>,
    /// Parameters whose values are not to be shown: only CloudFormation knows whether they differ.
    pub(crate) hidden: Vec<String>,
    /// Parameters that differ.
    pub(crate) parameters: Vec<ValueChange>,
    /// Tags that differ.
    pub(crate) tags: Vec<ValueChange>,
    /// The template's lines that differ, as a unified diff; empty where none does.
    pub(crate) template: String,
    /// The lines of the service's addons' template that differ, alike.
    pub(crate) addons: String,
    /// Nested stacks that the deployed template has and the new one has not: they are deleted, with all that is in them.
    pub(crate) lost: Vec<String>,
    /// Why it is worked on although it does not differ.
    pub(crate) because: Option<&'static str>,
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

/// Compares every target with its stack. The second part are the targets that are to be worked on: those that differ, what
/// waits for them, and those that their last sync left out of step.
pub(crate) async fn differences(
    reading: &mut Reading,
    manifest: &Manifest,
    assembly: &Assembly,
    account: &Account,
    known: &BTreeMap<TargetName, Known>,
) -> Result<(Vec<Difference>, Assembly), Failure> {
    let wanted = assembly.targets.iter().flat_map(|target| {
        let sources = target.outputs_from.iter().map(|source| {
            let known = known.get(&TargetName::new(source.name.as_str())).map(|known| known.there().1);
            (&source.stack, source.location.as_ref().or(known).cloned().unwrap_or_default())
        });
        sources.chain([(&target.entry.stack, target.entry.location.clone())])
    });
    let wanted = wanted.map(|(stack, location)| (stack.clone(), location)).collect();
    let deployed = all_deployed(&account.stacks, &reading.repository, wanted).await?;
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
        let addons_url = match &request.addons {
            Some(addons) => account.templates.addons_url(addons)?,
            None => None,
        };
        // The place of the addons tells whether they are those that are deployed.
        request.parameters.extend(addons_url.map(|url| (ADDONS_TEMPLATE_URL.to_owned(), url)));
        let there = deployed.get(&request.stack);
        let addons = match (&request.addons, there) {
            (Some(addons), Some(there))
                if request.parameters.get(ADDONS_TEMPLATE_URL) != there.parameters.get(ADDONS_TEMPLATE_URL) =>
            {
                let stacks = account.stacks.at(&target.entry.location, &reading.repository).await?;
                let before = stacks.nested_template(&request.stack, nested::STACK).await?;
                template_lines(&before.unwrap_or_default(), addons)
            }
            _ => String::new(),
        };
        let nothing = Difference {
            target: target.entry.name.clone(),
            kind: target.entry.kind,
            stack: request.stack.clone(),
            location: target.entry.location.clone(),
            change: Change::Create,
            status: there.map(|there| there.status.clone()),
            hidden: Vec::new(),
            parameters: Vec::new(),
            tags: Vec::new(),
            template: String::new(),
            addons,
            lost: Vec::new(),
            because: None,
            is_trial: prepared.is_trial,
        };
        found.push(difference(nothing, &request, there));
    }
    let mut is_worked_on: Vec<bool> = Vec::with_capacity(found.len());
    for (target, difference) in assembly.targets.iter().zip(&mut found) {
        let waits = target.waits_on.iter().any(|&other| is_worked_on[other]);
        let is_out_of_step = known.get(&target.entry.name).is_some_and(|known| !known.in_step);
        difference.because = match difference.change {
            Change::None if waits => Some("it waits for what changes"),
            Change::None if is_out_of_step => Some("its last sync did not see it done"),
            _ => None,
        };
        is_worked_on.push(difference.change != Change::None || difference.because.is_some());
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

/// Errors: a stack that the manifest names is not there to be taken over.
pub(crate) fn check_adopted(worked_on: &Assembly, found: &[Difference]) -> Result<(), Failure> {
    for target in worked_on.targets.iter().filter(|target| target.entry.adopts) {
        let name = &target.entry.name;
        let Some(difference) = found.iter().find(|difference| difference.target == *name) else { continue };
        let there = match difference.change {
            Change::Create => "there is none",
            Change::Replace => "it is what a failed creation left, ROLLBACK_COMPLETE, which nobody can update",
            Change::Update | Change::None => continue,
        };
        let stack = stack_at(&difference.stack, &difference.location);
        let error = format!("the manifest names stack `{stack}` for `{name}`, and {there}");
        let help = "correct its `stack`, or look in another account or region; without `stack` a new one is made";
        return Err(Failure::new(error, help));
    }
    Ok(())
}

/// Errors: a template that is to be deployed takes a bucket, and there is none.
pub(crate) fn check_bucket(worked_on: &Assembly, found: &[Difference], account: &Account) -> Result<(), Failure> {
    for target in &worked_on.targets {
        let name = &target.entry.name;
        let differs = found.iter().any(|one| one.target == *name && one.change != Change::None);
        if differs && !account.templates.can_take(&target.prepared.request) {
            let what = match target.prepared.request.addons {
                Some(_) => "the template of its addons goes",
                None => "its template is so long that it goes",
            };
            let error = format!("`{name}` cannot be deployed without a bucket: {what} through S3");
            return Err(Failure::usage(error, "name one in this region with `--s3-bucket NAME`"));
        }
    }
    Ok(())
}

/// Those of the stacks that there are, where they are so many that one list costs less than a question about each.
async fn those_there(
    stacks: &AllStacks,
    repository: &RepositoryName,
    mut wanted: BTreeMap<StackName, Location>,
) -> Result<BTreeMap<StackName, Location>, syncline_aws::Error> {
    let locations: BTreeSet<Location> = wanted.values().cloned().collect();
    for location in locations {
        if wanted.values().filter(|other| **other == location).count() >= MANY {
            let there = stacks.at(&location, repository).await?.names().await?;
            wanted.retain(|stack, other| *other != location || there.contains(stack.as_str()));
        }
    }
    Ok(wanted)
}

/// What each of the stacks was deployed with, of those that there are.
async fn all_deployed(
    stacks: &AllStacks,
    repository: &RepositoryName,
    wanted: BTreeMap<StackName, Location>,
) -> Result<BTreeMap<StackName, Deployed>, syncline_aws::Error> {
    let wanted = those_there(stacks, repository, wanted).await?;
    let asked = wanted.into_iter().map(async |(stack, location)| {
        let found = stacks.at(&location, repository).await?.deployed(&stack).await?;
        Ok(found.map(|found| (stack, found)))
    });
    Ok(side_by_side(CONCURRENCY, asked).await?.into_iter().flatten().collect())
}

/// The outputs that a target's template shows, where all the stacks are there.
fn outputs_of(
    target: &AssembledTarget,
    deployed: &BTreeMap<StackName, Deployed>,
) -> Option<BTreeMap<String, BTreeMap<String, String>>> {
    let sources = target.outputs_from.iter();
    sources.map(|source| Some((source.name.clone(), deployed.get(&source.stack)?.outputs.clone()))).collect()
}

/// `nothing` is what is known of the target without its stack.
fn difference(nothing: Difference, request: &StackRequest, deployed: Option<&Deployed>) -> Difference {
    let Some(deployed) = deployed else { return nothing };
    let wanted = as_told(&request.template, &deployed.template);
    let same = !nothing.is_trial && stack::say_the_same(&deployed.template, &wanted) == Some(true);
    let template = if same { String::new() } else { template_lines(&deployed.template, &wanted) };
    let kept = stack::nested(&request.template);
    let lost = stack::nested(&deployed.template).into_iter().filter(|name| !kept.contains(name)).collect();
    let declared = stack::parameters(&request.template);
    let is_hidden = |name: &String| {
        declared.get(name).is_some_and(|declared| declared.is_secret)
            || deployed.parameters.get(name).is_some_and(|value| value == STARS)
    };
    let hidden: Vec<String> = request.parameters.keys().filter(|name| is_hidden(name)).cloned().collect();
    let mut before = deployed.parameters.clone();
    before.retain(|name, _| !is_hidden(name));
    // One that is not given has its default.
    let defaults = declared.iter().filter_map(|(name, declared)| Some((name.clone(), declared.default.clone()?)));
    let mut after: BTreeMap<String, String> = defaults.collect();
    after.extend(request.parameters.clone());
    after.retain(|name, _| !is_hidden(name));
    let parameters = changes(&before, &after);
    // Without tags CloudFormation leaves those that there are; and those that it adds itself are none of ours.
    let mut tags = changes(&deployed.tags, &request.tags);
    tags.retain(|tag| !request.tags.is_empty() && !tag.name.starts_with("aws:"));
    let is_whole = ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"];
    let is_same = template.is_empty()
        && nothing.addons.is_empty()
        && hidden.is_empty()
        && parameters.is_empty()
        && tags.is_empty();
    let change = match deployed.status.as_str() {
        // What a failed creation left is deleted and made anew.
        "ROLLBACK_COMPLETE" => Change::Replace,
        "DELETE_COMPLETE" => Change::Create,
        status if is_same && is_whole.contains(&status) => Change::None,
        _ => Change::Update,
    };
    Difference { change, hidden, parameters, tags, template, lost, ..nothing }
}

/// The lines that differ, as a unified diff; nothing where none does.
fn template_lines(deployed: &str, wanted: &str) -> String {
    if deployed == wanted {
        return String::new();
    }
    let differing = TextDiff::from_lines(deployed, wanted);
    differing.unified_diff().context_radius(CONTEXT_LINES).header("deployed", "files").to_string()
}

/// A template as CloudFormation would tell it: it keeps a question mark for what is not ASCII, so that with the two alike
/// nothing is known to differ.
fn as_told<'t>(wanted: &'t str, deployed: &str) -> Cow<'t, str> {
    if wanted.is_ascii() || !deployed.is_ascii() {
        return Cow::Borrowed(wanted);
    }
    let folded: String = wanted.chars().map(|one| if one.is_ascii() { one } else { '?' }).collect();
    Cow::Owned(folded)
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

    fn compared(
        template: &str,
        given: &[(&str, &str)],
        deployed: &[(&str, &str)],
        tags: &[(&str, &str)],
    ) -> Difference {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let request = StackRequest {
            stack: StackName::new("shop"),
            template: template.to_owned(),
            parameters: map(given),
            tags: BTreeMap::new(),
            addons: None,
        };
        let there = Deployed {
            template: template.to_owned(),
            status: "CREATE_COMPLETE".to_owned(),
            parameters: map(deployed),
            tags: map(tags),
            outputs: BTreeMap::new(),
        };
        let nothing = Difference {
            target: TargetName::new("shop"),
            kind: TargetKind::Environment,
            stack: request.stack.clone(),
            location: Location::default(),
            change: Change::Create,
            status: None,
            hidden: Vec::new(),
            parameters: Vec::new(),
            tags: Vec::new(),
            template: String::new(),
            addons: String::new(),
            lost: Vec::new(),
            because: None,
            is_trial: false,
        };
        difference(nothing, &request, Some(&there))
    }

    #[test]
    fn a_secret_is_never_shown_and_never_taken_for_the_same() {
        let template = "Parameters: {Password: {Type: String, NoEcho: true}}\nResources: {}\n";
        let found = compared(template, &[("Password", "hunter2")], &[("Password", "****")], &[]);
        assert_eq!((found.change, found.hidden.as_slice()), (Change::Update, ["Password".to_owned()].as_slice()));
        assert!(!format!("{found:?}").contains("hunter2"));
    }

    #[test]
    fn a_parameter_that_is_no_longer_given_falls_back_to_its_default() {
        let template = "Parameters: {Days: {Type: Number, Default: 7}}\nResources: {}\n";
        assert_eq!(compared(template, &[], &[("Days", "7")], &[]).change, Change::None);
        let found = compared(template, &[], &[("Days", "14")], &[]);
        assert_eq!((found.change, found.parameters[0].after.as_deref()), (Change::Update, Some("7")));
    }

    #[test]
    fn what_aws_tells_with_question_marks_is_no_difference() {
        let ours = "Description: Größe – 100 %\nResources: {}\n";
        assert_eq!(
            as_told(ours, "Description: Gr??e ? 100 %\nResources: {}\n"),
            "Description: Gr??e ? 100 %\nResources: {}\n"
        );
        assert_eq!(as_told(ours, ours), ours, "another endpoint tells it as it is");
    }

    #[test]
    fn tags_are_left_where_none_are_given() {
        assert_eq!(compared("Resources: {}\n", &[], &[], &[("team", "shop")]).change, Change::None);
    }

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
