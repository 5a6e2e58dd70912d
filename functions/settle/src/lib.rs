//! Settles a target that Deploy gave up: everybody else who knows how a target ended settles it on the spot.

use lambda_runtime::Diagnostic;
use serde::Deserialize;
use serde_json::{Value, json};
use syncline_aws::Error;
use syncline_aws::lambda::configuration;
use syncline_aws::table::Walk;
use syncline_aws::workflow::StepError;
use syncline_core::names::{SyncId, TargetNumber};
use syncline_core::status::Outcome;
use syncline_core::walk;
use tracing::info;

/// The function and what it may touch.
#[derive(Debug)]
pub struct Settle {
    walk: Walk,
}

/// What the state machine hands in: the error that Deploy gave up with.
#[derive(Debug, Deserialize)]
struct Input {
    sync: SyncId,
    target: TargetNumber,
    error: StepError,
}

impl Settle {
    /// Reads the function's settings and makes its clients.
    pub fn from_environment() -> Result<Self, Error> {
        let configuration = configuration()?;
        Ok(Self { walk: Walk::from_environment(&configuration)? })
    }

    /// Settles one target.
    pub async fn handle(&self, input: Value) -> Result<Value, Diagnostic> {
        let input = Input::deserialize(&input).map_err(|error| Error::damaged("input of Settle", error))?;
        let recorded = walk::settle(&self.walk, &input.sync, input.target, outcome(&input)).await?;
        info!(sync = %input.sync, target = %input.target, status = %recorded.status, reason = recorded.reason, "settled");
        Ok(json!({ "status": recorded.status }))
    }
}

fn outcome(input: &Input) -> Outcome {
    Outcome::failed(format!("Deploy gave up: {}", input.error.describe()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_becomes_a_reason_that_a_person_can_read() {
        let input = Input::deserialize(&json!({
            "sync": "01J", "target": 2,
            "error": { "Error": "Unavailable", "Cause": "{\"errorType\":\"Unavailable\",\"errorMessage\":\"codecommit:GetFile had no answer\"}" }
        }))
        .unwrap();
        assert_eq!(
            outcome(&input).reason.as_deref(),
            Some("Deploy gave up: Unavailable: codecommit:GetFile had no answer")
        );
    }
}
