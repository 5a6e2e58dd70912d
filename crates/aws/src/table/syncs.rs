//! Syncs: the record of each, the targets of its plan and how they ended.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};
use syncline_core::diagnostic::Diagnostic;
use syncline_core::lease::{ByHand, Claim};
use syncline_core::manifest::{Publish, TargetEntry};
use syncline_core::names::{BranchName, CommitId, RepoPath, RepositoryName, SyncId, TargetName, TargetNumber};
use syncline_core::plan::{Plan, PlannedTarget};
use syncline_core::status::{SyncStatus, TargetStatus, Worked};

use super::update::Updated;
use super::{Item, PublishAction, Table, from_item, in_batches, to_item, to_value};
use crate::{Error, clock};

/// How many names one `UNCHANGED` item holds, so that it stays far below 400 KB.
const UNCHANGED_CHUNK: usize = 1_000;
/// How many diagnostics a sync's record holds, so that it stays far below 400 KB.
const MAX_DIAGNOSTICS: usize = 200;

/// A sync.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SyncRecord {
    /// Its id.
    pub sync: SyncId,
    /// The connected repository.
    pub repository: RepositoryName,
    /// The branch.
    pub branch: BranchName,
    /// The commit.
    pub commit: CommitId,
    /// The manifest branch.
    pub manifest_branch: BranchName,
    /// The commit of that branch that the manifest is read at; nothing where there is no such branch.
    pub manifest_commit: Option<CommitId>,
    /// Who deploys it from a working copy, where no push asked for it. It has no pull requests, and its branch is not in
    /// step with the commit after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<ByHand>,
    /// Its status.
    pub status: SyncStatus,
    /// Why it failed, where that is no target's doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What is wrong, or worth a look, in the repository's files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Diagnostic>,
    /// The pull requests that follow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publish: Vec<Publish>,
    /// Targets that the manifest no longer has, and that are left alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmanaged: Vec<TargetName>,
    /// How many targets it has, by status; from its end on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<TargetStatus, u32>,
    /// When it came to each status.
    #[serde(default)]
    pub events: BTreeMap<SyncStatus, String>,
    /// Stopped by hand: what has not begun will not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelled: bool,
    /// The token of Begin's task.
    #[serde(default, skip_serializing)]
    pub task_token: Option<String>,
}

impl SyncRecord {
    /// A new sync.
    pub fn new(repository: &RepositoryName, branch: &BranchName, claim: &Claim) -> Self {
        Self {
            sync: claim.sync.clone(),
            repository: repository.clone(),
            branch: branch.clone(),
            commit: claim.commit.clone(),
            manifest_branch: claim.manifest_branch.clone(),
            manifest_commit: claim.manifest_commit.clone(),
            by_hand: claim.by_hand.clone(),
            status: SyncStatus::Queued,
            reason: None,
            diagnostics: Vec::new(),
            publish: Vec::new(),
            unmanaged: Vec::new(),
            counts: BTreeMap::new(),
            events: BTreeMap::from([(SyncStatus::Queued, clock::now())]),
            cancelled: false,
            task_token: None,
        }
    }
}

/// A target in a sync.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TargetRecord {
    /// The sync.
    pub sync: SyncId,
    /// The repository.
    pub repository: RepositoryName,
    /// The branch.
    pub branch: BranchName,
    /// The commit.
    pub commit: CommitId,
    /// The manifest's path.
    pub manifest: RepoPath,
    /// What the plan says of it.
    #[serde(flatten)]
    pub planned: PlannedTarget,
    /// What the manifest says of it; nothing for one that it no longer has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<TargetEntry>,
    /// Its status.
    pub status: TargetStatus,
    /// Why, where it is not in step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it came to each status.
    #[serde(default)]
    pub events: BTreeMap<TargetStatus, String>,
    /// When CloudFormation worked on its stack, where an event told of the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worked: Option<Worked>,
    /// How often it entered Deploy.
    #[serde(default)]
    pub entered: u32,
    /// What it still waits on.
    #[serde(default, skip_serializing)]
    pub waiting_on: BTreeSet<TargetNumber>,
}

