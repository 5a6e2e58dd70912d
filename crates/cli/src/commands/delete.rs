//! `syncline svc delete`, `env delete` and `app delete`: delete by hand what is deployed, in the order in which it can be.
//!
//! Services go first, then addons, then environments. Nothing goes while something that stays still imports from it.

use std::collections::{BTreeMap, BTreeSet};

use syncline_core::diagnostic::nearest;
use syncline_core::manifest::Manifest;
use syncline_core::names::{BranchName, TargetKind, TargetName};
use syncline_core::plan::{self, Known, Plan};
use syncline_core::removal::{self, Doomed};
use syncline_core::status::SyncStatus;

use super::now;
use crate::answer::Answer;
use crate::arguments::{AppDelete, EnvDelete, Global, Hand, Output, Place, SvcDelete};
use crate::by_hand::account::Account;
use crate::by_hand::carry_out::{Ending, Hands, carry_out};
use crate::by_hand::ending::{self, Typed};
use crate::by_hand::ledger::Work;
use crate::by_hand::removal::{Condemned, FromFiles, StillNeeded, all, deployed, in_the_way, needs};
use crate::documents::SyncDocument;
use crate::draw::{self, listed, number_of};
use crate::failure::Failure;
use crate::paint::Paint;
use crate::prompt;
use crate::reading::Reading;
use crate::screen::Screen;

pub(super) async fn service(global: &Global, delete: &SvcDelete) -> Result<Answer, Failure> {
    let (removal, found) = Removal::open(global, &delete.place, &delete.hand).await?;
    check_environment(&found, delete.env.as_deref())?;
    let is_service = |one: &&Condemned| {
        matches!(one.doomed.kind, TargetKind::ServiceInstance | TargetKind::ServicePipeline)
            && delete.env.as_ref().is_none_or(|env| one.is_in(env))
    };
    let services: Vec<Condemned> = found.iter().filter(is_service).cloned().collect();
    let names = names_of(&services, &delete.names, "service")?;
    let meant = services.into_iter().filter(|one| is_among(&names, &one.doomed)).collect();
    let mut typed = Typed::new("svc delete", &delete.place);
    typed.options("-n", &names);
    typed.options("-e", delete.env.as_slice());
    removal.run(meant, typed).await
}

pub(super) async fn environment(global: &Global, delete: &EnvDelete) -> Result<Answer, Failure> {
    let (removal, found) = Removal::open(global, &delete.place, &delete.hand).await?;
    let mut typed = Typed::new("env delete", &delete.place);
    if !delete.addons.is_empty() {
        check_environment(&found, delete.name.as_deref())?;
        let is_addon = |one: &&Condemned| {
            one.doomed.kind == TargetKind::EnvironmentAddon
                && delete.name.as_ref().is_none_or(|env| one.doomed.environment.as_ref() == Some(env))
        };
        let addons: Vec<Condemned> = found.iter().filter(is_addon).cloned().collect();
        let names = names_of(&addons, &delete.addons, "addon")?;
        let meant = addons.into_iter().filter(|one| is_among(&names, &one.doomed)).collect();
        typed.options("--addons", &names);
        typed.options("-n", delete.name.as_slice());
        return removal.run(meant, typed).await;
    }
    let is_environment = |one: &&Condemned| one.doomed.kind == TargetKind::Environment;
    let environments: Vec<Condemned> = found.iter().filter(is_environment).cloned().collect();
    if let Some(name) = delete.name.as_ref().filter(|name| removal.manifest.existing_environments.contains_key(*name)) {
        let help = "delete it where it is deployed; `--addons NAME` deletes an addon in it";
        return Err(Failure::usage(format!("environment `{name}` is only named here: others deploy it"), help));
    }
    let names = names_of(&environments, delete.name.as_slice(), "environment")?;
    let in_it = |one: &&Condemned| {
        matches!(one.doomed.kind, TargetKind::Environment | TargetKind::EnvironmentAddon)
            && one.doomed.environment.as_ref().is_some_and(|environment| names.contains(environment))
    };
    for environment in environments.iter().filter(|one| is_among(&names, &one.doomed)) {
        let services = in_the_way(&found, goes_by(&environment.doomed), &environment.doomed.stack);
        let services: Vec<Condemned> = services.into_iter().cloned().collect();
        let services = deployed(&removal.account.stacks, services).await?;
        if !services.is_empty() {
            let verb = if services.len() == 1 { "is" } else { "are" };
            let names = listed(services.iter().map(|one| &one.doomed.name));
            let name = goes_by(&environment.doomed);
            let help = format!("services go first: `syncline svc delete --env {name}`");
            return Err(Failure::new(
                format!("nothing was deleted: {names} {verb} deployed in environment `{name}`"),
                help,
            ));
        }
    }
    let meant = found.iter().filter(in_it).cloned().collect();
    typed.options("-n", &names);
    removal.run(meant, typed).await
}

