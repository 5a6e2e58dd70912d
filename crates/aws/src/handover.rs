//! Handing a branch's lease on: whoever holds it after a change is recorded and its execution started.
//!
//! Every step may have been done before, by a function that was cut off behind it, so every caller does all of them:
//! none has an effect twice.

use syncline_core::lease::Lease;
use syncline_core::names::{BranchName, RepositoryName};
use syncline_core::status::SyncStatus;

use crate::Error;
use crate::table::{SyncRecord, Table};
use crate::workflow::Workflow;

/// Brings what is recorded and what runs in line with a lease: its holder runs, the one that waits is recorded, those
/// that were superseded are recorded so and forgotten.
pub async fn follow_lease(
    table: &Table,
    workflow: &Workflow,
    repository: &RepositoryName,
    branch: &BranchName,
    lease: &Lease,
) -> Result<(), Error> {
    for claim in lease.waiting.iter().chain(&lease.superseded) {
        table.create_sync(&SyncRecord::new(repository, branch, claim)).await?;
    }
    if let Some(holder) = &lease.holder {
        table.create_sync(&SyncRecord::new(repository, branch, holder)).await?;
        table.advance_sync(&holder.sync, SyncStatus::Initiated, None, None).await?;
        workflow.start_sync(&holder.sync).await?;
    }
    if !lease.superseded.is_empty() {
        table.supersede(&lease.superseded).await?;
        table
            .change_lease(repository, branch, |present| {
                for claim in &lease.superseded {
                    present.forget_superseded(&claim.sync);
                }
            })
            .await?;
    }
    Ok(())
}
