//! A stack's status event settles the target that waits for it, or sends Deploy back to look.
//!
//! It looks at no stack: an operation of ours that succeeded settles its target, and then ends its execution; with anything
//! else that ended the task token is handed back.

use lambda_runtime::Diagnostic;
use serde::Deserialize;
use serde_json::{Value, json};
use syncline_aws::lambda::configuration;
use syncline_aws::table::Walk;
use syncline_aws::workflow::LOOK_AGAIN;
use syncline_aws::{Error, clock};
use syncline_core::deployment::{EventMeaning, Operation, read_event};
use syncline_core::status::{Outcome, TargetStatus, Worked};
use syncline_core::walk;
use tracing::{info, warn};

/// The function and what it may touch.
#[derive(Debug)]
pub struct OnStackStatus {
    walk: Walk,
}

/// The part of a `CloudFormation Stack Status Change` event that is used.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/eventbridge.html>
#[derive(Debug, Deserialize)]
struct StackEvent {
    /// The account that it is of. Whoever sends it, EventBridge sets this.
    account: String,
    detail: StackDetail,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct StackDetail {
    stack_id: String,
    status_details: StatusDetails,
    #[serde(default)]
    client_request_token: Option<String>,
}

#[derive(Debug, Deserialize)]
struct StatusDetails {
    status: String,
}

/// The account in a stack's id, `arn:aws:cloudformation:<region>:<account>:stack/<name>/<unique id>`.
fn account_of(stack_id: &str) -> Option<&str> {
    stack_id.split(':').nth(4)
}

impl OnStackStatus {
    /// Reads the function's settings and makes its clients.
    pub fn from_environment() -> Result<Self, Error> {
        let configuration = configuration()?;
        Ok(Self { walk: Walk::from_environment(&configuration)? })
    }

    /// Handles one event. A payload that is no stack event is logged and dropped.
    pub async fn handle(&self, event: Value) -> Result<Value, Diagnostic> {
        let Ok(StackEvent { account, detail }) = StackEvent::deserialize(&event) else {
            warn!(%event, "dropped: not a stack status event");
            return Ok(json!({ "dropped": "not a stack status event" }));
        };
        if account_of(&detail.stack_id) != Some(account.as_str()) {
            warn!(%event, "dropped: it speaks of a stack of another account than its own");
            return Ok(json!({ "dropped": "of another account" }));
        }
        Ok(self.stack(detail).await?)
    }

    async fn stack(&self, detail: StackDetail) -> Result<Value, Error> {
        let StackDetail { stack_id, status_details: StatusDetails { status }, client_request_token } = detail;
        let heard_at = clock::now();
        let Some(wait) = self.walk.table.who_waits_for(&stack_id).await? else {
            return Ok(json!({ "dropped": "nobody waits for this stack" }));
        };
        let operation = Operation { sync: wait.sync.clone(), target: wait.target };
        let meaning = read_event(&status, client_request_token.as_deref(), &operation);
        info!(%stack_id, %status, sync = %wait.sync, target = %wait.target, ?meaning, "stack event");
        let answered = match meaning {
            EventMeaning::Nothing => return Ok(json!({ "dropped": "nothing ended" })),
            EventMeaning::Deployed if !wait.outputs_wanted => {
                let worked = Some(Worked { asked_at: wait.asked_at, heard_at });
                let deployed = Some(wait.deployed);
                let outcome = Outcome { deployed, worked, ..Outcome::of(TargetStatus::Succeeded) };
                // All of it first: if this is cut off, the token is still there to lead to the same.
                let recorded = walk::settle(&self.walk, &wait.sync, wait.target, outcome).await?;
                self.walk.workflow.succeed(&wait.task_token, &json!({ "status": recorded.status })).await?
            }
            EventMeaning::Deployed | EventMeaning::LookAgain => {
                self.walk.workflow.fail(&wait.task_token, LOOK_AGAIN, &status).await?
            }
        };
        Ok(json!({ "answered": answered }))
    }
}
