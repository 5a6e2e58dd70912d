//! Plans a sync, stores the plan and starts what waits on nothing; the task then waits until all has settled.
//!
//! It may be entered again, after a crash or by an execution that takes an ended one's place: a plan that is stored
//! stays, and starting a target twice is starting it once.

use std::collections::{BTreeMap, BTreeSet};

use lambda_runtime::Diagnostic as LambdaError;
use serde::Deserialize;
use serde_json::{Value, json};
use syncline_aws::all_stacks::AllStacks;
use syncline_aws::lambda::configuration;
use syncline_aws::repository::{Repositories, Repository};
use syncline_aws::snapshots::Snapshots;
use syncline_aws::table::{Stored, SyncRecord, TargetRecord, Walk};
use syncline_aws::workflow::BY_HAND;
use syncline_aws::{Error, settings};
use syncline_core::assembly::{self, Assembly};
use syncline_core::diagnostic::{self, Diagnostic, Severity, number_of};
use syncline_core::files::Files;
use syncline_core::manifest::{self, Manifest};
use syncline_core::names::{RepoPath, SyncId, TargetName};
use syncline_core::plan::{self, Known, Plan};
use syncline_core::recipe::{Cache, Context};
use syncline_core::render::Outputs;
use syncline_core::status::{Outcome, SyncStatus, TargetStatus};
use syncline_core::walk::{self, WalkStore as _, Workflow as _};
use tracing::{info, warn};

/// Why a target is skipped whose sync was stopped.
const STOPPED: &str = "the sync was stopped by hand";

/// Why a sync is cancelled that was cut off while it began, and came to something else when it began again.
const CHANGED: &str =
    "it was cut off while it began, and what is deployed has changed since; push another commit to go on";

/// The function and what it may touch.
#[derive(Debug)]
pub struct Begin {
    repositories: Repositories,
    walk: Walk,
    manifest_path: Option<RepoPath>,
    account_id: String,
    region: String,
    stacks: AllStacks,
    snapshots: Snapshots,
}

/// What the state machine hands in.
#[derive(Debug, Deserialize)]
struct Input {
    sync: SyncId,
    task_token: String,
    /// The sync is carried out by hand: this task waits for whoever does.
    #[serde(default)]
    awaits_hand: bool,
}

/// What a commit asks for, or what is wrong with it.
enum Read {
    Good(Box<(Manifest, Assembly, Files)>),
    Bad(Vec<Diagnostic>, Files),
}

impl Begin {
    /// Reads the function's settings and makes its clients.
    pub fn from_environment() -> Result<Self, Error> {
        let configuration = configuration()?;
        Ok(Self {
            walk: Walk::from_environment(&configuration)?,
            manifest_path: settings::optional("MANIFEST_PATH").and_then(|path| RepoPath::parse(&path)),
            account_id: settings::required("ACCOUNT_ID")?,
            region: configuration.region().map(ToString::to_string).unwrap_or_default(),
            stacks: AllStacks::from_environment(&configuration)?,
            snapshots: Snapshots::from_environment(&configuration)?,
            repositories: Repositories::new(&configuration),
        })
    }

    /// Enters the task.
    pub async fn handle(&self, input: Value) -> Result<Value, LambdaError> {
        let input = Input::deserialize(&input).map_err(|error| Error::damaged("input of Begin", error))?;
        if input.awaits_hand {
            return Ok(self.await_hand(&input).await?);
        }
        Ok(self.begin(&input).await?)
    }

    /// Leaves the token to whoever carries the sync out by hand, unless that is done already.
    async fn await_hand(&self, Input { sync, task_token, .. }: &Input) -> Result<Value, Error> {
        let is_over = match self.walk.table.await_hand(sync, task_token).await? {
            Some(record) if !record.cancelled => {
                record.status == SyncStatus::InProgress && self.walk.is_closed(sync).await?
            }
            _ => true,
        };
        if is_over {
            self.answer(sync, task_token).await?;
        }
        Ok(json!({ "sync": sync }))
    }

    async fn begin(&self, Input { sync, task_token, .. }: &Input) -> Result<Value, Error> {
        let table = &self.walk.table;
        let record =
            table.sync(sync).await?.ok_or_else(|| Error::damaged(format!("sync {sync}"), "no record of it"))?;
        match record.status {
            _ if record.by_hand.is_some() && !record.cancelled && !record.status.is_terminal() => {
                self.walk.workflow.fail(task_token, BY_HAND, "it is carried out by hand").await?;
            }
            _ if record.by_hand.is_some() => {
                self.answer(sync, task_token).await?;
            }
            SyncStatus::Queued | SyncStatus::Initiated if record.cancelled => {
                self.answer(sync, task_token).await?;
            }
            SyncStatus::Queued | SyncStatus::Initiated => self.plan(&record, task_token).await?,
            SyncStatus::InProgress => self.resume(sync, task_token).await?,
            _ => {
                self.answer(sync, task_token).await?;
            }
        }
        Ok(json!({ "sync": sync }))
    }

