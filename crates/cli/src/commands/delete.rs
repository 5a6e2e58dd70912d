//! `syncline svc delete`, `env delete` and `app delete`: delete by hand what is deployed, in the order in which it can be.
//!
//! Services go first, then addons, then environments. Nothing goes while something that stays still imports from it.

use std::collections::{BTreeMap, BTreeSet};

use syncline_core::manifest::Manifest;
use syncline_core::names::{BranchName, StackName, TargetKind, TargetName};
use syncline_core::plan::{self, Known};
use syncline_core::removal::{self, Doomed, Run};
use syncline_core::status::SyncStatus;

use super::plan::aside;
use crate::answer::Answer;
use crate::arguments::{AppDelete, EnvDelete, Global, Hand, Output, Place, SvcDelete};
use crate::by_hand::account::Account;
use crate::by_hand::carry_out::{Ending, Hands, How, carry_out};
use crate::by_hand::ending::{self, Typed};
use crate::by_hand::ledger::{self, Begun, Free, Work};
use crate::by_hand::owner::{DeployedBy, TargetStack, check_ours};
use crate::by_hand::removal::{Condemned, FromFiles, StillNeeded, all, deployed, in_the_way, left_behind, needs};
use crate::documents::SyncDocument;
use crate::draw::{listed, number_of, one_of, shell_line, stack_at};
use crate::failure::Failure;
use crate::paint::Paint;
use crate::problems::Problems;
use crate::prompt;
use crate::reading::Reading;
use crate::screen::Screen;

pub(super) async fn service(global: &Global, delete: &SvcDelete) -> Result<Answer, Failure> {
    let removal = Removal::open(global, &delete.place, &delete.hand).await?;
    check_environment(&removal.found, delete.env.as_deref())?;
    let is_service = |one: &&Condemned| {
        matches!(one.doomed.kind, TargetKind::ServiceInstance | TargetKind::ServicePipeline)
            && delete.env.as_ref().is_none_or(|env| one.doomed.is_in(env))
    };
    let services: Vec<Condemned> = removal.found.iter().filter(is_service).cloned().collect();
    let names = names_of(&services, &delete.names, "service", "--name")?;
    let meant = services.into_iter().filter(|one| is_among(&names, &one.doomed)).collect();
    let mut typed = Typed::new(&["svc", "delete"], &delete.place, &delete.hand);
    typed.options("-n", &names);
    typed.options("-e", delete.env.as_slice());
    removal.run(meant, Vec::new(), typed).await
}

pub(super) async fn environment(global: &Global, delete: &EnvDelete) -> Result<Answer, Failure> {
    let removal = Removal::open(global, &delete.place, &delete.hand).await?;
    let mut typed = Typed::new(&["env", "delete"], &delete.place, &delete.hand);
    if !delete.addons.is_empty() {
        check_environment(&removal.found, delete.name.as_deref())?;
        let is_addon = |one: &&Condemned| {
            one.doomed.kind == TargetKind::EnvironmentAddon
                && delete.name.as_ref().is_none_or(|env| one.doomed.environment.as_ref() == Some(env))
        };
        let addons: Vec<Condemned> = removal.found.iter().filter(is_addon).cloned().collect();
        let names = names_of(&addons, &delete.addons, "addon", "--addons")?;
        let meant = addons.into_iter().filter(|one| is_among(&names, &one.doomed)).collect();
        typed.options("--addons", &names);
        typed.options("-n", delete.name.as_slice());
        return removal.run(meant, Vec::new(), typed).await;
    }
    let is_environment = |one: &&Condemned| one.doomed.kind == TargetKind::Environment;
    let environments: Vec<Condemned> = removal.found.iter().filter(is_environment).cloned().collect();
    if let Some(name) = delete.name.as_ref().filter(|name| removal.manifest.existing_environments.contains_key(*name)) {
        let help = "delete it where it is deployed; `--addons NAME` deletes an addon in it";
        return Err(Failure::usage(format!("environment `{name}` is only named here: others deploy it"), help));
    }
    let names = names_of(&environments, delete.name.as_slice(), "environment", "--name")?;
    let in_it = |one: &&Condemned| {
        matches!(one.doomed.kind, TargetKind::Environment | TargetKind::EnvironmentAddon)
            && one.doomed.environment.as_ref().is_some_and(|environment| names.contains(environment))
    };
    let meant = removal.found.iter().filter(in_it).cloned().collect();
    let emptied = environments.into_iter().map(|one| one.doomed).filter(|doomed| is_among(&names, doomed)).collect();
    typed.options("-n", &names);
    removal.run(meant, emptied, typed).await
}

