//! No target waits at a barrier: in a graph with one slow branch, the fast branch finishes while the slow one runs.

use syncline_core::status::TargetStatus;

use super::repository::Repository;

/// A stack that takes so many seconds.
fn takes(seconds: u32) -> String {
    format!(
        "Resources:\n  P: {{Type: AWS::SSM::Parameter, Properties: {{Type: String, Value: x, Description: sleep={seconds}}}}}\n"
    )
}

#[tokio::test]
async fn a_fast_chain_finishes_while_a_slow_target_runs() {
    let repository = Repository::empty("nb").await;
    repository.write(
        "syncline.yaml",
        "app: nb\nsync:\n  services:\n    base: {i: {branch: main, spec: fast.yaml}}\n    slow: {depends_on: base, i: {branch: main, spec: slow.yaml}}\n    \
         fast-1: {depends_on: base, i: {branch: main, spec: fast.yaml}}\n    fast-2: {depends_on: fast-1, i: {branch: main, spec: fast.yaml}}\n    \
         fast-3: {depends_on: fast-2, i: {branch: main, spec: fast.yaml}}\n    last: {depends_on: [slow, fast-3], i: {branch: main, spec: fast.yaml}}\n",
    );
    repository.write("fast.yaml", "template-file-path: fast-template.yaml\n");
    repository.write("slow.yaml", "template-file-path: slow-template.yaml\n");
    repository.write("fast-template.yaml", &takes(0));
    repository.write("slow-template.yaml", &takes(6));
    let sync = repository.push_and_wait("A slow branch beside a fast one").await;
    repository.assert_succeeded(&sync).await;
    let targets = repository.targets(&sync.sync).await;
    let settled = |name: &str| targets[name].events[&TargetStatus::Succeeded].clone();
    let began = |name: &str| targets[name].events[&TargetStatus::Deploying].clone();
    assert!(began("slow/i") < began("fast-2/i"));
    assert!(settled("fast-3/i") < settled("slow/i"), "the fast chain waited for the slow target");
    assert!(settled("slow/i") <= began("last/i"));
}