impl TargetRecord {
    /// The records of the targets that a plan works on, none begun.
    pub fn of_plan(
        record: &SyncRecord,
        manifest: &RepoPath,
        plan: &Plan,
        entries: &BTreeMap<TargetName, TargetEntry>,
    ) -> Vec<Self> {
        let now = clock::now();
        let pending = |planned: &PlannedTarget| Self {
            sync: record.sync.clone(),
            repository: record.repository.clone(),
            branch: record.branch.clone(),
            commit: record.commit.clone(),
            manifest: manifest.clone(),
            planned: planned.clone(),
            entry: entries.get(&planned.name).cloned(),
            status: TargetStatus::Pending,
            reason: None,
            events: BTreeMap::from([(TargetStatus::Pending, now.clone())]),
            worked: None,
            entered: 0,
            waiting_on: planned.waits_on.clone(),
        };
        plan.worked_on().map(pending).collect()
    }
}

/// What became of a plan that was to be stored.
#[derive(Debug)]
pub enum Stored {
    /// The sync is in progress; the records of its targets.
    Begun(Vec<TargetRecord>),
    /// The sync was stopped meanwhile, or another Begin was first.
    Late,
    /// Another Begin planned something else for the sync, and stored some of it: what is known of the targets, or Syncline, has
    /// changed between the two. Nothing of this one was stored.
    Differs,
}

/// How the targets of a sync ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The targets that were deployed.
    pub deployed: Vec<TargetName>,
    /// Those that were in step already.
    pub unchanged: Vec<TargetName>,
    /// Those that are not in step, though settled.
    pub not_in_step: Vec<TargetName>,
    /// Those that have not settled.
    pub open: BTreeMap<TargetNumber, TargetStatus>,
    /// How many there are, by status.
    pub counts: BTreeMap<TargetStatus, u32>,
}

impl Verdict {
    /// Whether every target is in step.
    pub fn is_in_step(&self) -> bool {
        self.not_in_step.is_empty() && self.open.is_empty()
    }
}

impl Table {
    /// Records a new sync. One that is recorded stays as it is.
    pub async fn create_sync(&self, record: &SyncRecord) -> Result<(), Error> {
        let mut item = to_item(record)?;
        let SyncRecord { sync, repository, branch, commit, .. } = record;
        for (key, value) in [
            ("pk", partition(sync)),
            ("sk", "SYNC".to_owned()),
            ("subject", format!("BRANCH#{repository}#{branch}")),
            ("related", format!("COMMIT#{commit}")),
            ("active", "SYNC".to_owned()),
            ("at", sync.to_string()),
        ] {
            item.insert(key.to_owned(), AttributeValue::S(value));
        }
        // It begins to expire when it is over.
        self.put_new(item).await.map(|_| ())
    }

    /// A sync's record.
    pub async fn sync(&self, sync: &SyncId) -> Result<Option<SyncRecord>, Error> {
        self.get(partition(sync), "SYNC".to_owned()).await
    }

    /// Brings a sync to a status that may follow the one it has. Gives whether it did; done again, it did not.
    pub async fn advance_sync(
        &self,
        sync: &SyncId,
        status: SyncStatus,
        reason: Option<&str>,
        counts: Option<&BTreeMap<TargetStatus, u32>>,
    ) -> Result<bool, Error> {
        let mut update = self
            .update(partition(sync), "SYNC".to_owned())
            .text("status", status.as_str())
            .once(&format!("events.{status}"), AttributeValue::S(clock::now()))
            .if_one_of("status", status.may_follow().iter().map(|status| status.as_str()));
        if let Some(reason) = reason {
            update = update.text("reason", reason);
        }
        if let Some(counts) = counts {
            update = update.set("counts", to_value(counts)?);
        }
        if status.is_terminal() {
            update = update
                .remove("active")
                .remove("task_token")
                .set("expires_at", AttributeValue::N(self.expires_at().to_string()));
        }
        Ok(matches!(update.send().await?, Updated::Applied(_)))
    }

    /// Records claims that a newer one took the place of.
    pub async fn supersede(&self, claims: &[Claim]) -> Result<(), Error> {
        for claim in claims {
            self.advance_sync(&claim.sync, SyncStatus::Superseded, Some("a newer commit came before it began"), None)
                .await?;
        }
        Ok(())
    }

