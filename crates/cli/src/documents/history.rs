//! The history of a repository: its syncs, newest first.

use serde::Serialize;
use syncline_aws::table::Intervention;
use syncline_core::names::RepositoryName;

use super::SyncSummary;

/// The newest syncs of a repository, or of one branch of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct HistoryDocument {
    /// The connected repository.
    pub(crate) repository: RepositoryName,
    /// The syncs, newest first.
    pub(crate) syncs: Vec<SyncSummary>,
    /// What people did by hand to their course, newest first.
    pub(crate) interventions: Vec<Intervention>,
}

impl HistoryDocument {
    /// The newest of these syncs.
    pub(crate) fn new(
        repository: RepositoryName,
        mut syncs: Vec<SyncSummary>,
        mut interventions: Vec<Intervention>,
        limit: usize,
    ) -> Self {
        syncs.sort_by(|a, b| b.sync.cmp(&a.sync));
        syncs.truncate(limit);
        interventions.truncate(limit);
        Self { repository, syncs, interventions }
    }
}
