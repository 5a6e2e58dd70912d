//! The main job: a push deploys what its branch maps to, in order, and a pull request takes the commit on.

use syncline_aws::table::TargetRecord;
use syncline_core::names::CommitId;
use syncline_core::status::{SyncStatus, TargetStatus};

use super::repository::Repository;

/// Every target began after all that it waits on was in step.
pub(super) fn assert_order(targets: &std::collections::BTreeMap<String, TargetRecord>) {
    for (name, target) in targets {
        let began = &target.events[&TargetStatus::Deploying];
        for dependency in targets.values().filter(|other| target.planned.waits_on.contains(&other.planned.number)) {
            let settled = &dependency.events[&TargetStatus::Succeeded];
            assert!(settled <= began, "{name} began at {began}, {} settled at {settled}", dependency.planned.name);
        }
    }
}

/// A push to `main` deploys six targets; merging the pull request deploys `prod`'s six.
async fn deploys_and_publishes(
    repository: &Repository,
    first: &str,
    last: &str,
    last_in_prod: &str,
    middle: [&str; 2],
) {
    let sync = repository.push_and_wait("Describe the shop").await;
    repository.assert_succeeded(&sync).await;
    let targets = repository.targets(&sync.sync).await;
    assert_eq!(targets.len(), 6);
    assert!(targets.values().all(|target| target.status == TargetStatus::Succeeded));
    assert_order(&targets);
    assert!(targets[first].planned.waits_on.is_empty());
    for name in middle {
        assert!(targets[last].planned.waits_on.contains(&targets[name].planned.number), "{last} waits on {name}");
    }

    let open = repository.open_pull_requests().await;
    assert_eq!(open.len(), 1);
    let found = repository.world.codecommit().await.get_pull_request().pull_request_id(&open[0]).send().await.unwrap();
    let found = found.pull_request().unwrap();
    let between = &found.pull_request_targets()[0];
    assert_eq!(
        (between.source_reference(), between.destination_reference()),
        (Some("refs/heads/main"), Some("refs/heads/prod"))
    );
    assert!(found.description().unwrap().contains(last), "{:?}", found.description());

    let words =
        ["codecommit", "merge-pull-request-by-fast-forward", "--pull-request-id", &open[0], "--repository-name"];
    repository.world.aws_cli(&[&words[..], &[&repository.name]].concat()).await;
    let prod = repository.sync_of("prod", &sync.commit).await;
    repository.assert_succeeded(&prod).await;
    let targets = repository.targets(&prod.sync).await;
    assert_eq!(targets.len(), 6);
    assert!(targets.contains_key(last_in_prod));
    assert_order(&targets);
    assert!(repository.open_pull_requests().await.is_empty());
}

#[tokio::test]
async fn a_push_in_the_service_first_format_deploys_publishes_and_then_only_what_changed() {
    let repository = Repository::of_example("shop", "sf").await;
    deploys_and_publishes(&repository, "beta", "front-end/beta", "front-end/prod", ["catalog/beta", "orders/beta"])
        .await;

    let calls_before = repository.world.cloudformation_calls("sf-").await.len();
    // The spec is one file for both instances: the plan cannot tell whose part changed, the render can.
    repository.replace("payments/spec.yaml", "visibility_timeout: 120", "visibility_timeout: 60");
    let sync = repository.push_and_wait("Be quicker in prod").await;
    repository.assert_succeeded(&sync).await;
    let statuses = repository.statuses(&sync.sync).await;
    assert_eq!(statuses.len(), 6);
    assert!(statuses.values().all(|status| *status == TargetStatus::Unchanged), "{statuses:?}");
    assert_eq!(
        repository.world.cloudformation_calls("sf-").await.len(),
        calls_before,
        "only prod's part of the spec changed"
    );

    repository.replace("payments/spec.yaml", "spec: {detail_type: OrderPlaced}", "spec: {detail_type: OrderPaid}");
    let sync = repository.push_and_wait("In beta too").await;
    repository.assert_succeeded(&sync).await;
    for (name, status) in repository.statuses(&sync.sync).await {
        let expected = if name == "payments/beta" { TargetStatus::Succeeded } else { TargetStatus::Unchanged };
        assert_eq!(status, expected, "{name}");
    }
    let calls = repository.world.cloudformation_calls("sf-").await;
    let created = calls.iter().filter(|call| call.starts_with("CreateStack ")).count();
    assert_eq!(created, 12, "the record is whole");
    let new = &calls[..calls.len() - calls_before];
    // One read tells that nobody else changed the stack, one write changes it.
    assert_eq!(new, ["UpdateStack sf-payments-beta", "DescribeStackEvents sf-payments-beta"]);
    assert_eq!(repository.open_pull_requests().await.len(), 1);
}

#[tokio::test]
async fn a_push_in_the_branch_first_format_deploys_and_publishes() {
    let repository = Repository::of_example("shop-branch-first", "bfs").await;
    deploys_and_publishes(
        &repository,
        "base-beta",
        "front-end-beta",
        "front-end-prod",
        ["catalog-beta", "orders-beta"],
    )
    .await;
}