pub(super) async fn app(global: &Global, delete: &AppDelete) -> Result<Answer, Failure> {
    let removal = Removal::open(global, &delete.place, &delete.hand).await?;
    let found = removal.found.clone();
    removal.run(found, Vec::new(), Typed::new(&["app", "delete"], &delete.place, &delete.hand)).await
}

/// The error for an environment that nothing is in.
fn check_environment(found: &[Condemned], typed: Option<&str>) -> Result<(), Failure> {
    let Some(typed) = typed.filter(|typed| !found.iter().any(|one| one.doomed.is_in(typed))) else { return Ok(()) };
    let known: BTreeSet<&str> = found.iter().filter_map(|one| one.doomed.environment.as_deref()).collect();
    Err(Failure::usage(format!("there is no environment `{typed}`"), one_of(typed, known)))
}

/// The names that are meant: those that were typed, or those that are chosen at a terminal.
fn names_of(found: &[Condemned], typed: &[String], what: &str, option: &str) -> Result<Vec<String>, Failure> {
    let mut known: Vec<&str> = Vec::new();
    for one in found {
        if !known.contains(&one.doomed.goes_by()) {
            known.push(one.doomed.goes_by());
        }
    }
    let is_there = |name: &String| found.iter().any(|one| is_among(std::slice::from_ref(name), &one.doomed));
    if let Some(unknown) = typed.iter().find(|name| !is_there(name)) {
        return Err(Failure::usage(format!("there is no {what} `{unknown}`"), one_of(unknown, known)));
    }
    if !typed.is_empty() {
        return Ok(typed.to_vec());
    }
    if known.is_empty() {
        return Err(Failure::usage(
            format!("there is no {what} to delete"),
            "`syncline plan` lists what the files have",
        ));
    }
    if !prompt::is_possible() {
        let help = format!("name one of {}: `{option} NAME`", listed(&known));
        return Err(Failure::usage(format!("no {what} was named to delete"), help));
    }
    let choices: Vec<String> = known.iter().map(|name| (*name).to_owned()).collect();
    let chosen = prompt::choose_some(&format!("Which {what} is to be deleted?"), &choices)?;
    if chosen.is_empty() {
        return Err(Failure::usage("nothing was chosen to delete", "mark what you mean with the space bar"));
    }
    Ok(chosen.into_iter().filter_map(|place| choices.get(place).cloned()).collect())
}

fn is_among(names: &[String], doomed: &Doomed) -> bool {
    names.iter().any(|name| name == doomed.goes_by() || name == doomed.name.as_str())
}

/// What a deletion works with.
struct Removal<'g> {
    global: &'g Global,
    hand: Hand,
    reading: Reading,
    manifest: Manifest,
    account: Account,
    from_files: FromFiles,
    /// Everything that there may be to delete.
    found: Vec<Condemned>,
}

/// What is to go, as it was looked at.
struct Looked {
    going: Vec<(Condemned, DeployedBy)>,
    runs: Vec<Run>,
    known: BTreeMap<TargetName, Known>,
}

impl Looked {
    /// What is left of it after the first run.
    fn after_first(&self) -> Asked {
        let Some((first, left)) = self.runs.split_first() else { return Asked::default() };
        let is_left =
            |one: &&(Condemned, DeployedBy)| !first.plan.targets.iter().any(|t| t.stack == one.0.doomed.stack);
        Asked { going: self.going.iter().filter(is_left).cloned().collect(), runs: left.to_vec() }
    }
}

/// What somebody was asked about.
#[derive(Default, PartialEq)]
struct Asked {
    going: Vec<(Condemned, DeployedBy)>,
    runs: Vec<Run>,
}

