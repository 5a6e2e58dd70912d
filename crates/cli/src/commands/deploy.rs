//! `syncline deploy`: deploys by hand what the files here ask for, after it has shown how that differs from what is
//! deployed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use syncline_aws::table::TargetRecord;
use syncline_core::assembly::Assembly;
use syncline_core::diagnostic::{self, Diagnostic};
use syncline_core::lease::ByHand;
use syncline_core::manifest::{Manifest, Prune};
use syncline_core::names::{BranchName, RepositoryName, StackName, TargetName};
use syncline_core::plan::{self, Known, Plan};
use syncline_core::status::{SyncStatus, TargetStatus};

use super::now;
use super::plan::aside;
use crate::answer::Answer;
use crate::arguments::{Deploy, Global, Output};
use crate::by_hand::account::{Account, Syncline};
use crate::by_hand::carry_out::{Ending, Hands, carry_out};
use crate::by_hand::difference::{Change, Difference, differences};
use crate::by_hand::ledger::{self, Work};
use crate::by_hand::selection::Said;
use crate::documents::SyncDocument;
use crate::draw::{self, number_of};
use crate::failure::Failure;
use crate::paint::Paint;
use crate::prompt;
use crate::reading::Reading;
use crate::screen::Screen;

/// What `--diff` gives.
#[derive(Serialize)]
struct DifferencesDocument<'d> {
    repository: &'d RepositoryName,
    branch: &'d BranchName,
    targets: &'d [Difference],
}

pub(super) async fn run(global: &Global, deploy: &Deploy) -> Result<Answer, Failure> {
    let mut reading = Reading::open(&deploy.place)?;
    let (manifest, in_manifest) = reading.good_manifest()?;
    let mut said = Said {
        names: deploy.names.clone(),
        environment: deploy.env.clone(),
        branch: deploy.branch.clone(),
        all: deploy.all,
    };
    let branch = said.branch(&reading, &manifest)?;
    let account = Account::open(&deploy.hand).await?;
    let known = account.known(&reading.repository).await?;
    reading.now_in(&account.caller.account, plan::before(&known));
    let whole = match reading.assemble(&manifest, &branch)? {
        Ok(assembly) => assembly,
        Err(mut problems) => {
            problems.extend(in_manifest);
            return Err(reading.problems(&manifest, &branch, problems).into());
        }
    };
    let chosen = said.targets(&whole)?;
    let missing = check_imports(&chosen, &whole, &account).await?;
    if !missing.is_empty() {
        return Err(reading.problems(&manifest, &branch, missing).into());
    }
    let (found, worked_on) = differences(&mut reading, &manifest, &chosen, &account.stacks).await?;
    if deploy.diff {
        return Ok(match global.output {
            Output::Json => {
                let repository = &reading.repository;
                Answer::json(&DifferencesDocument { repository, branch: &branch, targets: &found })?
            }
            Output::Text => Answer::text(draw::difference::differences(&found, Paint::for_stdout(global.no_color))),
        });
    }
    let paint = Paint::for_stderr(global.no_color);
    let warnings = reading.problems(&manifest, &branch, [in_manifest, chosen.warnings.clone()].concat());
    if !warnings.is_empty() {
        eprintln!("{}", aside(&warnings, paint).trim());
    }
    eprintln!("{}", draw::difference::differences(&found, paint));
    if worked_on.targets.is_empty() {
        return nothing_to_do(global, &found);
    }
    if !deploy.hand.yes && !is_confirmed(&worked_on, &branch, &reading)? {
        return Err(Failure::unexplained("nothing was deployed"));
    }
    let by_hand = Work {
        commit: reading.commit_here(&branch),
        by_hand: ByHand { by: account.caller.arn.clone(), has_changes: reading.has_changes(&branch) },
        repository: reading.repository.clone(),
        branch,
    };
    let existing = found.iter().filter(|one| one.change != Change::Create).map(|one| one.stack.clone()).collect();
    let screen = Screen::new(global.output, global.no_color);
    let job =
        Job { account: &account, manifest: &manifest, screen: &screen, existing, is_verbose: deploy.hand.verbose };
    let ending = job.run(&mut reading, &by_hand, &worked_on, known).await;
    answer(global, ending, &screen, &again(deploy), account.syncline.is_some())
}

