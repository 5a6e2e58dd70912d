//! The lease and the history of a sync by hand, where Syncline is installed.
//!
//! The sync has an execution like any other, so that it ends, frees its lease and hands it on whatever becomes of this
//! command: the execution waits as long as heartbeats come.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use syncline_aws::handover::follow_lease;
use syncline_aws::table::{SyncRecord, TargetRecord, Walk};
use syncline_aws::workflow::HEARTBEAT;
use syncline_aws::{Error, clock};
use syncline_core::diagnostic::Diagnostic;
use syncline_core::lease::{ByHand, Claim, Lease};
use syncline_core::manifest::TargetEntry;
use syncline_core::names::{BranchName, CommitId, RepoPath, RepositoryName, SyncId, TargetName};
use syncline_core::plan::Plan;
use tokio::time::sleep;

use super::account::{Account, Syncline};
use crate::commands::read_sync;
use crate::documents::SyncDocument;
use crate::failure::Failure;
use crate::reading::Reading;
use crate::screen::Screen;

/// How long from one question for the lease to the next.
const BETWEEN_QUESTIONS: Duration = Duration::from_secs(1);
/// How long the execution may take to end a sync whose targets have all settled.
const PATIENCE: u32 = 200;
/// How long from one look for that to the next.
const BETWEEN_LOOKS: Duration = Duration::from_millis(300);

/// What is worked on by hand.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    /// The repository, as the history knows it.
    pub(crate) repository: RepositoryName,
    /// The branch.
    pub(crate) branch: BranchName,
    /// The commit that is checked out; the null id where there is none.
    pub(crate) commit: CommitId,
    /// Who works, and whether the files differ from the commit.
    pub(crate) by_hand: ByHand,
}

/// A sync by hand that has begun: on record and under the lease, where Syncline is installed.
pub(crate) struct Begun {
    /// Its record.
    pub(crate) record: SyncRecord,
    /// Where it is on record.
    pub(crate) syncline: Option<Arc<Syncline>>,
}

impl Work {
    /// What is done on a branch from the files that are read here.
    pub(crate) fn new(account: &Account, reading: &Reading, branch: &BranchName) -> Self {
        Self {
            repository: reading.repository.clone(),
            branch: branch.clone(),
            commit: reading.commit_here(branch),
            by_hand: ByHand { by: account.caller.arn.clone(), has_changes: reading.has_changes(branch) },
        }
    }

    /// A record of it, and the claim that goes with it.
    fn begun(&self) -> (Claim, SyncRecord) {
        let claim = Claim {
            sync: clock::new_sync_id(),
            commit: self.commit.clone(),
            manifest_commit: Some(self.commit.clone()),
            by_hand: Some(self.by_hand.clone()),
        };
        let record = SyncRecord::new(&self.repository, &self.branch, &self.branch, &claim);
        (claim, record)
    }

    /// Begins it: under the branch's lease and on record where Syncline is installed.
    pub(crate) async fn begin(&self, account: &Account, screen: &Screen) -> Result<Begun, Error> {
        let syncline = account.syncline.clone().map(Arc::new);
        let record = match &syncline {
            Some(syncline) => self.take_lease(syncline, screen).await?,
            None => self.begun().1,
        };
        Ok(Begun { record, syncline })
    }

    /// Takes the branch's lease, and waits for it as long as somebody has it, which it says. Then the sync is on record and
    /// its execution waits.
    async fn take_lease(&self, syncline: &Syncline, screen: &Screen) -> Result<SyncRecord, Error> {
        let (table, workflow) = (&syncline.table, &syncline.workflow);
        let mut is_said = false;
        loop {
            // The id is made each time, so that the order of ids is the order in which syncs have the lease.
            let (claim, record) = self.begun();
            let (is_taken, lease) =
                table.change_lease(&self.repository, &self.branch, |lease| lease.take(&claim)).await?;
            if is_taken {
                let holder = Lease { holder: Some(claim), ..Lease::default() };
                follow_lease(table, workflow, &self.repository, &self.branch, &self.branch, &holder).await?;
                return Ok(record);
            }
            if let Some(holder) = lease.holder.filter(|_| !is_said) {
                // It may have been cut off before its execution was started: then it would never end.
                if table.sync(&holder.sync).await?.is_some_and(|record| !record.status.is_terminal()) {
                    workflow.start_sync(&holder.sync).await?;
                }
                let who = holder.by_hand.map_or_else(
                    || format!("the sync of commit {}", holder.commit.short()),
                    |hand| format!("what {} deploys by hand", hand.by),
                );
                let (branch, sync) = (&self.branch, &holder.sync);
                screen.say(&format!("○ waits for {who} on `{branch}` to end (sync {sync}); Ctrl-C leaves"));
                is_said = true;
            }
            sleep(BETWEEN_QUESTIONS).await;
        }
    }
}

impl Syncline {
    /// The walk over a sync in the table.
    pub(crate) fn walk(&self) -> Walk {
        Walk { table: self.table.clone(), workflow: self.workflow.clone() }
    }

    /// Stores what is planned, and gives the records of its targets.
    pub(crate) async fn store(
        &self,
        record: &SyncRecord,
        manifest: &RepoPath,
        plan: &Plan,
        entries: &BTreeMap<TargetName, TargetEntry>,
        warnings: &[Diagnostic],
    ) -> Result<Vec<TargetRecord>, Failure> {
        let stored = self.table.store_plan(record, manifest, plan, entries, warnings, None).await?;
        stored.ok_or_else(|| {
            let help = format!("`syncline show {}` says why", record.sync);
            Failure::new("the sync was stopped before it began", help)
        })
    }
}

/// Says on and on that a sync is still worked on, and ends with a reason when it is not to be any more.
pub(crate) async fn beat(syncline: Arc<Syncline>, sync: SyncId) -> String {
    loop {
        // What may pass is tried again: the execution waits for several beats.
        let found = syncline.table.sync(&sync).await;
        if let Err(error) = &found
            && !error.may_pass()
        {
            return error.to_string();
        }
        if let Ok(record) = found {
            let Some(record) = record else { return "its record is gone".to_owned() };
            if record.cancelled {
                return record.reason.unwrap_or_else(|| "it was stopped by hand".to_owned());
            }
            if record.status.is_terminal() {
                return record.reason.unwrap_or_else(|| format!("it is {}", record.status));
            }
            if let Some(token) = record.task_token {
                // A token that nobody waits for any more is followed by another, or by the end.
                let _ = syncline.workflow.beat(&token).await;
            }
        }
        sleep(HEARTBEAT).await;
    }
}

/// Waits for the execution to end a sync whose targets have all settled. Nothing where that takes too long.
pub(crate) async fn ended(syncline: &Syncline, sync: &SyncId) -> Result<Option<SyncDocument>, Failure> {
    for _ in 0..PATIENCE {
        match read_sync(&syncline.table, sync).await {
            Ok(Some(document)) if document.summary.status.is_terminal() => return Ok(Some(document)),
            Ok(_) => {}
            Err(error) if error.may_pass() => {}
            Err(error) => return Err(error.into()),
        }
        sleep(BETWEEN_LOOKS).await;
    }
    Ok(None)
}