impl<'g> Removal<'g> {
    /// Reads the manifest and asks the account for everything that there may be to delete.
    async fn open(global: &'g Global, place: &Place, hand: &Hand) -> Result<Self, Failure> {
        let mut reading = Reading::open(place)?;
        let (manifest, _) = reading.good_manifest()?;
        let account = Account::open(hand, place).await?;
        account.check_repository(&reading)?;
        let manifest = account.locate(manifest)?;
        let known = account.known(&reading.repository).await?;
        reading.now_in(&account.caller.account, plan::before(&known));
        let mut from_files = FromFiles::default();
        let paint = Paint::for_stderr(global.no_color);
        for branch in manifest.branches().into_iter().cloned().collect::<Vec<_>>() {
            // Files that are gone or wrong hide no stack of the manifest, nor one that the history knows.
            let problems: Problems = match reading.assemble(&manifest, &branch) {
                Ok(Ok(assembly)) => {
                    from_files.add(&assembly);
                    continue;
                }
                Ok(Err(problems)) => reading.problems(&manifest, &branch, problems),
                Err(failure) => {
                    eprintln!("! the files of `{branch}` cannot be read: {}", failure.message());
                    Problems::default()
                }
            };
            if !problems.is_empty() {
                eprintln!("{}", aside(&problems, paint).trim());
                eprintln!(
                    "! the files of `{branch}` have errors: which of its services need what is known only from the account"
                );
            }
            from_files.unread.insert(branch);
        }
        let found = all(&manifest, &from_files, &known);
        Ok(Self { global, hand: hand.clone(), reading, manifest, account, from_files, found })
    }

    /// Deletes what of it is deployed, after it has asked. No service may be deployed in the environments that are `emptied`.
    async fn run(mut self, meant: Vec<Condemned>, emptied: Vec<Doomed>, typed: Typed) -> Result<Answer, Failure> {
        let places = match meant.as_slice() {
            [] => self.account.place(),
            meant => self.account.places(meant.iter().map(|one| &one.doomed.location)),
        };
        let stacks = meant.into_iter().map(|one| one.doomed.stack).collect();
        let mut documents = Vec::new();
        let last = self.work_off(stacks, &emptied, &mut documents).await;
        let is_recorded = self.account.syncline.is_some();
        match last {
            Ok(Some(ending)) => ending::answer(self.global, documents, ending, &typed, is_recorded),
            Ok(None) if documents.is_empty() && self.global.output == Output::Text => {
                Ok(Answer::text(format!("✓ nothing to delete: none of it is deployed in {places}")))
            }
            Ok(None) => ending::cut_short(self.global, &documents, None),
            // What went before is not hidden by what came after it.
            Err(failure) if !documents.is_empty() => ending::cut_short(self.global, &documents, Some(&failure)),
            Err(failure) => Err(failure),
        }
    }

    /// Works off one run after another, and notes those that ended well. Gives the last one, or the one that did not.
    async fn work_off(
        &mut self,
        mut left: BTreeSet<StackName>,
        emptied: &[Doomed],
        documents: &mut Vec<SyncDocument>,
    ) -> Result<Option<Ending>, Failure> {
        let mut asked: Option<Asked> = None;
        loop {
            let free = self.free(&left).await?;
            let looked = self.look(&left, emptied).await?;
            let Some(run) = looked.runs.first() else { return Ok(None) };
            let now = Asked { going: looked.going.clone(), runs: looked.runs.clone() };
            if asked.as_ref() != Some(&now) {
                self.confirm(&looked)?;
            }
            let work = Work::new(&self.account, &self.reading, &run.branch);
            let begun = match free.get(&run.branch) {
                Some(free) => work.begin(&self.account, free).await?,
                // It is another branch's by now.
                None => None,
            };
            let Some(begun) = begun else {
                eprintln!(
                    "! somebody deployed from `{}` meanwhile: what there is to delete is looked at again",
                    run.branch
                );
                asked = Some(now);
                continue;
            };
            if let Err(failure) = self.check_again(run, emptied).await {
                begun.end(&failure.message()).await;
                return Err(failure);
            }
            let ending = self.delete(run, begun).await?;
            let is_done = ending.how == How::Settled && ending.document.summary.status == SyncStatus::Succeeded;
            if !is_done || looked.runs.len() == 1 {
                return Ok(Some(ending));
            }
            documents.push(ending.document);
            left.retain(|stack| !run.plan.targets.iter().any(|target| target.stack == *stack));
            asked = Some(looked.after_first());
        }
    }