    async fn plan(&self, record: &SyncRecord, task_token: &str) -> Result<(), Error> {
        let (table, sync) = (&self.walk.table, &record.sync);
        let repository = self.repositories.named(record.repository.clone());
        let heads = table.heads(&record.repository);
        let files = self.snapshots.files_at(&repository, &record.branch, &record.commit);
        let (manifest, heads, files) = tokio::join!(self.manifest(record, &repository), heads, files);
        let known: BTreeMap<TargetName, Known> =
            heads?.into_iter().map(|head| (head.target.clone(), head.known())).collect();
        let (manifest, mut assembly, files) = match self.read(record, &repository, manifest?, files, &known).await? {
            Read::Good(good) => *good,
            Read::Bad(problems, files) => {
                info!(%sync, problems = problems.len(), "bad input: no stack is touched");
                table.reject(sync, &problems).await?;
                self.comment(record, &repository, &problems, &files).await;
                self.answer(sync, task_token).await?;
                return Ok(());
            }
        };
        let plan = Plan::new(&assembly, &record.branch, &manifest, &known);
        assembly.warnings.extend(plan::stacks_left(&assembly, &manifest, &known));
        diagnostic::sort(&mut assembly.warnings);
        let Assembly { targets, warnings, .. } = assembly;
        let entries = targets.into_iter().map(|target| (target.entry.name.clone(), target.entry)).collect();
        let token = Some(task_token);
        let (stored, ()) = tokio::join!(
            table.store_plan(record, &manifest.path, &plan, &entries, &warnings, token),
            self.snapshots.keep(&record.repository, &record.branch, &record.commit, &files)
        );
        let targets = match stored? {
            Stored::Begun(targets) => targets,
            // Stopped meanwhile, or begun by another Begin: what is stored by now says how to go on.
            Stored::Late => return self.resume(sync, task_token).await,
            Stored::Differs => return self.give_way(sync, task_token).await,
        };
        info!(%sync, worked_on = plan.worked_on().count(), unchanged = plan.kept().count(), "planned");
        let ready: BTreeSet<_> =
            plan.worked_on().filter(|target| target.waits_on.is_empty()).map(|target| target.number).collect();
        if plan.worked_on().next().is_none() {
            self.answer(sync, task_token).await?;
        }
        let (started, desired) = tokio::join!(self.walk.start(sync, &ready), table.desire(&targets));
        started.and(desired)
    }

    /// Leaves the sync to the Begin whose plan is stored; where only part of that is, nobody can go on with it.
    async fn give_way(&self, sync: &SyncId, task_token: &str) -> Result<(), Error> {
        if self.walk.table.cancel_before_plan(sync, CHANGED).await? {
            return self.answer(sync, task_token).await;
        }
        self.resume(sync, task_token).await
    }

    /// Ends the task: nothing is open any more, or nothing will begin.
    async fn answer(&self, sync: &SyncId, task_token: &str) -> Result<(), Error> {
        self.walk.workflow.succeed(task_token, &json!({ "sync": sync })).await.map(|_| ())
    }

    /// Goes on with a plan that is stored: what is ready is started, what will not begin is skipped.
    async fn resume(&self, sync: &SyncId, task_token: &str) -> Result<(), Error> {
        let Some(record) = self.walk.table.await_targets(sync, task_token).await? else {
            // It is over, and so is this task. Targets may have been stored all the same, by a Begin that was slower than
            // whoever stopped the sync.
            for target in self.pending(sync).await? {
                // Their heads are others' to note by now.
                self.walk.table.skip_late(sync, target.planned.number, STOPPED).await?;
            }
            self.answer(sync, task_token).await?;
            return Ok(());
        };
        if !record.cancelled {
            return walk::resume(&self.walk, sync).await;
        }
        for target in self.pending(sync).await? {
            let outcome = Outcome::because(TargetStatus::Skipped, STOPPED);
            walk::settle(&self.walk, sync, target.planned.number, outcome).await?;
        }
        if self.walk.is_closed(sync).await? {
            self.answer(sync, task_token).await?;
        }
        Ok(())
    }

    /// The targets that wait for their turn.
    async fn pending(&self, sync: &SyncId) -> Result<Vec<TargetRecord>, Error> {
        let mut targets = self.walk.table.targets(sync).await?;
        targets.retain(|target| target.status == TargetStatus::Pending);
        Ok(targets)
    }

