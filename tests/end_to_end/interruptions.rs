//! Pushes that come faster than syncs, and executions that are stopped by hand: the newest commit wins, every sync ends,
//! and the lease is free.

use std::time::Duration;

use syncline_aws::clock;
use syncline_aws::table::SyncRecord;
use syncline_core::lease::{Claim, Lease};
use syncline_core::names::{BranchName, CommitId};
use syncline_core::status::{SyncStatus, TargetStatus};

use super::repository::{Repository, parameter};

/// The ARNs of the state machines, but for their names.
const MACHINES: &str = "arn:aws:states:us-east-1:000000000000:stateMachine";

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
    let machine = format!("{MACHINES}:syncline-{machine}");
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
async fn a_sync_that_was_cut_off_with_part_of_another_plan_is_cancelled() {
    let repository = chain("otherplan").await;
    repository.write("ta.yaml", &template(0, 0));
    let before = repository.push_and_wait("Begin").await;
    repository.write("ta.yaml", &template(1, 0));
    repository.git(&["commit", "--quiet", "--all", "--message", "Nobody deploys this branch"]);
    repository.git(&["push", "--quiet", "origin", "HEAD:draft"]);
    let commit = CommitId::new(repository.git(&["rev-parse", "HEAD"]).trim());
    // What a Begin leaves behind that is cut off, and finds other heads when it enters again.
    let claim = Claim {
        sync: clock::sync_id_after(Some(&before.sync)),
        commit,
        manifest_branch: before.manifest_branch.clone(),
        manifest_commit: before.manifest_commit.clone(),
        by_hand: None,
    };
    let sync = &claim.sync;
    let (name, branch) = (repository.repository_name(), BranchName::new("main"));
    let record = SyncRecord::new(&name, &branch, &claim);
    let take = |lease: &mut Lease| lease.take(&claim, Some(&before.sync));
    let (is_taken, _) = repository.table.change_lease(&name, &branch, take).await.unwrap();
    assert!(is_taken);
    repository.table.create_sync(&record).await.unwrap();
    repository.table.advance_sync(sync, SyncStatus::Initiated, None, None).await.unwrap();
    let item = format!(
        r#"{{"pk": {{"S": "SYNC#{sync}"}}, "sk": {{"S": "OPEN"}}, "open": {{"NS": ["0"]}}, "plan": {{"S": "another"}}}}"#
    );
    let world = repository.world;
    world.aws_cli(&["dynamodb", "put-item", "--table-name", &world.table_name, "--item", &item]).await;
    let machine = format!("{MACHINES}:syncline-sync");
    let input = format!(r#"{{"sync": "{sync}"}}"#);
    let client = aws_sdk_sfn::Client::new(&world.configuration().await);
    client.start_execution().state_machine_arn(machine).name(sync.as_str()).input(input).send().await.unwrap();

    let over = repository
        .await_sync("main", "the sync to end", |found| found.sync == *sync && found.status.is_terminal())
        .await;
    assert_eq!(over.status, SyncStatus::Cancelled);
    assert!(over.reason.as_deref().unwrap().contains("push another commit"), "{:?}", over.reason);
    assert!(repository.statuses(sync).await.is_empty(), "nothing of a second plan is stored");
    assert_lease_is_free(&repository).await;
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