    /// Waits until nobody works on any of the branches that these stacks are of.
    async fn free(&self, left: &BTreeSet<StackName>) -> Result<BTreeMap<BranchName, Free>, Failure> {
        let known = self.account.known(&self.reading.repository).await?;
        let branches: BTreeSet<_> = self.of_stacks(left, &known).into_iter().map(|one| one.doomed.branch).collect();
        let mut free = BTreeMap::new();
        for branch in branches {
            let moment = ledger::free(&self.account, &self.reading.repository, &branch, self.global).await?;
            free.insert(branch, moment);
        }
        Ok(free)
    }

    /// The targets that these stacks are, as the files and the history have them now.
    fn of_stacks(&self, left: &BTreeSet<StackName>, known: &BTreeMap<TargetName, Known>) -> Vec<Condemned> {
        let mut found = all(&self.manifest, &self.from_files, known);
        found.retain(|one| left.contains(&one.doomed.stack));
        found
    }

    /// Errors: a service is deployed in an environment that is to go.
    async fn check_emptied(&self, emptied: &[Doomed], known: &BTreeMap<TargetName, Known>) -> Result<(), Failure> {
        let found = all(&self.manifest, &self.from_files, known);
        for environment in emptied {
            let services: Vec<Condemned> = in_the_way(&found, environment).into_iter().cloned().collect();
            let services = deployed(&self.account, &self.reading.repository, known, &services).await?;
            if !services.is_empty() {
                return Err(services_first(environment, &services));
            }
        }
        Ok(())
    }

    /// Errors: what was looked at before the lease was taken holds no more: it was paused, or a service was deployed.
    async fn check_again(&self, run: &Run, emptied: &[Doomed]) -> Result<(), Failure> {
        let names = run.plan.targets.iter().map(|target| (&run.branch, &target.name));
        self.account.check_paused(&self.reading.repository, names).await?;
        self.check_emptied(emptied, &self.account.known(&self.reading.repository).await?).await
    }

    /// Looks at what of it is deployed, who needs it, and in which order it can go.
    ///
    /// Errors: something that stays still needs it, or it is not ours.
    async fn look(&self, left: &BTreeSet<StackName>, emptied: &[Doomed]) -> Result<Looked, Failure> {
        let repository = self.reading.repository.clone();
        let known = self.account.known(&repository).await?;
        self.check_emptied(emptied, &known).await?;
        let left = self.of_stacks(left, &known);
        let going = deployed(&self.account, &repository, &known, &left).await?;
        let names = going.iter().map(|(one, _)| (&one.doomed.branch, &one.doomed.name));
        self.account.check_paused(&repository, names).await?;
        let asked: Vec<TargetStack> = going.iter().map(|(one, _)| one.target_stack()).collect();
        check_ours(&repository, &known, asked.iter().zip(going.iter().map(|(_, by)| by)), "deleted")?;
        let condemned: Vec<Condemned> = going.iter().map(|(one, _)| one.clone()).collect();
        let (needs, still_needed) =
            needs(&self.account.stacks, &repository, &condemned, &self.from_files, &known).await?;
        if !still_needed.is_empty() {
            return Err(refused(&still_needed));
        }
        let doomed: Vec<Doomed> = condemned.into_iter().map(|one| one.doomed).collect();
        Ok(Looked { going, runs: removal::runs(&doomed, &needs), known })
    }

