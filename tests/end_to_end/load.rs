//! Load: commits that come much faster than syncs, branches that are pushed all at once.

use std::fmt::Write as _;
use std::time::Duration;

use aws_sdk_cloudformation::Client;
use syncline_aws::table::{SyncRecord, Walk};
use syncline_core::names::{BranchName, CommitId};
use syncline_core::status::SyncStatus;
use syncline_core::walk::WalkStore as _;

use super::repository::Repository;
use super::stack_states::until;

fn template(value: u32, seconds: u32) -> String {
    format!(
        "Resources:\n  P: {{Type: AWS::SSM::Parameter, Properties: {{Type: String, Value: v{value}, Description: sleep={seconds}}}}}\n\
         Outputs: {{V: {{Value: v{value}}}}}\n"
    )
}

/// The syncs of a branch, once all of them are over.
async fn all_over(repository: &Repository, branch: &str) -> Vec<SyncRecord> {
    for _ in 0..600 {
        let (name, branch) = (repository.repository_name(), BranchName::new(branch));
        let syncs = repository.table.syncs_of_branch(&name, &branch, 100).await.unwrap();
        let lease = repository.table.lease(&name, &branch).await.unwrap().unwrap_or_default();
        let is_free = lease.holder.is_none() && lease.waiting.is_none() && lease.superseded.is_empty();
        if is_free && !syncs.is_empty() && syncs.iter().all(|sync| sync.status.is_terminal()) {
            return syncs;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the syncs of `{branch}` do not end");
}

/// When a sync worked, from its plan to its end.
fn worked(sync: &SyncRecord) -> Option<(String, String)> {
    Some((sync.events.get(&SyncStatus::InProgress)?.clone(), sync.events.get(&SyncStatus::Succeeded)?.clone()))
}

#[tokio::test]
async fn of_twenty_commits_in_a_row_the_last_is_deployed_and_two_syncs_work() {
    let repository = Repository::empty("twenty").await;
    repository.write("syncline.yaml", "app: twenty\nsync:\n  services:\n    a: {i: {branch: main, spec: a.yaml}}\n");
    repository.write("a.yaml", "template-file-path: t.yaml\n");
    repository.write("t.yaml", &template(0, 12));
    let first = repository.push("Commit 0");
    repository.await_sync("main", "the first to begin", |sync| sync.status == SyncStatus::InProgress).await;
    let mut last = first.clone();
    for value in 1..=20 {
        repository.write("t.yaml", &template(value, 0));
        last = repository.push(&format!("Commit {value}"));
    }
    let syncs = all_over(&repository, "main").await;
    let of = |commit: &CommitId| syncs.iter().find(|sync| sync.commit == *commit).unwrap();
    repository.assert_succeeded(of(&first)).await;
    repository.assert_succeeded(of(&last)).await;
    // Whoever came in between was superseded, or was never seen: the newest was the branch's head by then.
    let others: Vec<_> = syncs.iter().filter(|sync| sync.commit != first && sync.commit != last).collect();
    assert!(others.iter().all(|sync| sync.status == SyncStatus::Superseded), "{others:#?}");
    let mut times: Vec<_> = syncs.iter().filter_map(worked).collect();
    times.sort();
    assert_eq!(times.len(), 2);
    assert!(times[0].1 <= times[1].0, "two syncs of one branch worked at once: {times:?}");
    let client = Client::new(&repository.world.configuration().await);
    until(&client, "twenty-a-i", "UPDATE_COMPLETE").await;
    let found = client.describe_stacks().stack_name("twenty-a-i").send().await.unwrap();
    assert_eq!(found.stacks()[0].outputs()[0].output_value(), Some("v20"));
}

#[tokio::test]
async fn ten_branches_that_are_pushed_at_once_run_side_by_side() {
    let repository = Repository::empty("ten").await;
    let branches: Vec<String> = (0..10).map(|number| format!("team/{number}")).collect();
    let mut manifest = "app: ten\nsync:\n  services:\n    a:\n".to_owned();
    for (number, branch) in branches.iter().enumerate() {
        let _ = writeln!(manifest, "      i{number}: {{branch: {branch}, spec: a.yaml}}");
    }
    repository.write("syncline.yaml", &manifest);
    repository.write("a.yaml", "template-file-path: t.yaml\n");
    repository.write("t.yaml", &template(0, 12));
    repository.push("Say what goes where");
    for branch in &branches {
        repository.git(&["branch", branch, "main"]);
    }
    let words: Vec<&str> =
        ["push", "--quiet", "origin"].into_iter().chain(branches.iter().map(String::as_str)).collect();
    repository.git(&words);
    let mut times = Vec::new();
    for branch in &branches {
        let syncs = all_over(&repository, branch).await;
        assert_eq!(syncs.len(), 1, "{syncs:#?}");
        repository.assert_succeeded(&syncs[0]).await;
        times.extend(worked(&syncs[0]));
    }
    let last_began = times.iter().map(|(began, _)| began).max().unwrap();
    let first_ended = times.iter().map(|(_, ended)| ended).min().unwrap();
    assert!(last_began < first_ended, "they did not all run at once: {times:#?}");
}

/// How many targets a large sync has, unless `SYNCLINE_SOAK_TARGETS` says otherwise.
const MANY: usize = 2_000;
/// How many targets a layer of its graph has; each waits for two of the layer above.
const WIDTH: usize = 40;
/// The largest item that DynamoDB takes.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html>
const MAX_ITEM_BYTES: usize = 400 * 1024;

/// Pushes a repository of so many targets, and gives how long its sync took.
async fn deploy_many(name: &str, size: usize) -> (Repository, SyncRecord, Duration) {
    let repository = Repository::empty(name).await;
    let mut manifest = format!("app: {name}\nsync:\n  services:\n");
    for number in 0..size {
        let _ = writeln!(manifest, "    s{number}:");
        if number >= WIDTH {
            let (above, beside) = (number - WIDTH, number - WIDTH + if number % WIDTH == WIDTH - 1 { 0 } else { 1 });
            let _ = writeln!(manifest, "      depends_on: [s{above}, s{beside}]");
        }
        let _ = writeln!(manifest, "      i: {{branch: main, spec: a.yaml}}");
    }
    repository.write("syncline.yaml", &manifest.replace("[s0, s0]", "s0"));
    repository.write("a.yaml", "template-file-path: t.yaml\n");
    repository.write("t.yaml", &template(0, 0));
    let began = std::time::Instant::now();
    let commit = repository.push("Many");
    for _ in 0..2 * 60 * 20 {
        let syncs = repository.table.syncs_of_commit(&commit, 1).await.unwrap();
        if let Some(sync) = syncs.into_iter().find(|sync| sync.status.is_terminal()) {
            return (repository, sync, began.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("a sync of {size} targets does not end in 20 minutes");
}

/// A large sync comes to its end, within AWS's limits, and each target costs what it costs in a small one.
#[tokio::test]
#[ignore = "it takes minutes: `make soak`"]
async fn soak_of_many_targets() {
    let many = std::env::var("SYNCLINE_SOAK_TARGETS").map_or(MANY, |text| text.parse().unwrap());
    let mut each = Vec::new();
    for (name, size) in [("few", 100), ("many", many)] {
        let (repository, sync, took) = deploy_many(name, size).await;
        repository.assert_succeeded(&sync).await;
        assert_eq!(sync.counts.values().sum::<u32>() as usize, size);
        let calls = repository.world.cloudformation_calls(&format!("{name}-")).await;
        assert_eq!(calls.len(), size, "one call of CloudFormation a target");
        let items = repository.world.items(&format!("SYNC#{}", sync.sync)).await;
        // The sync, its targets, and the chunks of those that were open with their list.
        assert_eq!(items.len(), 1 + size + size.div_ceil(Walk::CHUNK as usize) + 1);
        let largest = items.values().map(|item| item.to_string().len()).max().unwrap();
        // JSON with its types is longer than what DynamoDB counts.
        assert!(largest < MAX_ITEM_BYTES, "an item has {largest} bytes");
        println!("{size} targets: {took:.1?}, {:.1?} each, largest item {largest} bytes", took / size as u32);
        each.push(took / size as u32);
    }
    println!("a target of the large sync took {:.2} times as long", each[1].as_secs_f64() / each[0].as_secs_f64());
}