    /// Records what is wrong with the repository's files, and that no stack is touched because of it.
    pub async fn reject(&self, sync: &SyncId, diagnostics: &[Diagnostic]) -> Result<(), Error> {
        // Errors first where not all can be kept: they are what the sync fails for.
        let mut kept: Vec<&Diagnostic> = diagnostics.iter().collect();
        if kept.len() > MAX_DIAGNOSTICS {
            kept.sort_by_key(|diagnostic| diagnostic.severity);
            kept.truncate(MAX_DIAGNOSTICS);
        }
        self.update(partition(sync), "SYNC".to_owned())
            .set("diagnostics", to_value(&kept)?)
            .text(
                "reason",
                format!("{} in the repository's files; no stack was touched", count(diagnostics.len(), "problem")),
            )
            .if_exists()
            .send()
            .await
            .map(|_| ())
    }

    /// Stores a plan and brings its sync into progress. Once that is done the plan stays as it is. The heads of its targets are
    /// only now to say that they are desired: a Begin that is cut off before plans again, and must find them as they were. By
    /// hand there is no task to answer yet: see [`Table::await_hand`].
    pub async fn store_plan(
        &self,
        record: &SyncRecord,
        manifest: &RepoPath,
        plan: &Plan,
        entries: &BTreeMap<TargetName, TargetEntry>,
        warnings: &[Diagnostic],
        task_token: Option<&str>,
    ) -> Result<Stored, Error> {
        let targets = TargetRecord::of_plan(record, manifest, plan, entries);
        let numbers = || targets.iter().map(|target| target.planned.number);
        if !self.adopt_plan(&record.sync, &plan.digest(), numbers()).await? {
            return Ok(Stored::Differs);
        }
        let mut items: Vec<Item> = targets.iter().map(|target| self.target_item(target)).collect::<Result<_, _>>()?;
        items.extend(self.open_items(&record.sync, numbers()));
        let kept: Vec<&TargetName> = plan.kept().map(|target| &target.name).collect();
        for (chunk, names) in kept.chunks(UNCHANGED_CHUNK).enumerate() {
            items.push(Item::from([
                ("pk".to_owned(), AttributeValue::S(partition(&record.sync))),
                ("sk".to_owned(), AttributeValue::S(format!("UNCHANGED#{chunk:04}"))),
                ("targets".to_owned(), to_value(&names)?),
                ("expires_at".to_owned(), AttributeValue::N(self.expires_at().to_string())),
            ]));
        }
        // Each where none stands: a second Begin of the same sync must not reset what the first one's targets came to.
        in_batches(items.into_iter().map(|item| self.put_new(item))).await?;
        let mut update = self
            .update(partition(&record.sync), "SYNC".to_owned())
            .text("status", SyncStatus::InProgress.as_str())
            .once(&format!("events.{}", SyncStatus::InProgress), AttributeValue::S(clock::now()))
            .set("diagnostics", to_value(&warnings)?)
            .set("publish", to_value(&plan.publish)?)
            .set("unmanaged", to_value(&plan.unmanaged)?)
            .if_one_of("status", SyncStatus::InProgress.may_follow().iter().map(|status| status.as_str()));
        if let Some(task_token) = task_token {
            update = update.text("task_token", task_token);
        }
        if let Updated::Refused(_) = update.if_absent("cancelled").send().await? {
            return Ok(Stored::Late);
        }
        Ok(Stored::Begun(targets))
    }

    /// Stores the token of the task that waits for a sync by hand, and gives the record after it; nothing where the sync
    /// is over.
    pub async fn await_hand(&self, sync: &SyncId, task_token: &str) -> Result<Option<SyncRecord>, Error> {
        self.await_in(sync, task_token, &[SyncStatus::Initiated, SyncStatus::InProgress]).await
    }

    /// Stores Begin's task token, and gives the record after it; nothing where the sync is over.
    pub async fn await_targets(&self, sync: &SyncId, task_token: &str) -> Result<Option<SyncRecord>, Error> {
        self.await_in(sync, task_token, &[SyncStatus::InProgress]).await
    }

    async fn await_in(
        &self,
        sync: &SyncId,
        task_token: &str,
        statuses: &[SyncStatus],
    ) -> Result<Option<SyncRecord>, Error> {
        let updated = self
            .update(partition(sync), "SYNC".to_owned())
            .text("task_token", task_token)
            .if_one_of("status", statuses.iter().map(|status| status.as_str()))
            .send()
            .await?;
        match updated {
            Updated::Applied(item) => from_item(item).map(Some),
            Updated::Refused(_) => Ok(None),
        }
    }