/// An error for each import that neither a chosen target nor anything deployed exports. Where another target of the branch
/// would, it is that one that is missing.
async fn check_imports(chosen: &Assembly, whole: &Assembly, account: &Account) -> Result<Vec<Diagnostic>, Failure> {
    if !chosen.imports_from_elsewhere() {
        return Ok(Vec::new());
    }
    let mut exported = account.stacks.exports().await?;
    let exporters: BTreeMap<&String, &TargetName> = whole
        .targets
        .iter()
        .flat_map(|target| target.prepared.exchange.exports.iter().map(|export| (export, &target.entry.name)))
        .collect();
    let mut problems = Vec::new();
    for target in &chosen.targets {
        for import in &target.prepared.exchange.required {
            let exporter = exporters.get(import).filter(|_| !exported.contains(import));
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
    problems.extend(chosen.check_imports(&exported, &account.region));
    diagnostic::sort(&mut problems);
    Ok(problems)
}

fn nothing_to_do(global: &Global, found: &[Difference]) -> Result<Answer, Failure> {
    match global.output {
        Output::Json => Answer::json(&serde_json::json!({ "targets": found })),
        Output::Text => {
            Ok(Answer::text(format!("✓ nothing to deploy: {} as deployed", number_of(found.len(), "target"))))
        }
    }
}

fn is_confirmed(worked_on: &Assembly, branch: &BranchName, reading: &Reading) -> Result<bool, Failure> {
    let number = number_of(worked_on.targets.len(), "target");
    if !prompt::is_possible() {
        let help = "`--yes` deploys without asking, `--diff` only shows";
        return Err(Failure::usage(format!("nothing was deployed: nobody is there to say yes to {number}"), help));
    }
    let from = match reading.checked_out().filter(|other| other != branch && reading.commit(branch).is_none()) {
        Some(other) => format!(" from the files of `{other}`"),
        None => String::new(),
    };
    prompt::confirm(&format!("Deploy {number} of branch `{branch}`{from}?"))
}

/// The command that was typed, to be typed again.
fn again(deploy: &Deploy) -> String {
    let mut words = vec!["syncline deploy".to_owned()];
    if deploy.place.folder.as_os_str() != "." {
        words.push(deploy.place.folder.display().to_string());
    }
    words.extend(deploy.names.iter().map(|name| format!("-n {name}")));
    words.extend(deploy.env.iter().map(|name| format!("-e {name}")));
    words.extend(deploy.branch.iter().map(|name| format!("-b {name}")));
    words.extend(deploy.all.then(|| "--all".to_owned()));
    words.join(" ")
}

/// What is to be carried out, and with what.
struct Job<'j> {
    account: &'j Account,
    manifest: &'j Manifest,
    screen: &'j Screen,
    existing: BTreeSet<StackName>,
    is_verbose: bool,
}

impl Job<'_> {
    /// Plans, under the lease where there is one, and carries the plan out.
    async fn run(
        self,
        reading: &mut Reading,
        work: &Work,
        assembly: &Assembly,
        mut known: BTreeMap<TargetName, Known>,
    ) -> Result<Ending, Failure> {
        let syncline = self.account.syncline.clone().map(Arc::new);
        let record = match &syncline {
            Some(syncline) => {
                let record = work.begin(syncline, |line| self.screen.say(line)).await?;
                // Whoever had the lease may have deployed meanwhile.
                known = self.account.known(&work.repository).await?;
                record
            }
            None => work.unrecorded(),
        };
        let plan = by_hand(assembly, &work.branch, self.manifest, known);
        let entries: BTreeMap<_, _> =
            assembly.targets.iter().map(|target| (target.entry.name.clone(), target.entry.clone())).collect();
        let targets = match &syncline {
            Some(syncline) => {
                let table = &syncline.table;
                let stored = table.store_plan(&record, &self.manifest.path, &plan, &entries, &assembly.warnings, None);
                stored.await?.ok_or_else(|| {
                    Failure::new("the sync was stopped before it began", "see `syncline show latest` for why")
                })?
            }
            None => TargetRecord::of_plan(&record, &self.manifest.path, &plan, &entries),
        };
        let hands = Hands {
            account: self.account,
            reading,
            manifest: self.manifest,
            screen: self.screen,
            is_verbose: self.is_verbose,
            existing: self.existing,
        };
        let ending = carry_out(hands, record, targets, syncline.clone()).await?;
        match (ending, syncline) {
            (Ending::Settled(document), Some(syncline)) => Ok(Ending::Settled(as_recorded(document, &syncline).await?)),
            (ending, _) => Ok(ending),
        }
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

/// The sync as its execution has ended it, with the resources that were seen here.
async fn as_recorded(seen: SyncDocument, syncline: &Syncline) -> Result<SyncDocument, Failure> {
    let Some(mut recorded) = ledger::ended(syncline, &seen.summary.sync).await? else { return Ok(seen) };
    for target in &mut recorded.targets {
        if let Some(seen) = seen.targets.iter().find(|seen| seen.target == target.target) {
            target.resources.clone_from(&seen.resources);
        }
    }
    Ok(recorded)
}

/// How it ended, and what to do next.
fn answer(
    global: &Global,
    ending: Result<Ending, Failure>,
    screen: &Screen,
    again: &str,
    is_recorded: bool,
) -> Result<Answer, Failure> {
    let (document, reason) = match ending {
        Ok(Ending::Settled(document)) => (document, None),
        Ok(Ending::Stopped(document, reason)) => (document, Some(reason)),
        Ok(Ending::Interrupted(document)) => return Ok(interrupted(&document, again)),
        Err(failure) => {
            screen.clear();
            return Err(failure);
        }
    };
    screen.leave();
    let paint = Paint::for_stdout(global.no_color);
    let answer = match global.output {
        Output::Json => Answer::json(&document)?,
        Output::Text => {
            let mut lines = draw::sync::failures(&document, paint);
            if let Some(reason) = &reason {
                lines.push(format!("{} the sync was ended: {reason}", paint.sign(TargetStatus::Failed)));
            }
            lines.push(draw::sync::by_hand_summary(&document.summary, now(), paint));
            Answer::text(lines.join("\n"))
        }
    };
    let is_unsuccessful = document.summary.status != SyncStatus::Succeeded;
    let mut follow_ups = if is_unsuccessful { draw::sync::failed_stacks(&document) } else { Vec::new() };
    if is_unsuccessful {
        follow_ups.push((again.to_owned(), "to try again: what is in step is left alone".to_owned()));
    }
    if is_recorded {
        follow_ups.push((format!("syncline show {}", document.summary.sync), "to see it in the history".to_owned()));
    }
    Ok(Answer { follow_ups, is_unsuccessful, ..answer })
}

/// What to say after Ctrl-C: CloudFormation goes on with what it has begun.
fn interrupted(document: &SyncDocument, again: &str) -> Answer {
    let going_on: Vec<&StackName> = document
        .targets
        .iter()
        .filter(|target| target.status == TargetStatus::Deploying)
        .filter_map(|target| target.stack.as_ref())
        .collect();
    let lines: Vec<String> =
        going_on.iter().map(|stack| format!("○ stack {stack} goes on in AWS; nothing else is begun")).collect();
    let mut follow_ups = vec![(again.to_owned(), "to take it up again, and follow it".to_owned())];
    if let Some(stack) = going_on.first() {
        let follow = format!("aws cloudformation describe-stack-events --stack-name {stack}");
        follow_ups.push((follow, "to see how far it is".to_owned()));
        let cancel = format!("aws cloudformation cancel-update-stack --stack-name {stack}");
        follow_ups.push((cancel, "to have an update undone".to_owned()));
    }
    let aside = if lines.is_empty() { "○ stopped: nothing was under way".to_owned() } else { lines.join("\n") };
    Answer { aside, follow_ups, is_unsuccessful: true, ..Answer::default() }
}
