//! Load: commits that come much faster than syncs, branches that are pushed all at once.

use std::fmt::Write as _;
use std::time::Duration;

use aws_sdk_cloudformation::Client;
use syncline_aws::table::SyncRecord;
use syncline_core::names::{BranchName, CommitId};
use syncline_core::status::SyncStatus;

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
