//! `syncline deploy`: deploys by hand what the files here ask for, after it has shown how that differs from what is
//! deployed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use syncline_core::assembly::Assembly;
use syncline_core::diagnostic::{self, Diagnostic};
use syncline_core::manifest::{Manifest, Prune};
use syncline_core::names::{BranchName, RepositoryName, StackName, TargetName};
use syncline_core::plan::{self, Known, Plan};

use super::plan::aside;
use crate::answer::Answer;
use crate::arguments::{Deploy, Global, Output};
use crate::by_hand::account::Account;
use crate::by_hand::carry_out::{Ending, Hands, carry_out};
use crate::by_hand::difference::{Change, Difference, differences};
use crate::by_hand::ending::{self, Typed};
use crate::by_hand::ledger::Work;
use crate::by_hand::selection::Said;
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
    let account = Account::open(&deploy.hand, &deploy.place).await?;
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
    let (found, worked_on) = differences(&mut reading, &manifest, &chosen, &account).await?;
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
    let existing = found.iter().filter(|one| one.change != Change::Create).map(|one| one.stack.clone()).collect();
    let screen = Screen::new(global.output, global.no_color);
    let job =
        Job { account: &account, manifest: &manifest, screen: &screen, existing, is_verbose: deploy.hand.verbose };
    let ended = job.run(&mut reading, &branch, &worked_on).await;
    let mut typed = Typed::new("deploy", &deploy.place);
    typed.options("-n", &deploy.names);
    typed.options("-e", said.environment.as_slice());
    typed.options("-b", deploy.branch.as_slice());
    typed.flag("--all", deploy.all);
    ending::answer(global, ended, &screen, &typed, account.syncline.is_some())
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
            let name = import.replace("${AWS::Region}", &account.region);
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
    async fn run(self, reading: &mut Reading, branch: &BranchName, assembly: &Assembly) -> Result<Ending, Failure> {
        let begun = Work::new(self.account, reading, branch).begin(self.account, self.screen).await?;
        // Whoever had the lease may have deployed meanwhile.
        let known = self.account.known(&reading.repository).await?;
        let plan = by_hand(assembly, branch, self.manifest, known);
        let entries = assembly.targets.iter().map(|target| (target.entry.name.clone(), target.entry.clone())).collect();
        let hands = Hands {
            account: self.account,
            reading,
            manifest: self.manifest,
            screen: self.screen,
            is_verbose: self.is_verbose,
            existing: self.existing,
        };
        carry_out(hands, begun, &plan, &entries, &assembly.warnings).await
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
