//! The lease and the history of a sync by hand, where Syncline is installed.
//!
//! The sync has an execution like any other, so that it ends, frees its lease and hands it on whatever becomes of this
//! command: the execution waits as long as heartbeats come.
//!
//! Nobody holds a lease while a person is asked. What there is to do is looked at while the branch is [`Free`]; the lease is
//! taken only if nobody had it since, or else it is looked at again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use syncline_aws::fence::Fence;
use syncline_aws::handover::follow_lease;
use syncline_aws::table::{Stored, SyncRecord, TargetRecord, Walk};
use syncline_aws::workflow::HEARTBEAT;
use syncline_aws::{Error, clock};
use syncline_core::diagnostic::Diagnostic;
use syncline_core::lease::{ByHand, Claim, Lease};
use syncline_core::manifest::TargetEntry;
use syncline_core::names::{BranchName, CommitId, RepoPath, RepositoryName, SyncId, TargetName};
use syncline_core::plan::Plan;
use syncline_core::status::SyncStatus;
use syncline_core::walk::Workflow as _;
use tokio::time::{sleep, timeout};

use super::account::{Account, Syncline};
use crate::arguments::Global;
use crate::commands::read_sync;
use crate::documents::SyncDocument;
use crate::failure::Failure;
use crate::interrupt;
use crate::reading::Reading;
use crate::screen::Screen;

/// How long from one question for the lease to the next.
const BETWEEN_QUESTIONS: Duration = Duration::from_secs(1);
/// After how many questions it is seen to that whoever has the lease runs.
const QUESTIONS_TO_A_NUDGE: u32 = 30;
/// How long the execution may take to end a sync whose targets have all settled.
const PATIENCE: Duration = Duration::from_secs(60);
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

/// A moment at which nobody worked on a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Free {
    /// The sync that had the lease last.
    last: Option<SyncId>,
}

/// A sync by hand that has begun: on record and under the lease, where Syncline is installed.
pub(crate) struct Begun {
    /// Its record.
    pub(crate) record: SyncRecord,
    /// Where it is on record.
    pub(crate) syncline: Option<Arc<Syncline>>,
    /// What lets calls pass as long as heartbeats are heard.
    pub(crate) fence: Fence,
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

    /// The claim for a sync of it that comes after the last one.
    fn claim(&self, Free { last }: &Free) -> Claim {
        Claim {
            sync: clock::sync_id_after(last.as_ref()),
            commit: self.commit.clone(),
            manifest_branch: self.branch.clone(),
            manifest_commit: Some(self.commit.clone()),
            by_hand: Some(self.by_hand.clone()),
        }
    }

    /// Begins it, under the branch's lease and on record where Syncline is installed. Nothing where somebody had the lease
    /// since the branch was free: then what was looked at may have changed.
    pub(crate) async fn begin(&self, account: &Account, free: &Free) -> Result<Option<Begun>, Failure> {
        interrupt::heed();
        interrupt::check()?;
        let (claim, fence) = (self.claim(free), Fence::new());
        let record = SyncRecord::new(&self.repository, &self.branch, &claim);
        let syncline = account.syncline.clone().map(Arc::new);
        if let Some(syncline) = &syncline {
            let taken = syncline
                .table
                .change_lease(&self.repository, &self.branch, |lease| lease.take(&claim, free.last.as_ref()))
                .await?;
            if !taken.0 {
                return Ok(None);
            }
            let held = Lease { holder: Some(claim), ..Lease::default() };
            let (table, workflow) = (&syncline.table, &syncline.workflow);
            if let Err(error) = follow_lease(table, workflow, &self.repository, &self.branch, &held).await {
                syncline.give_back(&record, &error).await?;
                return Err(error.into());
            }
        }
        Ok(Some(Begun { record, syncline, fence }))
    }
}

/// Waits as long as somebody has a branch's lease, which it says.
///
/// Errors: Ctrl-C.
pub(crate) async fn free(
    account: &Account,
    repository: &RepositoryName,
    branch: &BranchName,
    global: &Global,
) -> Result<Free, Failure> {
    interrupt::check()?;
    let Some(syncline) = &account.syncline else { return Ok(Free { last: None }) };
    let (screen, since) = (Screen::new(global.output, global.no_color), Instant::now());
    let mut questions = 0;
    loop {
        let lease = syncline.table.lease(repository, branch).await?.unwrap_or_default();
        let Some(holder) = &lease.holder else {
            screen.clear();
            interrupt::check()?;
            return Ok(Free { last: lease.last });
        };
        screen.wait(&waits_for(holder, branch), since.elapsed());
        if questions % QUESTIONS_TO_A_NUDGE == 0 {
            // Whoever took it may have been cut off before its execution was started: then it would never end.
            follow_lease(&syncline.table, &syncline.workflow, repository, branch, &lease).await?;
        }
        questions += 1;
        tokio::select! {
            () = sleep(BETWEEN_QUESTIONS) => {}
            () = interrupt::came() => {
                screen.leave();
                interrupt::check()?;
            }
        }
    }
}

