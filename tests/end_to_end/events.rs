//! Events that come twice, late, and in the wrong order: none has a second effect.

use std::time::Duration;

use serde_json::{Value, json};
use syncline_core::names::{BranchName, TargetNumber};
use syncline_core::status::SyncStatus;

use super::repository::{Repository, parameter};
use super::stack_states::one_target;

impl Repository {
    /// Sends an event as AWS would.
    async fn send(&self, source: &str, kind: &str, detail: &Value) {
        let entry = json!([{ "Source": source, "DetailType": kind, "Detail": detail.to_string() }]);
        let sent = self.world.aws_cli(&["events", "put-events", "--entries", &entry.to_string()]).await;
        assert_eq!(sent["FailedEntryCount"], 0, "{sent}");
    }

    async fn send_push(&self, commit: &str) {
        let detail = json!({
            "event": "referenceUpdated", "repositoryName": self.name, "referenceType": "branch", "referenceName": "main",
            "referenceFullName": "refs/heads/main", "commitId": commit,
        });
        self.send("local.codecommit", "CodeCommit Repository State Change", &detail).await;
    }

    async fn send_stack_status(&self, stack_id: &str, status: &str, token: &str) {
        let detail = json!({
            "stack-id": stack_id, "status-details": { "status": status, "status-reason": "" }, "client-request-token": token,
        });
        self.send("local.cloudformation", "CloudFormation Stack Status Change", &detail).await;
    }

    async fn number_of_syncs(&self) -> usize {
        let (name, branch) = (self.repository_name(), BranchName::new("main"));
        self.table.syncs_of_branch(&name, &branch, 50).await.unwrap().len()
    }
}

#[tokio::test]
async fn events_that_come_twice_or_late_have_no_second_effect() {
    let (repository, client, stack) = one_target("again", &parameter("v", "sleep=4")).await;
    let older = repository.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let commit = repository.push("Take a while");
    let sync = repository.await_sync("main", "it to begin", |sync| sync.status == SyncStatus::InProgress).await;
    // While it runs: its own push again, and one of an older commit that comes late.
    repository.send_push(commit.as_str()).await;
    repository.send_push(&older).await;
    let found = client.describe_stacks().stack_name(&stack).send().await.unwrap();
    let stack_id = found.stacks()[0].stack_id().unwrap().to_owned();
    // An end that is not one, and an end of somebody else's operation: Deploy looks, and goes on waiting.
    repository.send_stack_status(&stack_id, "UPDATE_ROLLBACK_COMPLETE", "somebody-else").await;
    let sync = repository.sync_of("main", &sync.commit).await;
    repository.assert_succeeded(&sync).await;

    // When all is over: the same again, and the stack's own events twice more.
    let calls = repository.world.cloudformation_calls("again-").await;
    let created = calls.iter().filter(|call| call.starts_with("CreateStack ")).count();
    assert_eq!(created, 1);
    repository.send_push(commit.as_str()).await;
    repository.send_push(&older).await;
    let operation = syncline_core::deployment::Operation { sync: sync.sync.clone(), target: TargetNumber(0) };
    for status in ["CREATE_COMPLETE", "UPDATE_FAILED", "DELETE_COMPLETE"] {
        repository.send_stack_status(&stack_id, status, &operation.token("create")).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(repository.number_of_syncs().await, 1);
    let again = repository.table.sync(&sync.sync).await.unwrap().unwrap();
    assert_eq!((again.status, &again.events), (SyncStatus::Succeeded, &sync.events));
    let calls = repository.world.cloudformation_calls("again-").await;
    let wrote = |call: &&String| !call.starts_with("Describe");
    assert_eq!(calls.iter().filter(wrote).count(), 1, "{calls:?}");
}
