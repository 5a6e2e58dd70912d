//! The present state of a repository: its branches' leases and its targets' heads.

use serde::Serialize;
use syncline_aws::table::{Head, SyncRecord};
use syncline_core::hold::Hold;
use syncline_core::lease::{Claim, Lease};
use syncline_core::location::Location;
use syncline_core::names::{BranchName, CommitId, RepositoryName, StackName, SyncId, TargetKind, TargetName};
use syncline_core::status::{SyncStatus, TargetStatus};

/// The present state of a repository, or of one branch of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct StatusDocument {
    /// The connected repository.
    pub(crate) repository: RepositoryName,
    /// Its branches that were ever synced, by name.
    pub(crate) branches: Vec<BranchDocument>,
    /// What is paused.
    pub(crate) paused: Vec<Hold>,
    /// Its targets, by branch and name.
    pub(crate) targets: Vec<HeadDocument>,
}

/// A branch: what runs, what waits, what is in step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct BranchDocument {
    /// The branch.
    pub(crate) branch: BranchName,
    /// The sync that runs.
    pub(crate) running: Option<ClaimDocument>,
    /// The sync that runs next.
    pub(crate) waiting: Option<ClaimDocument>,
    /// The sync that began last, whether or not it is over.
    pub(crate) newest: Option<NewestDocument>,
    /// The commit that the whole branch was last in step with.
    pub(crate) in_step_commit: Option<CommitId>,
    /// The manifest's commit of that time.
    pub(crate) in_step_manifest_commit: Option<CommitId>,
}

/// A sync that runs or waits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ClaimDocument {
    /// The sync.
    pub(crate) sync: SyncId,
    /// Its commit.
    pub(crate) commit: CommitId,
    /// The commit that the manifest is read at.
    pub(crate) manifest_commit: Option<CommitId>,
}

/// The newest sync of a branch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct NewestDocument {
    /// The sync.
    pub(crate) sync: SyncId,
    /// Its commit.
    pub(crate) commit: CommitId,
    /// How far it is, or how it ended.
    pub(crate) status: SyncStatus,
    /// Why, where it is not well and that is no target's doing.
    pub(crate) reason: Option<String>,
}

/// A target's present state.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct HeadDocument {
    /// The target.
    pub(crate) target: TargetName,
    /// What it is.
    pub(crate) kind: TargetKind,
    /// The branch that deploys it.
    pub(crate) branch: BranchName,
    /// Its status in the last sync that concerned it.
    pub(crate) status: TargetStatus,
    /// Why, where it is not in step.
    pub(crate) reason: Option<String>,
    /// Whether somebody has accepted since what blocks it: the next sync takes over.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_resolved: bool,
    /// Its stack.
    pub(crate) stack: StackName,
    /// Where that is, where it is not where Syncline is.
    #[serde(skip_serializing_if = "Location::is_home")]
    pub(crate) location: Location,
    /// The commit that it should be in step with: the last one that concerned it.
    pub(crate) desired_commit: CommitId,
    /// The last sync that concerned it.
    pub(crate) latest_sync: SyncId,
    /// The commit that it was last in step with.
    pub(crate) successful_commit: Option<CommitId>,
    /// The last sync that left it in step.
    pub(crate) successful_sync: Option<SyncId>,
    /// When this changed.
    pub(crate) updated_at: String,
}

impl StatusDocument {
    /// From leases, the newest sync of each branch, and heads; of one branch where one is given.
    pub(crate) fn new(
        repository: RepositoryName,
        branch: Option<&BranchName>,
        leases: Vec<(BranchName, Lease)>,
        newest: Vec<SyncRecord>,
        heads: Vec<Head>,
        paused: Vec<Hold>,
    ) -> Self {
        let is_meant = |of: &BranchName| branch.is_none_or(|branch| branch == of);
        let mut targets: Vec<HeadDocument> =
            heads.into_iter().filter(|head| is_meant(&head.branch)).map(HeadDocument::from).collect();
        targets.sort_by(|a, b| (&a.branch, &a.target).cmp(&(&b.branch, &b.target)));
        let mut branches: Vec<BranchDocument> =
            leases.into_iter().filter(|(branch, _)| is_meant(branch)).map(BranchDocument::from).collect();
        for record in newest {
            if let Some(branch) = branches.iter_mut().find(|branch| branch.branch == record.branch) {
                branch.newest = Some(NewestDocument::from(record));
            }
        }
        Self { repository, branches, paused, targets }
    }
}

impl From<(BranchName, Lease)> for BranchDocument {
    fn from((branch, lease): (BranchName, Lease)) -> Self {
        let (in_step_commit, in_step_manifest_commit) = match lease.in_step {
            Some(in_step) => (Some(in_step.commit), in_step.manifest_commit),
            None => (None, None),
        };
        Self {
            branch,
            running: lease.holder.map(ClaimDocument::from),
            waiting: lease.waiting.map(ClaimDocument::from),
            newest: None,
            in_step_commit,
            in_step_manifest_commit,
        }
    }
}

impl From<Claim> for ClaimDocument {
    fn from(claim: Claim) -> Self {
        Self { sync: claim.sync, commit: claim.commit, manifest_commit: claim.manifest_commit }
    }
}

impl From<SyncRecord> for NewestDocument {
    fn from(record: SyncRecord) -> Self {
        Self { sync: record.sync, commit: record.commit, status: record.status, reason: record.reason }
    }
}

impl From<Head> for HeadDocument {
    fn from(head: Head) -> Self {
        let is_blocked = head.status == TargetStatus::Blocked && head.blocked_by.is_some();
        Self {
            is_resolved: is_blocked && head.accepted == head.blocked_by,
            target: head.target,
            kind: head.kind,
            branch: head.branch,
            status: head.status,
            reason: head.reason,
            stack: head.stack,
            location: head.location,
            desired_commit: head.desired_commit,
            latest_sync: head.latest_sync,
            successful_commit: head.successful_commit,
            successful_sync: head.successful_sync,
            updated_at: head.updated_at,
        }
    }
}