    /// Marks a sync as stopped by hand. Gives whether it was still going on.
    pub async fn cancel_sync(&self, sync: &SyncId, reason: &str) -> Result<bool, Error> {
        self.cancel_in(sync, reason, &[SyncStatus::Queued, SyncStatus::Initiated, SyncStatus::InProgress]).await
    }

    /// Sees to it that no plan is stored for a sync any more. Gives whether none was.
    pub async fn cancel_before_plan(&self, sync: &SyncId, reason: &str) -> Result<bool, Error> {
        self.cancel_in(sync, reason, &[SyncStatus::Queued, SyncStatus::Initiated]).await
    }

    async fn cancel_in(&self, sync: &SyncId, reason: &str, statuses: &[SyncStatus]) -> Result<bool, Error> {
        let updated = self
            .update(partition(sync), "SYNC".to_owned())
            .set("cancelled", AttributeValue::Bool(true))
            .text("reason", reason)
            .if_one_of("status", statuses.iter().map(|status| status.as_str()))
            .send()
            .await?;
        Ok(matches!(updated, Updated::Applied(_)))
    }

    /// A target's record and its sync's, in one call; nothing where there is no such target.
    pub async fn target_and_sync(
        &self,
        sync: &SyncId,
        target: TargetNumber,
    ) -> Result<Option<(TargetRecord, Option<SyncRecord>)>, Error> {
        let keys = [target_key(target), "SYNC".to_owned()].map(|sk| (partition(sync), sk));
        let [target, sync] = self.get_all(keys).await?;
        let Some(target) = target else { return Ok(None) };
        Ok(Some((from_item(target)?, sync.map(from_item).transpose()?)))
    }

    /// The records of every target that a sync works on, in the order of their numbers.
    pub async fn targets(&self, sync: &SyncId) -> Result<Vec<TargetRecord>, Error> {
        self.partition(partition(sync), "TARGET#").await?.into_iter().map(from_item).collect()
    }

    /// Marks a target as skipped that was stored after its sync had ended. Nothing else knows of it.
    pub async fn skip_late(&self, sync: &SyncId, target: TargetNumber, reason: &str) -> Result<(), Error> {
        let status = TargetStatus::Skipped.as_str();
        let update = self.update(partition(sync), target_key(target)).text("status", status).text("reason", reason);
        let update = update.once(&format!("events.{status}"), AttributeValue::S(clock::now()));
        update.if_one_of("status", [TargetStatus::Pending.as_str()]).send().await.map(|_| ())
    }

    /// Notes that a target enters Deploy, and gives its record after it; nothing where it has settled.
    pub async fn enter_target(&self, sync: &SyncId, target: TargetNumber) -> Result<Option<TargetRecord>, Error> {
        let updated = self
            .update(partition(sync), target_key(target))
            .text("status", TargetStatus::Deploying.as_str())
            .once(&format!("events.{}", TargetStatus::Deploying), AttributeValue::S(clock::now()))
            .add("entered", 1)
            .if_one_of("status", [TargetStatus::Pending.as_str(), TargetStatus::Deploying.as_str()])
            .send()
            .await?;
        match updated {
            Updated::Applied(item) => from_item(item).map(Some),
            Updated::Refused(_) => Ok(None),
        }
    }

    /// Notes that a target that had entered Deploy for the first time has not begun after all.
    pub async fn leave_target(&self, sync: &SyncId, target: TargetNumber) -> Result<(), Error> {
        let update = self.update(partition(sync), target_key(target)).set("entered", AttributeValue::N("0".to_owned()));
        update.if_absent_or_number("entered", 1).if_exists().send().await.map(|_| ())
    }

