//! Syncs: the record of each.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};
use syncline_core::diagnostic::{Diagnostic, number_of};
use syncline_core::lease::{ByHand, Claim};
use syncline_core::manifest::Publish;
use syncline_core::names::{BranchName, CommitId, RepositoryName, SyncId, TargetName};
use syncline_core::status::{SyncStatus, TargetStatus};

use super::targets::kept_targets;
use super::update::Updated;
use super::{PublishAction, Table, TargetRecord, from_item, of_sync, to_item, to_value};
use crate::{Error, clock, in_batches};

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

impl Table {
    /// Records a new sync. One that is recorded stays as it is.
    pub async fn create_sync(&self, record: &SyncRecord) -> Result<(), Error> {
        let mut item = to_item(record)?;
        let SyncRecord { sync, repository, branch, commit, .. } = record;
        for (key, value) in [
            ("pk", of_sync(sync)),
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
        self.get(of_sync(sync), "SYNC".to_owned()).await
    }

    /// The records of some syncs; of those that have expired there is none.
    pub async fn syncs(&self, syncs: &[SyncId]) -> Result<Vec<SyncRecord>, Error> {
        let records = in_batches(syncs.iter().map(|sync| self.sync(sync))).await?;
        Ok(records.into_iter().flatten().collect())
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
            .update(of_sync(sync), "SYNC".to_owned())
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
    pub(crate) async fn supersede(&self, claims: &[Claim]) -> Result<(), Error> {
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
        self.update(of_sync(sync), "SYNC".to_owned())
            .set("diagnostics", to_value(&kept)?)
            .text(
                "reason",
                format!("{} in the repository's files; no stack was touched", number_of(diagnostics.len(), "problem")),
            )
            .if_exists()
            .send()
            .await
            .map(|_| ())
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
            .update(of_sync(sync), "SYNC".to_owned())
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
            .update(of_sync(sync), "SYNC".to_owned())
            .set("cancelled", AttributeValue::Bool(true))
            .text("reason", reason)
            .if_one_of("status", statuses.iter().map(|status| status.as_str()))
            .send()
            .await?;
        Ok(matches!(updated, Updated::Applied(_)))
    }

    /// Everything that is stored of a sync, in one query and as it is now: its record, the targets that it works on in
    /// the order of their numbers, the names of those that its plan leaves alone, and its publish actions. Nothing where
    /// there is no such sync.
    pub async fn whole_sync(
        &self,
        sync: &SyncId,
    ) -> Result<Option<(SyncRecord, Vec<TargetRecord>, Vec<TargetName>, Vec<PublishAction>)>, Error> {
        let (mut record, mut targets, mut kept, mut publishes) = (None, Vec::new(), Vec::new(), Vec::new());
        for item in self.partition(of_sync(sync), "").await? {
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
}