    /// Reads the manifest at the manifest branch's commit, with its files for whatever is to be drawn of them.
    async fn manifest(&self, record: &SyncRecord, repository: &Repository) -> Result<(manifest::Loaded, Files), Error> {
        let mut files = Files::default();
        let Some(manifest_commit) = &record.manifest_commit else {
            let problem = Diagnostic::error(
                &RepoPath::root(),
                format!("there is no manifest branch `{}`", record.manifest_branch),
            )
            .help("create it, or correct the parameter `ManifestBranch`");
            return Ok((Err(vec![problem]), files));
        };
        let loaded = repository
            .read_until(manifest_commit, &mut files, |files| {
                manifest::load(self.manifest_path.as_ref(), &record.repository, files)
            })
            .await?;
        Ok((loaded, files))
    }

    /// Reads and checks what the branch maps to, at the sync's commit.
    async fn read(
        &self,
        record: &SyncRecord,
        repository: &Repository,
        (loaded, manifest_files): (manifest::Loaded, Files),
        mut files: Files,
        known: &BTreeMap<TargetName, Known>,
    ) -> Result<Read, Error> {
        let (manifest, mut warnings) = match loaded {
            Ok((manifest, warnings)) => (manifest.relative_to(&self.account_id, &self.region), warnings),
            Err(problems) => return Ok(Read::Bad(problems, manifest_files)),
        };
        let context = Context {
            repository: record.repository.to_string(),
            account_id: self.account_id.clone(),
            locations: manifest.locations.clone(),
            manifest: manifest.path.clone(),
            outputs: Outputs::Pending,
            before: plan::before(known),
        };
        let mut cache = Cache::default();
        let assembled = repository
            .read_until(&record.commit, &mut files, |files| {
                assembly::assemble(&manifest, &record.branch, &context, files, &mut cache)
            })
            .await?;
        let assembled = match assembled {
            Ok(assembly) => self.check_imports(record, assembly).await?,
            Err(problems) => Err(problems),
        };
        match assembled {
            Ok(mut assembly) => {
                assembly.warnings.append(&mut warnings);
                diagnostic::sort(&mut assembly.warnings);
                Ok(Read::Good(Box::new((manifest, assembly, files))))
            }
            Err(mut problems) => {
                problems.append(&mut warnings);
                diagnostic::sort(&mut problems);
                if let Some(text) = manifest_files.text(&manifest.path) {
                    files.insert_text(manifest.path.clone(), text);
                }
                Ok(Read::Bad(problems, files))
            }
        }
    }

    /// An assembly whose imports are exported, by its own targets or by what is deployed. What is exported in an account
    /// where a role is assumed is left to CloudFormation to find out: Begin may assume none.
    async fn check_imports(
        &self,
        record: &SyncRecord,
        assembly: Assembly,
    ) -> Result<Result<Assembly, Vec<Diagnostic>>, Error> {
        let mut problems = Vec::new();
        for location in assembly.imports_from_elsewhere() {
            if !self.stacks.needs_no_role(&location) {
                continue;
            }
            let asked = async { self.stacks.at(&location, &record.repository).await?.exports().await };
            match asked.await {
                Ok(exports) => problems.extend(assembly.check_imports(&location, &exports, &self.region)),
                Err(error) if location.is_home() => return Err(error),
                // A region that there is not, perhaps, or that was not named: its targets will say so.
                Err(error) => warn!(%error, %location, "could not look what is exported"),
            }
        }
        diagnostic::sort(&mut problems);
        Ok(if problems.is_empty() { Ok(assembly) } else { Err(problems) })
    }

    /// Says on the commit what is wrong. The history has it in any case, so a comment that fails is only logged.
    async fn comment(&self, record: &SyncRecord, repository: &Repository, problems: &[Diagnostic], files: &Files) {
        let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
        let text = format!(
            "Syncline touched no stack for this commit on `{}`: {} in the repository's files.\n\n{}\n\nSync {}\n",
            record.branch,
            number_of(errors, "error"),
            fenced(&diagnostic::draw(problems, files, false)),
            record.sync,
        );
        if let Err(error) = repository.comment(&record.commit, &text, record.sync.as_str()).await {
            warn!(%error, "could not comment on the commit");
        }
    }
}

/// A text as a block of code in Markdown: its fence is longer than any run of backticks in it, so that nothing gets out.
fn fenced(text: &str) -> String {
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}\n{text}\n{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_a_block_of_code() {
        assert_eq!(fenced("a `b`"), "```\na `b`\n```");
        assert_eq!(fenced("x\n````\n![](http://example.com)"), "`````\nx\n````\n![](http://example.com)\n`````");
    }
}
