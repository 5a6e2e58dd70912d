//! The targets of a sync: the record of each that its plan works on, the names of those that it leaves alone, and how they ended.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};
use syncline_core::manifest::TargetEntry;
use syncline_core::names::{BranchName, CommitId, RepoPath, RepositoryName, SyncId, TargetName, TargetNumber};
use syncline_core::plan::{Plan, PlannedTarget};
use syncline_core::status::{TargetStatus, Worked};

use super::update::Updated;
use super::{Item, SyncRecord, Table, from_item, of_sync, to_item, to_value};
use crate::{Error, clock};

/// How many names one `UNCHANGED` item holds, so that it stays far below 400 KB.
const UNCHANGED_CHUNK: usize = 1_000;

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
    /// A target's record and its sync's, in one call; nothing where there is no such target.
    pub async fn target_and_sync(
        &self,
        sync: &SyncId,
        target: TargetNumber,
    ) -> Result<Option<(TargetRecord, Option<SyncRecord>)>, Error> {
        let keys = [target_key(target), "SYNC".to_owned()].map(|sk| (of_sync(sync), sk));
        let [target, sync] = self.get_all(keys).await?;
        let Some(target) = target else { return Ok(None) };
        Ok(Some((from_item(target)?, sync.map(from_item).transpose()?)))
    }

    /// The records of every target that a sync works on, in the order of their numbers.
    pub async fn targets(&self, sync: &SyncId) -> Result<Vec<TargetRecord>, Error> {
        self.partition(of_sync(sync), "TARGET#").await?.into_iter().map(from_item).collect()
    }

    /// Marks a target as skipped that was stored after its sync had ended. Nothing else knows of it.
    pub async fn skip_late(&self, sync: &SyncId, target: TargetNumber, reason: &str) -> Result<(), Error> {
        let status = TargetStatus::Skipped.as_str();
        let update = self.update(of_sync(sync), target_key(target)).text("status", status).text("reason", reason);
        let update = update.once(&format!("events.{status}"), AttributeValue::S(clock::now()));
        update.if_one_of("status", [TargetStatus::Pending.as_str()]).send().await.map(|_| ())
    }

    /// Notes that a target enters Deploy, and gives its record after it; nothing where it has settled.
    pub async fn enter_target(&self, sync: &SyncId, target: TargetNumber) -> Result<Option<TargetRecord>, Error> {
        let updated = self
            .update(of_sync(sync), target_key(target))
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
        let update = self.update(of_sync(sync), target_key(target)).set("entered", AttributeValue::N("0".to_owned()));
        update.if_absent_or_number("entered", 1).if_exists().send().await.map(|_| ())
    }

    /// How the targets of a sync ended.
    pub async fn verdict(&self, sync: &SyncId) -> Result<Verdict, Error> {
        let mut verdict = Verdict::default();
        for item in self.partition(of_sync(sync), "").await? {
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

    /// The item of a target.
    pub(super) fn target_item(&self, target: &TargetRecord) -> Result<Item, Error> {
        let mut item = to_item(target)?;
        for (key, value) in [
            ("pk", of_sync(&target.sync)),
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

    /// The items that hold the names of the targets that a plan leaves alone.
    pub(super) fn kept_items(&self, sync: &SyncId, plan: &Plan) -> Result<Vec<Item>, Error> {
        let kept: Vec<&TargetName> = plan.kept().map(|target| &target.name).collect();
        let chunks = kept.chunks(UNCHANGED_CHUNK).enumerate();
        let item = |(chunk, names): (usize, &[&TargetName])| {
            Ok(Item::from([
                ("pk".to_owned(), AttributeValue::S(of_sync(sync))),
                ("sk".to_owned(), AttributeValue::S(format!("UNCHANGED#{chunk:04}"))),
                ("targets".to_owned(), to_value(&names)?),
                ("expires_at".to_owned(), AttributeValue::N(self.expires_at().to_string())),
            ]))
        };
        chunks.map(item).collect()
    }
}

pub(super) fn target_key(target: TargetNumber) -> String {
    format!("TARGET#{:06}", target.0)
}

/// The names that an `UNCHANGED` item holds.
pub(super) fn kept_targets(item: Item) -> Result<Vec<TargetName>, Error> {
    #[derive(Deserialize)]
    struct Kept {
        targets: Vec<TargetName>,
    }
    Ok(from_item::<Kept>(item)?.targets)
}