pub(super) async fn app(global: &Global, delete: &AppDelete) -> Result<Answer, Failure> {
    let (removal, found) = Removal::open(global, &delete.place, &delete.hand).await?;
    removal.run(found, Typed::new("app delete", &delete.place)).await
}

/// The error for an environment that nothing is in.
fn check_environment(found: &[Condemned], typed: Option<&str>) -> Result<(), Failure> {
    let Some(typed) = typed.filter(|typed| !found.iter().any(|one| one.is_in(typed))) else { return Ok(()) };
    let known: BTreeSet<&str> = found.iter().filter_map(|one| one.doomed.environment.as_deref()).collect();
    let help = match nearest(typed, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there is {}", listed(known)),
    };
    Err(Failure::usage(format!("there is no environment `{typed}`"), help))
}

/// The names that are meant: those that were typed, or those that are chosen at a terminal.
fn names_of(found: &[Condemned], typed: &[String], what: &str) -> Result<Vec<String>, Failure> {
    let mut known: Vec<String> = Vec::new();
    for one in found {
        let name = goes_by(&one.doomed);
        if !known.iter().any(|other| other == name) {
            known.push(name.to_owned());
        }
    }
    if let Some(unknown) = typed.iter().find(|name| !known.contains(name)) {
        let help = match nearest(unknown, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there is {}", listed(&known)),
        };
        return Err(Failure::usage(format!("there is no {what} `{unknown}`"), help));
    }
    if !typed.is_empty() {
        return Ok(typed.to_vec());
    }
    if !prompt::is_possible() {
        let help = format!("name one of {}: `--name NAME`", listed(&known));
        return Err(Failure::usage(format!("no {what} was named to delete"), help));
    }
    let chosen = prompt::choose_some(&format!("Which {what} is to be deleted?"), &known)?;
    if chosen.is_empty() {
        return Err(Failure::usage("nothing was chosen to delete", "mark what you mean with the space bar"));
    }
    Ok(chosen.into_iter().filter_map(|place| known.get(place).cloned()).collect())
}

/// The name that a target goes by.
fn goes_by(doomed: &Doomed) -> &str {
    match (&doomed.service, &doomed.environment) {
        (Some(service), _) => service,
        (None, Some(environment)) if doomed.kind == TargetKind::Environment => environment,
        (None, _) => doomed.name.as_str(),
    }
}

fn is_among(names: &[String], doomed: &Doomed) -> bool {
    names.iter().any(|name| name == goes_by(doomed))
}

/// What a deletion works with.
struct Removal<'g> {
    global: &'g Global,
    hand: Hand,
    reading: Reading,
    manifest: Manifest,
    account: Account,
    known: BTreeMap<TargetName, Known>,
    from_files: FromFiles,
}

impl<'g> Removal<'g> {
    /// Reads the manifest and asks the account; gives everything that there may be to delete.
    async fn open(global: &'g Global, place: &Place, hand: &Hand) -> Result<(Self, Vec<Condemned>), Failure> {
        let mut reading = Reading::open(place)?;
        let (manifest, _) = reading.good_manifest()?;
        let account = Account::open(hand, place).await?;
        let known = account.known(&reading.repository).await?;
        reading.now_in(&account.caller.account, plan::before(&known));
        let mut from_files = FromFiles::default();
        for branch in manifest.branches().into_iter().cloned().collect::<Vec<_>>() {
            // Files that are gone or wrong hide no stack of the manifest, nor one that the history knows.
            if let Ok(Ok(assembly)) = reading.assemble(&manifest, &branch) {
                from_files.add(&assembly);
            }
        }
        let found = all(&manifest, &from_files, &known);
        Ok((Self { global, hand: hand.clone(), reading, manifest, account, known, from_files }, found))
    }

    /// Deletes what of it is deployed, after it has asked.
    async fn run(mut self, meant: Vec<Condemned>, typed: Typed) -> Result<Answer, Failure> {
        let condemned = deployed(&self.account.stacks, meant).await?;
        if condemned.is_empty() {
            return Ok(match self.global.output {
                Output::Json => Answer::json(&serde_json::json!({ "syncs": [] }))?,
                Output::Text => Answer::text("✓ nothing to delete: none of it is deployed".to_owned()),
            });
        }
        let (needs, still_needed) = needs(&self.account.stacks, &condemned, &self.from_files, &self.known).await?;
        if !still_needed.is_empty() {
            return Err(refused(&still_needed));
        }
        let batches = by_branch(&condemned, &needs);
        self.confirm(&batches)?;
        let screen = Screen::new(self.global.output, self.global.no_color);
        let mut documents = Vec::new();
        for (branch, plan) in &batches {
            match self.delete(branch, plan, &screen).await {
                Ok(Ending::Settled(document)) => {
                    let is_done = document.summary.status == SyncStatus::Succeeded;
                    documents.push(document);
                    if !is_done {
                        break;
                    }
                }
                ended => return ending::answer(self.global, ended, &screen, &typed, self.account.syncline.is_some()),
            }
        }
        self.answer(documents, &screen, &typed)
    }

