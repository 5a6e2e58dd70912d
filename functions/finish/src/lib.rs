//! Ends a sync, frees its lease and starts the newest that waits.
//!
//! Whatever happened before, a sync ends here: what has not settled is settled as not in step, so that an execution of it
//! that enters Deploy later finds that it has nothing to do.

use lambda_runtime::Diagnostic;
use serde::Deserialize;
use serde_json::{Value, json};
use syncline_aws::Error;
use syncline_aws::handover::follow_lease;
use syncline_aws::lambda::configuration;
use syncline_aws::table::{SyncRecord, Verdict, Walk};
use syncline_aws::workflow::{HEARTBEAT_TIMEOUT, StepError};
use syncline_core::diagnostic;
use syncline_core::lease::InStep;
use syncline_core::names::SyncId;
use syncline_core::status::{Outcome, SyncStatus, TargetStatus};
use syncline_core::walk;
use tracing::info;

/// The function and what it may touch.
#[derive(Debug)]
pub struct Finish {
    walk: Walk,
}

/// What the state machine hands in: the sync, and the error that brought it here, where one did.
#[derive(Debug, Deserialize)]
struct Input {
    sync: SyncId,
    #[serde(default)]
    error: Option<StepError>,
}

impl Finish {
    /// Reads the function's settings and makes its clients.
    pub fn from_environment() -> Result<Self, Error> {
        let configuration = configuration()?;
        Ok(Self { walk: Walk::from_environment(&configuration)? })
    }

    /// Ends one sync.
    pub async fn handle(&self, input: Value) -> Result<Value, Diagnostic> {
        let input = Input::deserialize(&input).map_err(|error| Error::damaged("input of Finish", error))?;
        Ok(self.finish(&input).await?)
    }

    async fn finish(&self, Input { sync, error }: &Input) -> Result<Value, Error> {
        let table = &self.walk.table;
        let record =
            table.sync(sync).await?.ok_or_else(|| Error::damaged(format!("sync {sync}"), "no record of it"))?;
        let verdict = self.close_what_is_open(&record).await?;
        let (status, reason) = ending(&record, &verdict, error.as_ref());
        // A sync that is over already stays as it is; its lease may still have to be freed.
        table.advance_sync(sync, status, reason.as_deref(), Some(&verdict.counts)).await?;
        let status = if record.status.is_terminal() { record.status } else { status };
        let in_step = (status == SyncStatus::Succeeded && record.by_hand.is_none())
            .then(|| InStep { commit: record.commit.clone(), manifest_commit: record.manifest_commit.clone() });
        let (_, lease) = table
            .change_lease(&record.repository, &record.branch, |lease| lease.release(sync, in_step.clone()))
            .await?;
        follow_lease(table, &self.walk.workflow, &record.repository, &record.branch, &lease).await?;
        info!(%sync, %status, next = ?lease.holder.map(|claim| claim.sync), "finished");
        Ok(json!({ "sync": sync, "status": status, "counts": verdict.counts }))
    }

    async fn close_what_is_open(&self, record: &SyncRecord) -> Result<Verdict, Error> {
        let verdict = self.walk.table.verdict(&record.sync).await?;
        if verdict.open.is_empty() {
            return Ok(verdict);
        }
        for (number, status) in &verdict.open {
            let outcome = match status {
                TargetStatus::Pending => Outcome::because(TargetStatus::Skipped, "the sync ended before its turn"),
                _ => Outcome::failed("the sync ended while its stack was worked on"),
            };
            walk::settle(&self.walk, &record.sync, *number, outcome).await?;
        }
        self.walk.table.verdict(&record.sync).await
    }
}

/// The status that a sync ends with, and why where no target says so.
fn ending(record: &SyncRecord, verdict: &Verdict, error: Option<&StepError>) -> (SyncStatus, Option<String>) {
    if record.cancelled {
        return (SyncStatus::Cancelled, None);
    }
    if record.by_hand.is_some() && error.is_some_and(|error| error.error == HEARTBEAT_TIMEOUT) {
        let reason = "the command that carried it out by hand was cut off";
        return (SyncStatus::Failed, Some(reason.to_owned()));
    }
    if let Some(error) = error {
        return (SyncStatus::Failed, Some(error.describe()));
    }
    if diagnostic::has_errors(&record.diagnostics) {
        return (SyncStatus::Failed, None);
    }
    if verdict.is_in_step() { (SyncStatus::Succeeded, None) } else { (SyncStatus::Failed, None) }
}
