//! `syncline deploy`: deploys by hand what the files here ask for, after it has shown how that differs from what is
//! deployed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use syncline_core::assembly::{AssembledTarget, Assembly};
use syncline_core::diagnostic::{self, Diagnostic};
use syncline_core::location::Location;
use syncline_core::manifest::{Manifest, Prune};
use syncline_core::names::{BranchName, RepositoryName, TargetName};
use syncline_core::plan::{self, Known, Plan};

use super::plan::aside;
use crate::answer::Answer;
use crate::arguments::{Deploy, Global, Output};
use crate::by_hand::account::Account;
use crate::by_hand::carry_out::{Ending, Hands, carry_out};
use crate::by_hand::difference::{Change, Difference, check_adopted, check_bucket, differences};
use crate::by_hand::ending;
use crate::by_hand::ledger::{self, Begun, Work};
use crate::by_hand::owner::{TargetStack, check_ours, deployers};
use crate::by_hand::selection::Said;
use crate::draw::{self, number_of};
use crate::failure::Failure;
use crate::paint::Paint;
use crate::problems::{ProblemDocument, Problems};
use crate::prompt;
use crate::reading::Reading;
use crate::screen::Screen;

/// What `--diff` gives.
#[derive(Serialize)]
struct DifferencesDocument<'d> {
    repository: &'d RepositoryName,
    branch: &'d BranchName,
    targets: &'d [Difference],
    /// What is worth a look before it is deployed.
    diagnostics: Vec<ProblemDocument>,
}

pub(super) async fn run(global: &Global, deploy: &Deploy) -> Result<Answer, Failure> {
    let mut reading = Reading::open(&deploy.place)?;
    let (manifest, in_manifest) = reading.good_manifest()?;
    let mut said = Said::new(deploy);
    let branch = said.branch(&mut reading, &manifest)?;
    let account = Account::open(&deploy.hand, &deploy.place).await?;
    account.check_repository(&reading)?;
    let manifest = account.locate(manifest)?;
    let paint = Paint::for_stderr(global.no_color);
    let mut asked: Option<Vec<Difference>> = None;
    loop {
        let free =
            if deploy.diff { None } else { Some(ledger::free(&account, &reading.repository, &branch, global).await?) };
        let looked = look(&mut reading, &manifest, &in_manifest, &branch, &mut said, &account).await?;
        let warnings = [in_manifest.as_slice(), &looked.chosen.warnings, &looked.left].concat();
        let warnings = reading.problems(&manifest, &branch, warnings);
        let Some(free) = free else { return differing(global, &reading, &branch, &looked, &warnings, &account) };
        if asked.as_ref() != Some(&looked.differences) {
            if !warnings.is_empty() {
                eprintln!("{}", aside(&warnings, paint).trim());
            }
            eprintln!("{}", draw::difference::differences(&looked.differences, paint));
            if looked.worked_on.targets.is_empty() {
                return nothing_to_do(global, &looked, &account);
            }
            check_bucket(&looked.worked_on, &looked.differences, &account)?;
            account.check_paused(&reading.repository, looked.names(&branch)).await?;
            eprintln!("{}", account.where_it_works(&reading, &[&branch]));
            if !deploy.hand.yes && !is_confirmed(&looked.worked_on, &branch, &account)? {
                return Err(Failure::unexplained("nothing was deployed"));
            }
        }
        if let Some(begun) = Work::new(&account, &reading, &branch).begin(&account, &free).await? {
            // It may have been paused while somebody was asked.
            if let Err(paused) = account.check_paused(&reading.repository, looked.names(&branch)).await {
                begun.end(&paused.message()).await;
                return Err(paused);
            }
            let screen = Screen::new(global.output, global.no_color);
            let job = Job { account: &account, manifest: &manifest, screen: &screen, is_verbose: deploy.hand.verbose };
            let ending = job.run(&mut reading, &branch, begun, &looked).await;
            screen.leave();
            return ending::answer(global, Vec::new(), ending?, &said.typed(deploy), account.syncline.is_some());
        }
        eprintln!("! somebody deployed from `{branch}` meanwhile: what there is to do is looked at again");
        asked = Some(looked.differences);
    }
}

/// What there is to do, as it was looked at.
struct Looked {
    /// The targets that are meant.
    chosen: Assembly,
    /// Those of them that are to be worked on.
    worked_on: Assembly,
    differences: Vec<Difference>,
    /// A warning for each stack that a target was and is no more: it is left where it is.
    left: Vec<Diagnostic>,
    known: BTreeMap<TargetName, Known>,
}