#[tokio::test]
async fn a_failure_skips_its_dependents_and_the_fix_deploys_only_what_is_left() {
    let repository = Repository::of_example("shop", "fx").await;
    let good = std::fs::read_to_string(repository.path().join("orders/spec.yaml")).unwrap();
    repository.write("orders/spec.yaml", "template-file-path: orders/template.yaml\n");
    repository.write(
        "orders/template.yaml",
        "Resources:\n  Fine: {Type: AWS::SNS::Topic}\n  Table:\n    Type: AWS::SSM::Parameter\n    DependsOn: Fine\n    \
         Properties: {Type: String, Value: x, Description: fail=no such key schema}\n",
    );
    let sync = repository.push_and_wait("Break orders").await;
    assert_eq!(sync.status, SyncStatus::Failed);
    let targets = repository.targets(&sync.sync).await;
    assert_eq!(targets["orders/beta"].status, TargetStatus::Failed);
    let reason = targets["orders/beta"].reason.clone().unwrap();
    assert!(reason.starts_with("`Table` (AWS::SSM::Parameter): ") && reason.contains("no such key schema"), "{reason}");
    assert_eq!(targets["front-end/beta"].status, TargetStatus::Skipped);
    assert_eq!(targets["front-end/beta"].reason.as_deref(), Some("`orders/beta` failed"));
    for name in ["beta", "events/beta", "catalog/beta", "payments/beta"] {
        assert_eq!(targets[name].status, TargetStatus::Succeeded, "{name}");
    }
    assert_eq!(sync.counts[&TargetStatus::Succeeded], 4);
    assert!(repository.open_pull_requests().await.is_empty());

    repository.write("orders/spec.yaml", &good);
    let sync = repository.push_and_wait("Mend orders").await;
    repository.assert_succeeded(&sync).await;
    let deployed: Vec<String> = repository.targets(&sync.sync).await.into_keys().collect();
    assert_eq!(deployed, ["front-end/beta", "orders/beta"]);
    assert_eq!(repository.statuses(&sync.sync).await["catalog/beta"], TargetStatus::Unchanged);
    assert_eq!(repository.open_pull_requests().await.len(), 1);
}

#[tokio::test]
async fn one_pull_request_a_pair_is_kept_up_to_date_and_none_is_made_for_nothing() {
    let repository = Repository::empty("prs").await;
    repository.write("syncline.yaml", "app: prs\nsync:\n  services:\n    a: {beta: {branch: main, spec: a.yaml}}\n  publish: {from: main, to: prod}\n");
    repository.write("a.yaml", "template-file-path: t.yaml\n");
    repository.write("t.yaml", "Resources: {A: {Type: AWS::SNS::Topic}}\n");
    let first = repository.push_and_wait("One").await;
    repository.assert_succeeded(&first).await;
    let open = repository.open_pull_requests().await;
    repository.write("t.yaml", "Resources: {A: {Type: AWS::SNS::Topic}, B: {Type: AWS::SNS::Topic}}\n");
    let second = repository.push_and_wait("Two").await;
    assert_eq!(repository.open_pull_requests().await, open);
    let client = repository.world.codecommit().await;
    let found = client.get_pull_request().pull_request_id(&open[0]).send().await.unwrap();
    let description = found.pull_request().unwrap().description().unwrap().to_owned();
    assert!(description.contains(second.commit.short()), "{description}");

    // Where prod is at the commit already, there is nothing to publish.
    repository.git(&["push", "--quiet", "origin", "main:prod"]);
    client
        .update_pull_request_status()
        .pull_request_id(&open[0])
        .pull_request_status(aws_sdk_codecommit::types::PullRequestStatusEnum::Closed)
        .send()
        .await
        .unwrap();
    let commit = CommitId::new(repository.git(&["rev-parse", "HEAD"]).trim());
    assert_eq!(commit, second.commit);
    repository.write("t.yaml", "Resources: {A: {Type: AWS::SNS::Topic}}\n");
    repository.git(&["commit", "--quiet", "--all", "--message", "Three"]);
    repository.git(&["push", "--quiet", "origin", "main:prod"]);
    let third = repository.push_and_wait("Four, with nothing in it").await;
    repository.assert_succeeded(&third).await;
    assert!(repository.open_pull_requests().await.is_empty());
}

#[tokio::test]
async fn a_push_cannot_say_what_another_branch_is() {
    let repository = Repository::empty("wall").await;
    let manifest = "app: wall\nsync:\n  services:\n    a: {beta: {branch: main, spec: a.yaml}, prod: {branch: prod, spec: a.yaml}}\n";
    repository.write("syncline.yaml", manifest);
    repository.write("a.yaml", "template-file-path: t.yaml\n");
    repository.write("t.yaml", "Resources: {A: {Type: AWS::SNS::Topic}}\n");
    let sync = repository.push_and_wait("Describe").await;
    repository.assert_succeeded(&sync).await;

    repository.git(&["checkout", "--quiet", "-B", "prod"]);
    repository.write("syncline.yaml", &format!("{manifest}    evil: {{prod: {{branch: prod, spec: a.yaml}}}}\n"));
    repository.git(&["commit", "--quiet", "--all", "--message", "Ask for more"]);
    repository.git(&["push", "--quiet", "origin", "prod"]);
    let commit = CommitId::new(repository.git(&["rev-parse", "HEAD"]).trim());
    let sync = repository.sync_of("prod", &commit).await;
    repository.assert_succeeded(&sync).await;
    let targets: Vec<String> = repository.targets(&sync.sync).await.into_keys().collect();
    assert_eq!(targets, ["a/prod"]);
    assert_eq!(sync.manifest_commit.unwrap(), CommitId::new(repository.git(&["rev-parse", "main"]).trim()));

    // A branch that the manifest does not mention concerns nobody.
    repository.git(&["push", "--quiet", "origin", "prod:feature/x"]);
    repository.git(&["checkout", "--quiet", "main"]);
    repository.push_and_wait("Later").await;
    let syncs = repository
        .table
        .syncs_of_branch(&repository.repository_name(), &syncline_core::names::BranchName::new("feature/x"), 5)
        .await
        .unwrap();
    assert!(syncs.is_empty());
}
