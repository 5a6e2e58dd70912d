//! Step Functions: executions are started under names that say what they are for, and task tokens are answered.

use std::time::Duration;

use aws_sdk_sfn::Client;
use serde::{Deserialize, Serialize};
use serde_json::json;
use syncline_core::deployment::Operation;
use syncline_core::names::{SyncId, TargetNumber};

use crate::error::from_sdk;
use crate::{Error, in_batches, settings};

/// What an execution of the sync state machine is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncInput {
    /// The sync to carry out.
    pub sync: SyncId,
}

/// What an execution of the target state machine is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetInput {
    /// The sync.
    pub sync: SyncId,
    /// The target in it.
    pub target: TargetNumber,
}

/// An error as a state machine catches it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StepError {
    /// Its name.
    pub error: String,
    /// What is known of it: of a function's error, JSON with its message.
    #[serde(default)]
    pub cause: String,
}

impl StepError {
    /// Name and message, for people.
    pub fn describe(&self) -> String {
        let parsed: Option<serde_json::Value> = serde_json::from_str(&self.cause).ok();
        let message = parsed.and_then(|cause| cause.get("errorMessage")?.as_str().map(str::to_owned));
        format!("{}: {}", self.error, message.unwrap_or_else(|| self.cause.clone()))
    }
}

/// The error name with which a task token is answered when Deploy is to look at its stack again.
pub const LOOK_AGAIN: &str = "LookAgain";

/// The error name with which Begin answers its token where the sync is carried out by hand: the execution then waits for
/// whoever does, as long as a heartbeat comes.
pub const BY_HAND: &str = "ByHand";

/// The name of the error that a task ends with whose heartbeats ceased.
pub const HEARTBEAT_TIMEOUT: &str = "States.HeartbeatTimeout";

/// How long from one heartbeat to the next. The state machine gives up after six times as long.
pub const HEARTBEAT: Duration = Duration::from_secs(5);

/// The two state machines. A function that starts none of one has no ARN for it.
#[derive(Clone, Debug)]
pub struct Workflow {
    client: Client,
    sync_machine: Option<String>,
    target_machine: Option<String>,
}

impl Workflow {
    /// Reads `SYNC_STATE_MACHINE_ARN` and `TARGET_STATE_MACHINE_ARN`, each where it is set.
    pub fn from_environment(configuration: &aws_config::SdkConfig) -> Self {
        Self {
            client: Client::new(configuration),
            sync_machine: settings::optional("SYNC_STATE_MACHINE_ARN"),
            target_machine: settings::optional("TARGET_STATE_MACHINE_ARN"),
        }
    }

    /// The state machines of an installation, for what is done by hand: no target's execution is started then.
    pub fn by_hand(configuration: &aws_config::SdkConfig, sync_machine: String) -> Self {
        Self { client: Client::new(configuration), sync_machine: Some(sync_machine), target_machine: None }
    }

    /// Starts a sync's execution. One of that name is not started twice.
    pub(crate) async fn start_sync(&self, sync: &SyncId) -> Result<(), Error> {
        self.start_sync_as(sync, sync.as_str()).await
    }

    /// Starts a further execution of a sync, under a name of its own: every step goes on from where the sync stands.
    pub async fn start_sync_as(&self, sync: &SyncId, name: &str) -> Result<(), Error> {
        let input = json!(SyncInput { sync: sync.clone() }).to_string();
        self.start(self.sync_machine.as_ref(), "SYNC_STATE_MACHINE_ARN", name, input).await
    }

    /// Starts targets' executions side by side. One of that name is not started twice.
    pub(crate) async fn start_targets(
        &self,
        sync: &SyncId,
        targets: impl IntoIterator<Item = TargetNumber>,
    ) -> Result<(), Error> {
        let starts = targets.into_iter().map(|target| async move {
            let name = Operation { sync: sync.clone(), target }.execution_name();
            let input = json!(TargetInput { sync: sync.clone(), target }).to_string();
            self.start(self.target_machine.as_ref(), "TARGET_STATE_MACHINE_ARN", &name, input).await
        });
        in_batches(starts).await.map(|_| ())
    }

    async fn start(
        &self,
        machine: Option<&String>,
        variable: &'static str,
        name: &str,
        input: String,
    ) -> Result<(), Error> {
        let machine = machine.ok_or_else(|| Error::Misconfigured { variable, problem: "is not set".to_owned() })?;
        let started = self.client.start_execution().state_machine_arn(machine).name(name).input(input).send().await;
        match started.map_err(from_sdk("states:StartExecution")) {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ExecutionAlreadyExists") => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Answers a task token with a result. Gives whether anybody was still waiting for it.
    pub async fn succeed(&self, token: &str, output: &serde_json::Value) -> Result<bool, Error> {
        let sent = self.client.send_task_success().task_token(token).output(output.to_string()).send().await;
        was_waiting(sent.map(|_| ()).map_err(from_sdk("states:SendTaskSuccess")))
    }

    /// Says that the task is still worked on. Gives whether anybody was still waiting for it.
    pub async fn beat(&self, token: &str) -> Result<bool, Error> {
        let sent = self.client.send_task_heartbeat().task_token(token).send().await;
        was_waiting(sent.map(|_| ()).map_err(from_sdk("states:SendTaskHeartbeat")))
    }

    /// Answers a task token with an error. Gives whether anybody was still waiting for it.
    pub async fn fail(&self, token: &str, error: &str, cause: &str) -> Result<bool, Error> {
        let sent = self.client.send_task_failure().task_token(token).error(error).cause(cause).send().await;
        was_waiting(sent.map(|_| ()).map_err(from_sdk("states:SendTaskFailure")))
    }
}

/// A token that was answered before, or whose task has ended, is nobody's.
fn was_waiting(sent: Result<(), Error>) -> Result<bool, Error> {
    match sent {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.code(), Some("TaskDoesNotExist" | "TaskTimedOut" | "InvalidToken")) => Ok(false),
        Err(error) => Err(error),
    }
}