impl Looked {
    /// Where what is meant is.
    fn locations(&self) -> impl Iterator<Item = &Location> {
        self.chosen.targets.iter().map(|target| &target.entry.location)
    }

    /// What is to be worked on, with its branch.
    fn names<'l>(&'l self, branch: &'l BranchName) -> impl Iterator<Item = (&'l BranchName, &'l TargetName)> {
        self.worked_on.targets.iter().map(move |target| (branch, &target.entry.name))
    }
}

/// Compares what is meant with what is deployed.
async fn look(
    reading: &mut Reading,
    manifest: &Manifest,
    in_manifest: &[Diagnostic],
    branch: &BranchName,
    said: &mut Said,
    account: &Account,
) -> Result<Looked, Failure> {
    let known = account.known(&reading.repository).await?;
    reading.now_in(&account.caller.account, plan::before(&known));
    let whole = match reading.assemble(manifest, branch)? {
        Ok(assembly) => assembly,
        Err(mut problems) => {
            problems.extend_from_slice(in_manifest);
            return Err(reading.problems(manifest, branch, problems).into());
        }
    };
    let chosen = said.targets(&whole)?;
    check_branch(&chosen, branch, &known)?;
    let missing = check_imports(&chosen, &whole, account, &reading.repository).await?;
    if !missing.is_empty() {
        return Err(reading.problems(manifest, branch, missing).into());
    }
    let (differences, worked_on) = differences(reading, manifest, &chosen, account, &known).await?;
    check_adopted(&worked_on, &differences)?;
    check_owners(&worked_on, &differences, account, &reading.repository, &known).await?;
    let left = plan::stacks_left(&chosen, manifest, &known);
    Ok(Looked { chosen, worked_on, differences, left, known })
}

/// Refuses what another branch's syncs deploy, as far as the history knows: its lease is not ours to take.
fn check_branch(chosen: &Assembly, branch: &BranchName, known: &BTreeMap<TargetName, Known>) -> Result<(), Failure> {
    for target in &chosen.targets {
        let elsewhere = known.values().find(|known| known.stack == target.entry.stack && known.branch != *branch);
        if let Some(Known { branch: other, stack, .. }) = elsewhere {
            let name = &target.entry.name;
            let error = format!(
                "`{name}` is of branch `{branch}` in this manifest, but stack `{stack}` was deployed from `{other}`"
            );
            let help =
                format!("push the manifest first, so that syncs know that it moved, or have its `branch` be `{other}`");
            return Err(Failure::new(error, help));
        }
    }
    Ok(())
}

/// Refuses what another repository deployed last: its lease is not ours to take either. Without a history nobody knows.
async fn check_owners(
    worked_on: &Assembly,
    differences: &[Difference],
    account: &Account,
    repository: &RepositoryName,
    known: &BTreeMap<TargetName, Known>,
) -> Result<(), Failure> {
    if account.syncline.is_none() {
        return Ok(());
    }
    let is_worked_on = |one: &&Difference| worked_on.targets.iter().any(|target| target.entry.name == one.target);
    let there = differences.iter().filter(is_worked_on).filter(|one| one.status.is_some());
    let asked: Vec<TargetStack> = there
        .map(|one| TargetStack { target: one.target.clone(), stack: one.stack.clone(), location: one.location.clone() })
        .collect();
    let found = deployers(account, repository, known, &asked).await?;
    let found = asked.iter().zip(&found).filter_map(|(asked, by)| Some((asked, by.as_ref()?)));
    check_ours(repository, known, found, "deployed")
}

/// What `--diff` answers.
fn differing(
    global: &Global,
    reading: &Reading,
    branch: &BranchName,
    looked: &Looked,
    warnings: &Problems,
    account: &Account,
) -> Result<Answer, Failure> {
    Ok(match global.output {
        Output::Json => {
            let (repository, diagnostics) = (&reading.repository, warnings.documents());
            Answer::json(&DifferencesDocument { repository, branch, targets: &looked.differences, diagnostics })?
        }
        Output::Text => {
            let paint = Paint::for_stdout(global.no_color);
            let compared = format!("○ compared with {}", account.places(looked.locations()));
            let aside = format!("{compared}{}", aside(warnings, Paint::for_stderr(global.no_color)));
            Answer { aside, ..Answer::text(draw::difference::differences(&looked.differences, paint)) }
        }
    })
}

/// An error for each import that neither a chosen target nor anything deployed exports. Where another target of the branch
/// would, it is that one that is missing.
async fn check_imports(
    chosen: &Assembly,
    whole: &Assembly,
    account: &Account,
    repository: &RepositoryName,
) -> Result<Vec<Diagnostic>, Failure> {
    let mut problems = Vec::new();
    for location in chosen.imports_from_elsewhere() {
        let exported = account.stacks.at(&location, repository).await?.exports().await?;
        problems.extend(missing_at(&location, exported, chosen, whole, &account.region));
    }
    diagnostic::sort(&mut problems);
    Ok(problems)
}