    /// How the targets of a sync ended.
    pub async fn verdict(&self, sync: &SyncId) -> Result<Verdict, Error> {
        let mut verdict = Verdict::default();
        for item in self.partition(partition(sync), "").await? {
            match item.get("sk").and_then(|key| key.as_s().ok()) {
                Some(key) if key.starts_with("TARGET#") => {
                    let target: TargetRecord = from_item(item)?;
                    *verdict.counts.entry(target.status).or_default() += 1;
                    let name = target.planned.name;
                    match target.status {
                        TargetStatus::Succeeded => verdict.deployed.push(name),
                        TargetStatus::Unchanged => verdict.unchanged.push(name),
                        TargetStatus::Pending | TargetStatus::Deploying => {
                            verdict.open.insert(target.planned.number, target.status);
                        }
                        TargetStatus::Failed | TargetStatus::Skipped | TargetStatus::Blocked => {
                            verdict.not_in_step.push(name)
                        }
                    }
                }
                Some(key) if key.starts_with("UNCHANGED#") => {
                    let kept = kept_targets(item)?;
                    let number = u32::try_from(kept.len()).unwrap_or(u32::MAX);
                    *verdict.counts.entry(TargetStatus::Unchanged).or_default() += number;
                    verdict.unchanged.extend(kept);
                }
                _ => {}
            }
        }
        verdict.unchanged.sort();
        Ok(verdict)
    }

    /// Everything that is stored of a sync, in one query and as it is now: its record, the targets that it works on in
    /// the order of their numbers, the names of those that its plan leaves alone, and its publish actions. Nothing where
    /// there is no such sync.
    pub async fn whole_sync(
        &self,
        sync: &SyncId,
    ) -> Result<Option<(SyncRecord, Vec<TargetRecord>, Vec<TargetName>, Vec<PublishAction>)>, Error> {
        let (mut record, mut targets, mut kept, mut publishes) = (None, Vec::new(), Vec::new(), Vec::new());
        for item in self.partition(partition(sync), "").await? {
            let key = item.get("sk").and_then(|key| key.as_s().ok()).cloned().unwrap_or_default();
            match key.split_once('#').map_or(key.as_str(), |(kind, _)| kind) {
                "SYNC" => record = Some(from_item(item)?),
                "TARGET" => targets.push(from_item(item)?),
                "UNCHANGED" => kept.extend(kept_targets(item)?),
                "PUBLISH" => publishes.push(from_item(item)?),
                _ => {}
            }
        }
        Ok(record.map(|record| (record, targets, kept, publishes)))
    }

    /// The syncs of a commit, whichever its repository and branch, newest first.
    pub async fn syncs_of_commit(&self, commit: &CommitId, limit: i32) -> Result<Vec<SyncRecord>, Error> {
        let items = self.newest("by-related", "related", format!("COMMIT#{commit}"), limit).await?;
        items.into_iter().map(from_item).collect()
    }

    /// The syncs of a branch, newest first.
    pub async fn syncs_of_branch(
        &self,
        repository: &RepositoryName,
        branch: &BranchName,
        limit: i32,
    ) -> Result<Vec<SyncRecord>, Error> {
        let items = self.newest("by-subject", "subject", format!("BRANCH#{repository}#{branch}"), limit).await?;
        items.into_iter().map(from_item).collect()
    }

    /// The syncs that are not over, newest first.
    pub async fn syncs_in_progress(&self, limit: i32) -> Result<Vec<SyncRecord>, Error> {
        self.newest("by-active", "active", "SYNC".to_owned(), limit).await?.into_iter().map(from_item).collect()
    }

    fn target_item(&self, target: &TargetRecord) -> Result<Item, Error> {
        let mut item = to_item(target)?;
        for (key, value) in [
            ("pk", partition(&target.sync)),
            ("sk", target_key(target.planned.number)),
            ("subject", format!("TARGET#{}#{}", target.repository, target.planned.name)),
            ("at", target.sync.to_string()),
        ] {
            item.insert(key.to_owned(), AttributeValue::S(value));
        }
        if !target.waiting_on.is_empty() {
            let numbers = target.waiting_on.iter().map(ToString::to_string).collect();
            item.insert("waiting_on".to_owned(), AttributeValue::Ns(numbers));
        }
        item.insert("expires_at".to_owned(), AttributeValue::N(self.expires_at().to_string()));
        Ok(item)
    }
}

pub(super) fn partition(sync: &SyncId) -> String {
    format!("SYNC#{sync}")
}

pub(super) fn target_key(target: TargetNumber) -> String {
    format!("TARGET#{:06}", target.0)
}

/// The names that an `UNCHANGED` item holds.
fn kept_targets(item: Item) -> Result<Vec<TargetName>, Error> {
    #[derive(Deserialize)]
    struct Kept {
        targets: Vec<TargetName>,
    }
    Ok(from_item::<Kept>(item)?.targets)
}

/// `1 problem`, `2 problems`.
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
