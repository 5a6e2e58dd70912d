//! Bad input: no stack is touched, the history has every problem with its place, the commit bears a comment.

use syncline_core::names::CommitId;
use syncline_core::status::SyncStatus;

use super::by_hand::assert_done;
use super::repository::Repository;

const TEMPLATE: &str = "Resources: {A: {Type: AWS::SNS::Topic}}\n";

/// Pushes what is in the clone, and expects these diagnostics (as the one-line form begins) and nothing else.
async fn rejected(repository: &Repository, message: &str, expected: &[&str]) {
    let sync = repository.push_and_wait(message).await;
    assert_eq!(sync.status, SyncStatus::Failed, "{message}");
    let found: Vec<String> = sync.diagnostics.iter().map(|diagnostic| diagnostic.one_line()).collect();
    assert_eq!(found.len(), expected.len(), "{message}: {found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{message}: {found}\nexpected {expected}");
        assert!(found.contains("; help: "), "{message}: no advice in {found}");
    }
    assert_eq!(repository.targets(&sync.sync).await.len(), 0);
    assert_eq!(repository.stacks(&format!("{}-", repository.name)).await, Vec::<String>::new());
    let comment = comment_on(repository, &sync.commit).await;
    assert!(comment.contains(&sync.diagnostics[0].message), "{comment}");
}

async fn comment_on(repository: &Repository, commit: &CommitId) -> String {
    let client = repository.world.codecommit().await;
    let found = client
        .get_comments_for_compared_commit()
        .repository_name(&repository.name)
        .after_commit_id(commit.as_str())
        .send()
        .await
        .unwrap();
    let comments: Vec<_> = found.comments_for_compared_commit_data().iter().flat_map(|data| data.comments()).collect();
    assert_eq!(comments.len(), 1);
    comments[0].content().unwrap().to_owned()
}

#[tokio::test]
async fn each_kind_of_bad_input_touches_no_stack_and_is_on_record() {
    let repository = Repository::empty("bad").await;
    // A repository that never had a manifest is not connected.
    let unconnected = repository.push("No manifest yet");

    repository.write("syncline.yaml", "app: bad\nsync:\n  servces: {}\n  publsh: {}\n");
    rejected(
        &repository,
        "two unknown keys",
        &["syncline.yaml:3:3: error: unknown key `servces`", "syncline.yaml:4:3: error: unknown key `publsh`"],
    )
    .await;

    let said = assert_done(&repository.syncline(&["status"]).await);
    assert!(said.contains("FAILED: 2 problems in the repository's files"), "{said}");

    std::fs::remove_file(repository.path().join("syncline.yaml")).unwrap();
    rejected(&repository, "no manifest", &["/: error: no manifest: looked for `syncline.yaml`"]).await;

    repository.write("syncline.yaml", "app: bad\nsync:\n  services:\n    a: {beta: {branch: main, spec: a.yaml}}\n    b: {beta: {branch: main, spec: b.yaml}}\n");
    repository.write("t.yaml", TEMPLATE);
    repository.write("b.yaml", "proton: ServiceSpec\ninstances:\n  - name: alpha\n    environment: e\n");
    rejected(
        &repository,
        "a missing spec, and a spec without the instance",
        &["b.yaml:3:3: error: no instance `beta`", "syncline.yaml:4:36: error: `a/beta` has no spec"],
    )
    .await;

    repository.write("a.yaml", "template-file-path: t.yaml\n");
    repository.write("b.yaml", "proton: ServiceSpec\ninstances:\n  - name: beta\n    environment: e\n");
    repository.write("service-templates/b/v1/schema/schema.yaml", "schema: {format: {openapi: '3.0.0'}, service_input_type: T, types: {T: {type: object, properties: {port: {type: number}}}}}\n");
    repository.write(
        "service-templates/b/v1/instance_infrastructure/manifest.yaml",
        "infrastructure: {templates: [{file: cloudformation.yaml, rendering_engine: jinja, template_language: cloudformation}]}\n",
    );
    repository.write(
        "service-templates/b/v1/instance_infrastructure/cloudformation.yaml",
        "Resources:\n  A:\n    Type: AWS::SNS::Topic{{ service_instance.inputs.port }}\n",
    );
    rejected(
        &repository,
        "a template that does not render",
        &["service-templates/b/v1/instance_infrastructure/cloudformation.yaml:3:29: error: "],
    )
    .await;

    repository.write(
        "syncline.yaml",
        "app: bad\nsync:\n  services:\n    a: {depends_on: b, beta: {branch: main, spec: a.yaml}}\n    b: {depends_on: a, beta: {branch: main, spec: a.yaml}}\n",
    );
    rejected(
        &repository,
        "a cycle",
        &["syncline.yaml:4:21: error: dependency cycle: `a/beta` -> `b/beta` -> `a/beta`"],
    )
    .await;

    repository.write("syncline.yaml", "app: bad\nsync:\n  services:\n    a: {beta: {branch: main, spec: a.yaml}}\n");
    let sync = repository.push_and_wait("all is well").await;
    repository.assert_succeeded(&sync).await;
    let main = syncline_core::names::BranchName::new("main");
    let syncs = repository.table.syncs_of_branch(&repository.repository_name(), &main, 50).await.unwrap();
    assert!(syncs.iter().all(|sync| sync.commit != unconnected));
}

#[tokio::test]
async fn a_payload_that_is_not_the_event_is_dropped_without_a_retry() {
    let repository = Repository::empty("junk").await;
    for function in ["OnPush", "OnStackStatus", "OnExecutionEnd"] {
        let resource = [
            "cloudformation",
            "describe-stack-resource",
            "--stack-name",
            "syncline",
            "--logical-resource-id",
            function,
        ];
        let found = repository.world.aws_cli(&resource).await;
        let name = found["StackResourceDetail"]["PhysicalResourceId"].as_str().unwrap().to_owned();
        for payload in [r#"{"detail":{}}"#, r#"[]"#, r#"{"detail":{"stack-id":7}}"#] {
            let answer = repository.path().join("answer.json");
            let words = ["lambda", "invoke", "--function-name", &name, "--payload", payload, answer.to_str().unwrap()];
            let invoked = repository.world.aws_cli(&words).await;
            assert_eq!(invoked.get("FunctionError"), None, "{function} {payload}");
            let answer = std::fs::read_to_string(answer).unwrap();
            assert!(answer.contains("dropped"), "{function} {payload}: {answer}");
        }
    }
}