/// What is missing of what is `exported` in one account and region.
fn missing_at(
    location: &Location,
    mut exported: BTreeSet<String>,
    chosen: &Assembly,
    whole: &Assembly,
    home: &str,
) -> Vec<Diagnostic> {
    let is_there = |target: &&AssembledTarget| target.prepared.location.is_with(location);
    let exporters: BTreeMap<&String, &TargetName> = whole
        .targets
        .iter()
        .filter(is_there)
        .flat_map(|target| target.prepared.exchange.exports.iter().map(|export| (export, &target.entry.name)))
        .collect();
    let mut problems = Vec::new();
    for target in chosen.targets.iter().filter(is_there) {
        for import in &target.prepared.exchange.required {
            let name = import.replace("${AWS::Region}", location.region_or(home));
            let exporter = exporters.get(import).filter(|_| !name.contains("${") && !exported.contains(&name));
            let is_chosen = |name: &TargetName| chosen.targets.iter().any(|other| other.entry.name == *name);
            let Some(exporter) = exporter.filter(|name| !is_chosen(name)) else { continue };
            let message = format!(
                "`{}` imports `{import}`, and `{exporter}`, which exports it, is not deployed",
                target.entry.name
            );
            let entry = whole.targets.iter().find(|other| other.entry.name == **exporter).map(|other| &other.entry);
            let name = entry.map_or("", |entry| entry.goes_by());
            let help = format!("deploy that too: `--name {name}`, or `--all`");
            problems.push(Diagnostic::error(&target.prepared.template, message).help(help));
        }
    }
    exported.extend(exporters.into_keys().cloned());
    problems.extend(chosen.check_imports(location, &exported, home));
    problems
}

fn nothing_to_do(global: &Global, looked: &Looked, account: &Account) -> Result<Answer, Failure> {
    match global.output {
        Output::Json => ending::document(&[]),
        Output::Text => {
            let (number, places) = (number_of(looked.differences.len(), "target"), account.places(looked.locations()));
            Ok(Answer::text(format!("✓ nothing to deploy: {number} as deployed in {places}")))
        }
    }
}

fn is_confirmed(worked_on: &Assembly, branch: &BranchName, account: &Account) -> Result<bool, Failure> {
    let number = number_of(worked_on.targets.len(), "target");
    if !prompt::is_possible() {
        let help = "`--yes` deploys without asking, `--diff` only shows";
        return Err(Failure::usage(format!("nothing was deployed: nobody is there to say yes to {number}"), help));
    }
    let places = account.places(worked_on.targets.iter().map(|target| &target.entry.location));
    prompt::confirm(&format!("Deploy {number} of branch `{branch}` in {places}?"))
}

/// What is to be carried out, and with what.
struct Job<'j> {
    account: &'j Account,
    manifest: &'j Manifest,
    screen: &'j Screen,
    is_verbose: bool,
}

impl Job<'_> {
    /// Carries out what was looked at.
    async fn run(
        self,
        reading: &mut Reading,
        branch: &BranchName,
        begun: Begun,
        looked: &Looked,
    ) -> Result<Ending, Failure> {
        let assembly = &looked.worked_on;
        let plan = by_hand(assembly, branch, self.manifest, looked.known.clone());
        let entries = assembly.targets.iter().map(|target| (target.entry.name.clone(), target.entry.clone())).collect();
        let there = looked.differences.iter().filter(|one| !matches!(one.change, Change::Create | Change::Replace));
        let hands = Hands {
            account: self.account,
            reading,
            manifest: self.manifest,
            screen: self.screen,
            is_verbose: self.is_verbose,
            existing: there.map(|one| one.stack.clone()).collect(),
        };
        let warnings = [assembly.warnings.as_slice(), &looked.left].concat();
        carry_out(hands, begun, &plan, &entries, &warnings).await
    }
}

/// The plan for what is deployed by hand: every target is looked at, whatever the history says of it, and nothing is deleted.
fn by_hand(
    assembly: &Assembly,
    branch: &BranchName,
    manifest: &Manifest,
    mut known: BTreeMap<TargetName, Known>,
) -> Plan {
    for known in known.values_mut() {
        known.sources = None;
    }
    let mut manifest = manifest.clone();
    manifest.prune = Prune::default();
    Plan { unmanaged: Vec::new(), ..Plan::new(assembly, branch, &manifest, &known) }
}