    /// Shows what goes, in order, and asks.
    fn confirm(&self, batches: &[(BranchName, Plan)]) -> Result<(), Failure> {
        let targets: Vec<_> = batches.iter().flat_map(|(_, plan)| &plan.targets).collect();
        for target in &targets {
            eprintln!("- {} ({}): stack {}", target.name, target.kind, target.stack);
        }
        if self.hand.yes {
            return Ok(());
        }
        let number = number_of(targets.len(), "stack");
        if !prompt::is_possible() {
            let help = "`--yes` deletes without asking";
            return Err(Failure::usage(format!("nothing was deleted: nobody is there to say yes to {number}"), help));
        }
        if prompt::confirm(&format!("Delete {number}, in this order, with all that is in them?"))? {
            Ok(())
        } else {
            Err(Failure::unexplained("nothing was deleted"))
        }
    }

    /// Deletes the targets of one branch.
    async fn delete(&mut self, branch: &BranchName, plan: &Plan, screen: &Screen) -> Result<Ending, Failure> {
        let begun = Work::new(&self.account, &self.reading, branch).begin(&self.account, screen).await?;
        let hands = Hands {
            account: &self.account,
            reading: &mut self.reading,
            manifest: &self.manifest,
            screen,
            is_verbose: self.hand.verbose,
            existing: BTreeSet::new(),
        };
        carry_out(hands, begun, plan, &BTreeMap::new(), &[]).await
    }

    /// How all of it ended.
    fn answer(&self, mut documents: Vec<SyncDocument>, screen: &Screen, typed: &Typed) -> Result<Answer, Failure> {
        let is_recorded = self.account.syncline.is_some();
        let Some(last) = documents.pop() else { return Ok(Answer::default()) };
        let mut answer = ending::answer(self.global, Ok(Ending::Settled(last.clone())), screen, typed, is_recorded)?;
        if self.global.output == Output::Text {
            let paint = Paint::for_stdout(self.global.no_color);
            let earlier = documents.iter().map(|document| draw::sync::by_hand_summary(&document.summary, now(), paint));
            answer.text = earlier.chain([answer.text]).collect::<Vec<_>>().join("\n");
        }
        documents.push(last);
        if self.global.output == Output::Json {
            answer.text = Answer::json(&serde_json::json!({ "syncs": documents }))?.text;
        }
        let asked_for = |name: &TargetName| self.manifest.targets.iter().any(|entry| entry.name == *name);
        let targets = documents.iter().flat_map(|document| &document.targets);
        let deleted = targets.filter(|target| target.status.is_in_step()).map(|target| &target.target);
        let again: Vec<&TargetName> = deleted.filter(|name| asked_for(name)).collect();
        if !again.is_empty() && is_recorded {
            let names = listed(&again);
            answer.aside = format!("! the manifest still asks for {names}: the next push deploys that again");
        }
        Ok(answer)
    }
}

fn refused(still_needed: &BTreeSet<StillNeeded>) -> Failure {
    let lines: Vec<String> = still_needed
        .iter()
        .map(|one| format!("\n  stack {} imports {} from `{}`", one.importer, one.export, one.target))
        .collect();
    let help = "delete those stacks first, or have them import from elsewhere";
    Failure::new(format!("nothing was deleted, since it is still needed:{}", lines.concat()), help)
}

/// The plans, one a branch: the branch of the manifest's last entry first, unless something on another branch needs it.
fn by_branch(condemned: &[Condemned], needs: &BTreeSet<(usize, usize)>) -> Vec<(BranchName, Plan)> {
    let mut branches: Vec<&BranchName> = Vec::new();
    for one in condemned.iter().rev() {
        if !branches.contains(&&one.branch) {
            branches.push(&one.branch);
        }
    }
    let place_of = |branch: &BranchName| branches.iter().position(|other| *other == branch).unwrap_or_default();
    let mut graph = syncline_core::graph::Graph::new(branches.len());
    for &(first, second) in needs {
        let (first, second) = (place_of(&condemned[first].branch), place_of(&condemned[second].branch));
        if first != second {
            graph.add(second, first);
        }
    }
    let order = graph.order().unwrap_or_else(|_| (0..branches.len()).collect());
    let plan_of = |branch: &BranchName| {
        let places: Vec<usize> = (0..condemned.len()).filter(|&place| condemned[place].branch == *branch).collect();
        let doomed: Vec<Doomed> = places.iter().map(|&place| condemned[place].doomed.clone()).collect();
        let here = |place: usize| places.iter().position(|&other| other == place);
        let needs = needs.iter().filter_map(|&(first, second)| Some((here(first)?, here(second)?))).collect();
        removal::plan(&doomed, &needs)
    };
    order.into_iter().map(|place| (branches[place].clone(), plan_of(branches[place]))).collect()
}
