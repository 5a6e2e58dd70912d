//! Deploying a target is right for the state that its stack is in.

use std::time::Duration;

use aws_sdk_cloudformation::Client;
use syncline_core::status::{SyncStatus, TargetStatus};

use super::repository::{Repository, parameter};

const TOPIC: &str = "Resources: {A: {Type: AWS::SNS::Topic}}\n";

/// A repository with one target, `a/i`, whose stack is `<name>-a-i`.
pub(super) async fn one_target(name: &str, template: &str) -> (Repository, Client, String) {
    let repository = Repository::of_services(name, &[("a", None)]).await;
    repository.write("ta.yaml", template);
    let client = Client::new(&repository.world.configuration().await);
    (repository, client, format!("{name}-a-i"))
}

async fn status(client: &Client, stack: &str) -> String {
    let found = client.describe_stacks().stack_name(stack).send().await;
    found
        .ok()
        .and_then(|found| {
            found.stacks().first().and_then(|stack| stack.stack_status().map(|status| status.as_str().to_owned()))
        })
        .unwrap_or_default()
}

pub(super) async fn until(client: &Client, stack: &str, wanted: &str) {
    for _ in 0..200 {
        if status(client, stack).await == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("stack {stack} is {}, not {wanted}", status(client, stack).await);
}

#[tokio::test]
async fn a_stack_that_is_there_already_is_taken_over_and_one_that_is_in_step_is_unchanged() {
    let (repository, client, stack) = one_target("there", TOPIC).await;
    client.create_stack().stack_name(&stack).template_body(TOPIC).send().await.unwrap();
    until(&client, &stack, "CREATE_COMPLETE").await;
    let sync = repository.push_and_wait("Take it over").await;
    repository.assert_succeeded(&sync).await;
    assert_eq!(repository.statuses(&sync.sync).await["a/i"], TargetStatus::Unchanged);
    repository.write("ta.yaml", "Resources: {A: {Type: AWS::SNS::Topic}, B: {Type: AWS::SNS::Topic}}\n");
    let sync = repository.push_and_wait("Change it").await;
    assert_eq!(repository.statuses(&sync.sync).await["a/i"], TargetStatus::Succeeded);
    assert_eq!(status(&client, &stack).await, "UPDATE_COMPLETE");
}

#[tokio::test]
async fn what_a_failed_creation_left_is_replaced() {
    let (repository, client, stack) = one_target("left", TOPIC).await;
    client.create_stack().stack_name(&stack).template_body(parameter("x", "fail=no luck")).send().await.unwrap();
    until(&client, &stack, "ROLLBACK_COMPLETE").await;
    let sync = repository.push_and_wait("Replace it").await;
    repository.assert_succeeded(&sync).await;
    assert_eq!(repository.targets(&sync.sync).await["a/i"].status, TargetStatus::Succeeded);
    assert_eq!(status(&client, &stack).await, "CREATE_COMPLETE");
}

#[tokio::test]
async fn somebody_elses_operation_is_waited_for() {
    let (repository, client, stack) = one_target("busy", TOPIC).await;
    client.create_stack().stack_name(&stack).template_body(parameter("x", "sleep=4")).send().await.unwrap();
    let sync = repository.push_and_wait("While it is busy").await;
    repository.assert_succeeded(&sync).await;
    let target = repository.targets(&sync.sync).await.remove("a/i").unwrap();
    assert_eq!(target.status, TargetStatus::Succeeded);
    // It came back for the end of the other operation, not for the timeout under a lost event, which is 20 s here.
    assert_eq!(target.entered, 2);
    assert_eq!(status(&client, &stack).await, "UPDATE_COMPLETE");
}

#[tokio::test]
async fn a_failed_update_gives_the_first_resource_that_failed_and_the_next_push_goes_on() {
    let (repository, client, stack) = one_target("upd", &parameter("x", "sleep=0")).await;
    repository.push_and_wait("Begin").await;
    repository.write("ta.yaml", &parameter("y", "fail=quota reached"));
    let sync = repository.push_and_wait("Fail").await;
    assert_eq!(sync.status, SyncStatus::Failed);
    let reason = repository.targets(&sync.sync).await["a/i"].reason.clone().unwrap();
    assert!(reason.starts_with("`P` (AWS::SSM::Parameter): ") && reason.contains("quota reached"), "{reason}");
    assert_eq!(status(&client, &stack).await, "UPDATE_ROLLBACK_COMPLETE");
    repository.write("ta.yaml", &parameter("z", "sleep=0"));
    let sync = repository.push_and_wait("Mend").await;
    repository.assert_succeeded(&sync).await;
    assert_eq!(status(&client, &stack).await, "UPDATE_COMPLETE");
}

#[tokio::test]
async fn a_stack_that_cannot_be_updated_fails_with_the_remedy() {
    let (repository, client, stack) = one_target("stuck", TOPIC).await;
    client
        .create_stack()
        .stack_name(&stack)
        .template_body(parameter("x", "keep=somebody needs it"))
        .send()
        .await
        .unwrap();
    until(&client, &stack, "CREATE_COMPLETE").await;
    client.delete_stack().stack_name(&stack).send().await.unwrap();
    until(&client, &stack, "DELETE_FAILED").await;
    let sync = repository.push_and_wait("Try").await;
    assert_eq!(sync.status, SyncStatus::Failed);
    let reason = repository.targets(&sync.sync).await["a/i"].reason.clone().unwrap();
    assert!(
        reason.contains("DELETE_FAILED")
            && reason.contains(&format!("aws cloudformation delete-stack --stack-name {stack}")),
        "{reason}"
    );
}

#[tokio::test]
async fn a_template_that_is_too_long_for_a_request_goes_through_s3() {
    let long = format!("Metadata: {{Note: {}}}\n{TOPIC}", "x".repeat(60_000));
    let (repository, client, stack) = one_target("long", &long).await;
    let sync = repository.push_and_wait("A long template").await;
    repository.assert_succeeded(&sync).await;
    assert_eq!(status(&client, &stack).await, "CREATE_COMPLETE");
}
