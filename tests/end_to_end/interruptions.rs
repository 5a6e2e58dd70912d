//! Pushes that come faster than syncs, and executions that are stopped by hand: the newest commit wins, every sync ends,
//! and the lease is free.

use std::time::Duration;

use syncline_core::names::BranchName;
use syncline_core::status::{SyncStatus, TargetStatus};

use super::repository::{Repository, parameter};

fn template(value: u32, seconds: u32) -> String {
    parameter(&format!("v{value}"), &format!("sleep={seconds}"))
}

async fn chain(name: &str) -> Repository {
    let repository = Repository::of_services(name, &[("a", None), ("b", Some("a"))]).await;
    repository.write("tb.yaml", &template(0, 0));
    repository
}

async fn assert_lease_is_free(repository: &Repository) {
    for _ in 0..100 {
        let lease =
            repository.table.lease(&repository.repository_name(), &BranchName::new("main")).await.unwrap().unwrap();
        if lease.holder.is_none() && lease.waiting.is_none() && lease.superseded.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the lease is not free");
}

#[tokio::test]
async fn pushes_while_a_sync_runs_are_superseded_but_for_the_newest() {
    let repository = chain("fastpush").await;
    repository.write("ta.yaml", &template(0, 3));
    let first = repository.push("First");
    let running =
        repository.await_sync("main", "the first to begin", |sync| sync.status == SyncStatus::InProgress).await;
    assert_eq!(running.commit, first);
    let mut commits = Vec::new();
    for value in 1..=4 {
        repository.write("ta.yaml", &template(value, 0));
        let commit = repository.push(&format!("Push {value}"));
        // CodeCommit may send events in any order; what is tested here is pushes that arrive one after another.
        repository.await_sync("main", "the push to arrive", |sync| sync.commit == commit).await;
        commits.push(commit);
    }
    let last = repository.sync_of("main", &commits[3]).await;
    repository.assert_succeeded(&last).await;
    let first = repository.sync_of("main", &first).await;
    repository.assert_succeeded(&first).await;
    for commit in &commits[..3] {
        let sync = repository.sync_of("main", commit).await;
        assert_eq!(sync.status, SyncStatus::Superseded);
        assert!(repository.targets(&sync.sync).await.is_empty());
    }
    assert_lease_is_free(&repository).await;
}

/// The ARN of a running execution of a state machine whose name begins so.
async fn execution(repository: &Repository, machine: &str, name: &str) -> String {
    let client = aws_sdk_sfn::Client::new(&repository.world.configuration().await);
    let machine = format!("arn:aws:states:us-east-1:000000000000:stateMachine:syncline-{machine}");
    for _ in 0..100 {
        let found = client.list_executions().state_machine_arn(&machine).send().await.unwrap();
        let running = found.executions().iter().find(|execution| {
            execution.name().starts_with(name) && execution.status() == &aws_sdk_sfn::types::ExecutionStatus::Running
        });
        if let Some(execution) = running {
            return execution.execution_arn().to_owned();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no execution {name} of {machine} runs");
}

async fn stop(repository: &Repository, arn: &str) {
    let client = aws_sdk_sfn::Client::new(&repository.world.configuration().await);
    client.stop_execution().execution_arn(arn).cause("tested").send().await.unwrap();
}

#[tokio::test]
async fn a_target_stopped_by_hand_fails_and_its_dependents_are_skipped() {
    let repository = chain("stoptarget").await;
    repository.write("ta.yaml", &template(0, 5));
    let commit = repository.push("Begin");
    let sync = repository.await_sync("main", "the sync to begin", |sync| sync.status == SyncStatus::InProgress).await;
    stop(&repository, &execution(&repository, "target", sync.sync.as_str()).await).await;
    let sync = repository.sync_of("main", &commit).await;
    assert_eq!(sync.status, SyncStatus::Failed);
    let targets = repository.targets(&sync.sync).await;
    assert_eq!(targets["a/i"].status, TargetStatus::Failed);
    assert!(targets["a/i"].reason.as_deref().unwrap().contains("stopped by hand"), "{:?}", targets["a/i"].reason);
    assert_eq!(targets["b/i"].status, TargetStatus::Skipped);
    assert_lease_is_free(&repository).await;
}

#[tokio::test]
async fn a_sync_stopped_by_hand_begins_nothing_more_and_ends_cancelled() {
    let repository = chain("stopsync").await;
    repository.write("ta.yaml", &template(0, 3));
    let commit = repository.push("Begin");
    let sync = repository.await_sync("main", "the sync to begin", |sync| sync.status == SyncStatus::InProgress).await;
    while repository.targets(&sync.sync).await["a/i"].status != TargetStatus::Deploying {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Its stack takes 3 s: once CloudFormation works on it, stopping the sync no longer stops it.
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop(&repository, &execution(&repository, "sync", sync.sync.as_str()).await).await;
    let sync = repository.sync_of("main", &commit).await;
    assert_eq!(sync.status, SyncStatus::Cancelled);
    let targets = repository.targets(&sync.sync).await;
    assert_eq!(targets["a/i"].status, TargetStatus::Succeeded, "what was under way came to its end");
    assert_eq!(targets["b/i"].status, TargetStatus::Skipped);
    assert_lease_is_free(&repository).await;
    repository.write("tb.yaml", &template(1, 0));
    let sync = repository.push_and_wait("Go on").await;
    repository.assert_succeeded(&sync).await;
}