fn waits_for(holder: &Claim, branch: &BranchName) -> String {
    let who = holder.by_hand.as_ref().map_or_else(
        || format!("the sync of commit {}", holder.commit.short()),
        |hand| format!("what {} does by hand", hand.by),
    );
    format!("waits for {who} on `{branch}` to end (sync {}); Ctrl-C leaves", holder.sync)
}

impl Begun {
    /// Ends it before anything was done, at once: without this its execution waits until no heartbeat comes.
    pub(crate) async fn end(&self, reason: &str) {
        // What cannot be recorded now, its execution records when no heartbeat comes.
        if let Some(syncline) = &self.syncline
            && syncline.table.cancel_sync(&self.record.sync, reason).await.is_ok()
        {
            let _ = syncline.walk().all_settled(&self.record.sync).await;
        }
    }
}

impl Syncline {
    /// Gives back the lease of a sync whose execution could not be started; one that was started after all finds that the
    /// sync is over.
    async fn give_back(&self, record: &SyncRecord, error: &Error) -> Result<(), Error> {
        let SyncRecord { sync, repository, branch, .. } = record;
        self.table.advance_sync(sync, SyncStatus::Failed, Some(&error.to_string()), None).await?;
        let (_, lease) = self.table.change_lease(repository, branch, |lease| lease.release(sync, None)).await?;
        follow_lease(&self.table, &self.workflow, repository, branch, &lease).await
    }

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
        let Stored::Begun(targets) = stored else {
            let help = format!("`syncline show {}` says why", record.sync);
            return Err(Failure::new("the sync was stopped before it began", help));
        };
        self.table.desire(&targets).await?;
        Ok(targets)
    }
}

/// Says on and on that a sync is still worked on, keeps the fence open as long as that is heard, and ends with a reason when
/// the sync is not to be worked on any more.
pub(crate) async fn beat(syncline: Arc<Syncline>, sync: SyncId, fence: Fence) -> String {
    let mut token = None;
    loop {
        let sent = SystemTime::now();
        // What may pass is tried again: the execution waits for several beats.
        // One that hangs costs a beat, not the lease.
        let found = timeout(HEARTBEAT, syncline.table.sync(&sync)).await;
        match &found {
            Ok(Err(error)) if !error.may_pass() => return error.to_string(),
            Ok(Err(_)) | Err(_) => {}
            Ok(Ok(None)) => return "its record is gone".to_owned(),
            Ok(Ok(Some(record))) if record.cancelled => {
                return record.reason.clone().unwrap_or_else(|| "it was stopped by hand".to_owned());
            }
            Ok(Ok(Some(record))) if record.status.is_terminal() => {
                return record.reason.clone().unwrap_or_else(|| format!("it is {}", record.status));
            }
            Ok(Ok(Some(record))) => token.clone_from(&record.task_token),
        }
        let is_heard = match &token {
            // A token that nobody waits for any more is followed by another, or by the end.
            Some(token) => matches!(timeout(HEARTBEAT, syncline.workflow.beat(token)).await, Ok(Ok(true))),
            // Where the execution does not wait yet, no time runs.
            None => matches!(found, Ok(Ok(_))),
        };
        if is_heard {
            fence.renew(sent);
        }
        sleep(HEARTBEAT).await;
    }
}

/// Waits for the execution to end a sync whose targets have all settled. Nothing where that takes too long, or after Ctrl-C.
pub(crate) async fn ended(syncline: &Syncline, sync: &SyncId) -> Result<Option<SyncDocument>, Failure> {
    let asked = async {
        loop {
            match read_sync(&syncline.table, sync).await {
                Ok(Some(document)) if document.summary.status.is_terminal() => return Ok(Some(document)),
                Ok(_) => {}
                Err(error) if error.may_pass() => {}
                Err(error) => return Err(error.into()),
            }
            sleep(BETWEEN_LOOKS).await;
        }
    };
    tokio::select! {
        ended = asked => ended,
        () = sleep(PATIENCE) => Ok(None),
        () = interrupt::came() => Ok(None),
    }
}
