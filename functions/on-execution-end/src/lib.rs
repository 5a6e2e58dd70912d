//! An execution that did not end by itself is settled, or taken up again.
//!
//! The executions catch their own errors; what is left is one that was stopped by hand, ran out of its time, or whose
//! last step failed. A target's is settled as failed. A sync's is taken up by another execution of the same sync, which
//! goes on from where the sync stands; a sync stopped by hand begins nothing more.

use lambda_runtime::Diagnostic;
use serde::Deserialize;
use serde_json::{Value, json};
use syncline_aws::Error;
use syncline_aws::handover::follow_lease;
use syncline_aws::lambda::configuration;
use syncline_aws::table::Walk;
use syncline_aws::workflow::{SyncInput, TargetInput};
use syncline_core::status::Outcome;
use syncline_core::walk;
use tracing::{error, info, warn};

/// How often a sync's execution is taken up again before it is left to a person.
const MAX_RESUMPTIONS: usize = 5;
/// What is added to an execution's name each time.
const RESUMED: &str = "-r";

/// The function and what it may touch.
#[derive(Debug)]
pub struct OnExecutionEnd {
    walk: Walk,
}

/// The part of a `Step Functions Execution Status Change` event that is used.
///
/// <https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html>
#[derive(Debug, Deserialize)]
struct ExecutionEvent {
    detail: ExecutionDetail,
}

#[derive(Debug, Deserialize)]
struct ExecutionDetail {
    name: String,
    status: String,
    input: String,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    cause: Option<String>,
}

impl OnExecutionEnd {
    /// Reads the function's settings and makes its clients.
    pub fn from_environment() -> Result<Self, Error> {
        let configuration = configuration()?;
        Ok(Self { walk: Walk::from_environment(&configuration)? })
    }

    /// Handles one event. A payload that is no such event, or of an execution that is not ours, is logged and dropped.
    pub async fn handle(&self, event: Value) -> Result<Value, Diagnostic> {
        let Ok(ExecutionEvent { detail }) = ExecutionEvent::deserialize(&event) else {
            warn!(%event, "dropped: not an execution's end");
            return Ok(json!({ "dropped": "not an execution's end" }));
        };
        if let Ok(input) = serde_json::from_str::<TargetInput>(&detail.input) {
            return Ok(self.target(&detail, input).await?);
        }
        if let Ok(input) = serde_json::from_str::<SyncInput>(&detail.input) {
            return Ok(self.sync(&detail, input).await?);
        }
        warn!(name = %detail.name, "dropped: not an execution of ours");
        Ok(json!({ "dropped": "not an execution of ours" }))
    }

    async fn target(&self, detail: &ExecutionDetail, input: TargetInput) -> Result<Value, Error> {
        let outcome = Outcome::failed(describe(detail));
        let recorded = walk::settle(&self.walk, &input.sync, input.target, outcome).await?;
        info!(sync = %input.sync, target = %input.target, status = %recorded.status, "settled");
        Ok(json!({ "settled": recorded.status }))
    }

    async fn sync(&self, detail: &ExecutionDetail, input: SyncInput) -> Result<Value, Error> {
        let sync = &input.sync;
        let Some(record) = self.walk.table.sync(sync).await? else {
            return Ok(json!({ "dropped": "the sync has expired" }));
        };
        let lease = self.walk.table.lease(&record.repository, &record.branch).await?.unwrap_or_default();
        // A sync that is over may still hold the lease, where Finish was cut off between the two.
        if record.status.is_terminal() && lease.holder.as_ref().is_none_or(|holder| holder.sync != *sync) {
            // Or it has handed the lease on, and was cut off before it started whoever has it now.
            let (repository, branch) = (&record.repository, &record.branch);
            follow_lease(&self.walk.table, &self.walk.workflow, repository, branch, &lease).await?;
            return Ok(json!({ "dropped": "the sync is over" }));
        }
        if detail.status == "ABORTED" {
            self.walk.table.cancel_sync(sync, &describe(detail)).await?;
        }
        let Some(name) = resumed_name(&detail.name) else {
            error!(%sync, "taken up {MAX_RESUMPTIONS} times and never ended; its branch stays leased");
            return Err(Error::damaged(
                format!("sync {sync}"),
                format!("its execution was taken up {MAX_RESUMPTIONS} times and never ended: {}", describe(detail)),
            ));
        };
        self.walk.workflow.start_sync_as(sync, &name).await?;
        info!(%sync, status = %record.status, %name, "taken up again");
        Ok(json!({ "resumed": name }))
    }
}

/// The name of the execution that goes on where `name` ended; nothing where that was tried often enough.
fn resumed_name(name: &str) -> Option<String> {
    (name.matches(RESUMED).count() < MAX_RESUMPTIONS).then(|| format!("{name}{RESUMED}"))
}

fn describe(detail: &ExecutionDetail) -> String {
    let what = match detail.status.as_str() {
        "ABORTED" => "its execution was stopped by hand".to_owned(),
        "TIMED_OUT" => "its execution ran out of time".to_owned(),
        status => format!("its execution ended as {status}"),
    };
    match (&detail.error, &detail.cause) {
        (None, None) => what,
        (error, cause) => {
            format!(
                "{what} ({})",
                [error.as_deref(), cause.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(": ")
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_is_taken_up_a_bounded_number_of_times_under_a_name_that_fits() {
        let mut name = "0".repeat(26);
        let mut times = 0;
        while let Some(next) = resumed_name(&name) {
            name = next;
            times += 1;
        }
        assert_eq!(times, MAX_RESUMPTIONS);
        assert!(name.len() <= 80);
    }
}
