//! A repository in Proton's formats: environments, instances and a pipeline, values that are kept, and what Proton left
//! running taken over.

use aws_sdk_cloudformation::Client;
use syncline_core::names::TargetName;
use syncline_core::status::{SyncStatus, TargetStatus};

use super::deploy::assert_order;
use super::repository::Repository;
use super::stack_states::until;

/// The value of a parameter in the local AWS.
async fn parameter(repository: &Repository, name: &str) -> String {
    let words = ["ssm", "get-parameter", "--name", name];
    let found = repository.world.aws_cli(&words).await;
    match &found["Parameter"]["Value"] {
        serde_json::Value::String(text) => text.clone(),
        // The emulator gives back the number that a template had.
        other => other.to_string(),
    }
}

#[tokio::test]
async fn a_service_with_a_pipeline_deploys_keeps_its_values_and_its_pipeline_follows() {
    let repository = Repository::of_example("proton-shop", "ps").await;
    let sync = repository.push_and_wait("Come from Proton").await;
    repository.assert_succeeded(&sync).await;
    let targets = repository.targets(&sync.sync).await;
    let names: Vec<&str> = targets.keys().map(String::as_str).collect();
    assert_eq!(names, ["back-end/beta", "beta", "front-end/beta", "front-end/pipeline", "mailer/beta"]);
    assert!(targets.values().all(|target| target.status == TargetStatus::Succeeded));
    assert_order(&targets);
    let pipeline = &targets["front-end/pipeline"];
    assert!(pipeline.planned.waits_on.contains(&targets["front-end/beta"].planned.number));
    assert_eq!(pipeline.planned.stack.as_str(), "proton-ps-front-end-pipeline");
    let smoke = "/proton-ps/pipelines/front-end/beta";
    assert_eq!(parameter(&repository, smoke).await, "beta: /proton-ps/beta/front-end/route on 8080");
    assert!(parameter(&repository, "/proton-ps/beta/front-end/alarms-to").await.starts_with("arn:aws:sns:"));

    // The pull request's commit deploys prod, whose outputs the pipeline shows from the next commit on.
    let open = repository.open_pull_requests().await;
    let words =
        ["codecommit", "merge-pull-request-by-fast-forward", "--pull-request-id", &open[0], "--repository-name"];
    repository.world.aws_cli(&[&words[..], &[&repository.name]].concat()).await;
    let prod = repository.sync_of("prod", &sync.commit).await;
    repository.assert_succeeded(&prod).await;
    assert!(!repository.targets(&prod.sync).await.contains_key("front-end/pipeline"));

    repository.replace(
        "front-end/service-spec.yaml",
        "port: 8080",
        "port: \"${Proton::CURRENT_VAL}\"\n      task_size: small",
    );
    let sync = repository.push_and_wait("Keep the port, and grow").await;
    repository.assert_succeeded(&sync).await;
    let statuses = repository.statuses(&sync.sync).await;
    for name in ["front-end/beta", "front-end/pipeline"] {
        assert_eq!(statuses[name], TargetStatus::Succeeded, "{name}");
    }
    for name in ["beta", "back-end/beta", "mailer/beta"] {
        assert_eq!(statuses[name], TargetStatus::Unchanged, "{name}");
    }
    assert_eq!(parameter(&repository, "/proton-ps/beta/front-end/route").await, "/ to port 8080");
    assert_eq!(parameter(&repository, "/proton-ps/beta/front-end/cpu").await, "512");
    assert_eq!(
        parameter(&repository, "/proton-ps/pipelines/front-end/prod").await,
        "prod: /proton-ps/prod/front-end/route on 80"
    );
    let head = repository.table.head(&repository.repository_name(), &TargetName::new("front-end/beta")).await.unwrap();
    assert_eq!(head.unwrap().inputs["port"], serde_json::json!(8080));
}

#[tokio::test]
async fn what_proton_left_running_is_taken_over_and_never_made_twice() {
    let repository = Repository::empty("adopt").await;
    let client = Client::new(&repository.world.configuration().await);
    let environment = "Resources: {T: {Type: AWS::SNS::Topic}}\nOutputs: {Topic: {Value: !GetAtt T.TopicName}}\n";
    let instance =
        "Resources: {P: {Type: AWS::SSM::Parameter, Properties: {Name: adopt-word, Type: String, Value: old}}}\n";
    for (stack, template) in [("AWSProton-e-adopt-1", environment), ("AWSProton-web-beta-adopt-2", instance)] {
        client.create_stack().stack_name(stack).template_body(template).send().await.unwrap();
        until(&client, stack, "CREATE_COMPLETE").await;
    }
    let manifest = "app: adopt\nsync:\n  environments:\n    e: {stack: AWSProton-e-adopt-1}\n  services:\n    web:\n      \
                    beta: {branch: main, spec: s.yaml, stack: AWSProton-web-beta-adopt-2}\n";
    repository.write("syncline.yaml", manifest);
    repository.write("s.yaml", "proton: ServiceSpec\ninstances: [{name: beta, environment: e, spec: {word: new}}]\n");
    let bundle = "service-templates/web/v1";
    repository.write(
        &format!("{bundle}/schema/schema.yaml"),
        "schema:\n  service_input_type: S\n  types: {S: {type: object, properties: {word: {type: string}}}}\n",
    );
    repository.write(
        &format!("{bundle}/instance_infrastructure/manifest.yaml"),
        "infrastructure: {templates: [{file: t.yaml, rendering_engine: jinja}]}\n",
    );
    repository.write(
        &format!("{bundle}/instance_infrastructure/t.yaml"),
        "Resources: {P: {Type: AWS::SSM::Parameter, Properties: {Name: adopt-word, Type: String, Value: '{{ service_instance.inputs.word }} \
         {{ environment.outputs.Topic }}'}}}\n",
    );
    let sync = repository.push_and_wait("Take over").await;
    repository.assert_succeeded(&sync).await;
    assert_eq!(repository.stacks("adopt-").await, Vec::<String>::new(), "no second stack was made");
    let calls = repository.world.cloudformation_calls("AWSProton-web-beta-adopt-2").await;
    assert!(calls.iter().any(|call| call.starts_with("UpdateStack")), "{calls:?}");
    let found = client.describe_stack_resource().stack_name("AWSProton-web-beta-adopt-2").logical_resource_id("P");
    let found = found.send().await.unwrap();
    let name = found.stack_resource_detail().unwrap().physical_resource_id().unwrap().to_owned();
    assert!(parameter(&repository, &name).await.starts_with("new "));

    // A name that no stack bears is a mistake, not a wish for a new one.
    repository.write("syncline.yaml", &manifest.replace("beta-adopt-2", "beta-adopt-3"));
    let sync = repository.push_and_wait("Mistype").await;
    assert_eq!(sync.status, SyncStatus::Failed);
    let reason = repository.targets(&sync.sync).await["web/beta"].reason.clone().unwrap();
    assert!(reason.starts_with("there is no stack `AWSProton-web-beta-adopt-3`"), "{reason}");
    assert_eq!(repository.stacks("AWSProton-web-beta-adopt").await, ["AWSProton-web-beta-adopt-2"]);
}