    /// Shows what goes, in order, what is worth knowing before, and asks.
    fn confirm(&self, Looked { going, runs, known }: &Looked) -> Result<(), Failure> {
        let of_stack = |target: &plan::PlannedTarget| going.iter().find(|(one, _)| one.doomed.stack == target.stack);
        let targets: Vec<_> = runs.iter().flat_map(|run| &run.plan.targets).collect();
        let mut unknown = Vec::new();
        for target in &targets {
            let mark = match of_stack(target) {
                Some((_, DeployedBy::Unknown)) => {
                    unknown.push(&target.stack);
                    ", which Syncline never deployed as far as is known"
                }
                Some((Condemned { is_adopted: true, .. }, _)) => ", which was there before Syncline",
                _ => "",
            };
            let stack = stack_at(&target.stack, &target.location);
            eprintln!("- {} ({}): stack {stack}{mark}", target.name, target.kind);
        }
        let condemned: Vec<Condemned> = going.iter().map(|(one, _)| one.clone()).collect();
        for (staying, needed) in left_behind(&condemned, known) {
            eprintln!("! `{staying}` stays, and depends on `{needed}`");
        }
        let asks_again = |one: &&Condemned| {
            !one.is_adopted && self.manifest.targets.iter().any(|entry| entry.name == one.doomed.name)
        };
        let again: Vec<&TargetName> = condemned.iter().filter(asks_again).map(|one| &one.doomed.name).collect();
        if !again.is_empty() && self.account.syncline.is_some() {
            eprintln!("! the manifest still asks for {}: the next push deploys that again", listed(again));
        }
        eprintln!("{}", self.account.where_it_works(&self.reading, &[]));
        let number = number_of(targets.len(), "stack");
        if self.hand.yes {
            if unknown.is_empty() {
                return Ok(());
            }
            let error = format!(
                "nothing was deleted: `--yes` is not enough for {}, which Syncline never deployed as far as is known",
                listed(unknown)
            );
            return Err(Failure::new(error, "look at it, and leave out `--yes` to be asked at a terminal"));
        }
        if !prompt::is_possible() {
            let help = "`--yes` deletes without asking";
            return Err(Failure::usage(format!("nothing was deleted: nobody is there to say yes to {number}"), help));
        }
        let places = self.account.places(targets.iter().map(|target| &target.location));
        if prompt::confirm(&format!("Delete {number} in {places}, in this order, with all that is in them?"))? {
            Ok(())
        } else {
            Err(Failure::unexplained("nothing was deleted"))
        }
    }

    /// Deletes the targets of one run.
    async fn delete(&mut self, run: &Run, begun: Begun) -> Result<Ending, Failure> {
        let screen = Screen::new(self.global.output, self.global.no_color);
        let hands = Hands {
            account: &self.account,
            reading: &mut self.reading,
            manifest: &self.manifest,
            screen: &screen,
            is_verbose: self.hand.verbose,
            existing: BTreeSet::new(),
        };
        let ending = carry_out(hands, begun, &run.plan, &BTreeMap::new(), &[]).await;
        screen.leave();
        ending
    }
}

/// The services that are, or may be, in an environment that is to go, and how to delete them.
fn services_first(environment: &Doomed, services: &[(Condemned, DeployedBy)]) -> Failure {
    let name = environment.goes_by();
    let is_sure = services.iter().all(|(one, _)| one.doomed.is_in(name));
    let verb = match (is_sure, services.len()) {
        (true, 1) => "is deployed",
        (true, _) => "are deployed",
        (false, _) => "may be deployed",
    };
    let names: BTreeSet<&str> = match is_sure {
        true => services.iter().map(|(one, _)| one.doomed.goes_by()).collect(),
        false => services.iter().map(|(one, _)| one.doomed.name.as_str()).collect(),
    };
    let typed = names.into_iter().flat_map(|service| ["--name", service]);
    let of_environment = is_sure.then_some(["--env", name]).into_iter().flatten();
    let command = shell_line(["syncline", "svc", "delete"].into_iter().chain(of_environment).chain(typed));
    let listed = listed(services.iter().map(|(one, _)| &one.doomed.name));
    let error = format!("nothing was deleted: {listed} {verb} in environment `{name}`");
    Failure::new(error, format!("services go first: `{command}`"))
}

fn refused(still_needed: &BTreeSet<StillNeeded>) -> Failure {
    let lines: Vec<String> = still_needed
        .iter()
        .map(|one| format!("\n  stack {} imports {} from `{}`", one.importer, one.export, one.target))
        .collect();
    let help = "delete those stacks first, or have them import from elsewhere";
    Failure::new(format!("nothing was deleted, since it is still needed:{}", lines.concat()), help)
}
