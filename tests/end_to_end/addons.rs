//! Environment addons in Copilot's layout: each a stack of its own, after its environment and before who imports from it,
//! without anybody writing so.

use aws_sdk_cloudformation::Client;
use syncline_core::status::{SyncStatus, TargetStatus};

use super::deploy::assert_order;
use super::repository::Repository;
use super::stack_states::until;

#[tokio::test]
async fn addons_are_deployed_after_their_environment_and_before_who_imports_from_them() {
    let repository = Repository::of_example("copilot-shop", "ads").await;
    let sync = repository.push_and_wait("Share a bus and an API").await;
    repository.assert_succeeded(&sync).await;
    let targets = repository.targets(&sync.sync).await;
    let names: Vec<&str> = targets.keys().map(String::as_str).collect();
    assert_eq!(names, ["apigw/beta", "beta", "catalog/beta", "eventbus/beta", "invoices/beta", "orders/beta"]);
    assert_order(&targets);
    for (waiter, dependencies) in [
        ("apigw/beta", vec!["beta"]),
        ("eventbus/beta", vec!["beta"]),
        ("orders/beta", vec!["apigw/beta", "eventbus/beta"]),
        ("invoices/beta", vec!["eventbus/beta"]),
        ("catalog/beta", vec!["apigw/beta"]),
    ] {
        let numbers: Vec<_> = dependencies.iter().map(|name| targets[*name].planned.number).collect();
        let mut waits_on: Vec<_> = targets[waiter].planned.waits_on.iter().copied().collect();
        waits_on.sort_by_key(|number| numbers.iter().position(|other| other == number));
        assert_eq!(waits_on, numbers, "{waiter}");
    }

    let client = Client::new(&repository.world.configuration().await);
    let found = client.describe_stacks().stack_name("copilot-ads-beta-eventbus").send().await.unwrap();
    let stack = &found.stacks()[0];
    let parameters: Vec<String> = stack
        .parameters()
        .iter()
        .map(|parameter| format!("{}={}", parameter.parameter_key().unwrap(), parameter.parameter_value().unwrap()))
        .collect();
    for expected in ["App=copilot-ads", "Env=beta", "Name=eventbus", "RetentionSeconds=1209600"] {
        assert!(parameters.iter().any(|parameter| parameter == expected), "{expected} in {parameters:?}");
    }
    let tags: Vec<(&str, &str)> = stack.tags().iter().map(|tag| (tag.key().unwrap(), tag.value().unwrap())).collect();
    for expected in [
        ("copilot-application", "copilot-ads"),
        ("copilot-environment", "beta"),
        ("copilot-workload-type", "Environment Addons"),
    ] {
        assert!(tags.contains(&expected), "{expected:?} in {tags:?}");
    }

    // One file of the addon changes: the addon follows, and who imports from it is left alone.
    repository.replace("copilot/eventbus/addons/addons.parameters.yml", "1209600", "604800");
    let sync = repository.push_and_wait("Keep events for a week").await;
    repository.assert_succeeded(&sync).await;
    let statuses = repository.statuses(&sync.sync).await;
    assert_eq!(statuses["eventbus/beta"], TargetStatus::Succeeded);
    for name in ["beta", "apigw/beta", "orders/beta", "invoices/beta", "catalog/beta"] {
        assert_eq!(statuses[name], TargetStatus::Unchanged, "{name}");
    }
}

#[tokio::test]
async fn an_import_that_nothing_exports_is_refused_before_anything_is_deployed() {
    let repository = Repository::of_example("copilot-shop", "adx").await;
    repository.replace("invoices/template.yaml", "eventbus-BusName", "eventbus-BussName");
    let sync = repository.push_and_wait("Mistype an import").await;
    assert_eq!(sync.status, SyncStatus::Failed);
    let problems = serde_json::to_string(&sync.diagnostics).unwrap();
    assert!(
        problems.contains("`invoices/beta` imports `copilot-adx-beta-eventbus-BussName`, which nothing exports"),
        "{problems}"
    );
    assert!(problems.contains("did you mean `copilot-adx-beta-eventbus-BusName`?"), "{problems}");
    assert_eq!(repository.stacks("copilot-adx-").await, Vec::<String>::new());

    // What another stack of the account exports is there to be imported.
    let client = Client::new(&repository.world.configuration().await);
    let template = "Resources: {T: {Type: AWS::SNS::Topic}}\n\
                    Outputs: {B: {Value: default, Export: {Name: copilot-adx-beta-eventbus-BussName}}}\n";
    client.create_stack().stack_name("adx-elsewhere").template_body(template).send().await.unwrap();
    until(&client, "adx-elsewhere", "CREATE_COMPLETE").await;
    let sync = repository.push_and_wait("Import from elsewhere").await;
    repository.assert_succeeded(&sync).await;
    let targets = repository.targets(&sync.sync).await;
    assert_eq!(targets["invoices/beta"].planned.waits_on.len(), 0);
}

/// Connectable: a service's own addons lie in a stack of their own within the service's, which takes their outputs.
#[tokio::test]
async fn a_services_own_addons_are_nested_in_its_stack_and_give_it_their_outputs() {
    let repository = Repository::of_example("copilot-shop", "own").await;
    let addon = "Parameters:\n  App: {Type: String}\n  Env: {Type: String}\n  Name: {Type: String}\n  Route: {Type: String}\n\
                 Resources:\n  Table:\n    Type: AWS::DynamoDB::Table\n    Properties:\n      \
                 TableName: !Sub '${App}-${Env}-${Name}'\n      BillingMode: PAY_PER_REQUEST\n      \
                 AttributeDefinitions: [{AttributeName: id, AttributeType: S}]\n      \
                 KeySchema: [{AttributeName: id, KeyType: HASH}]\n\
                 Outputs:\n  TableName: {Value: !Ref Table}\n";
    repository.write("copilot/orders/addons/table.yml", addon);
    repository.write("copilot/orders/addons/addons.parameters.yml", "Parameters:\n  Route: !Ref Route\n");
    let taken = "\nOutputs:\n  Table: {Value: !GetAtt AddonsStack.Outputs.TableName}\n";
    let template = std::fs::read_to_string(repository.path().join("orders/template.yaml")).unwrap();
    repository.write("orders/template.yaml", &format!("{template}{taken}"));
    let sync = repository.push_and_wait("Keep orders in a table").await;
    repository.assert_succeeded(&sync).await;
    let client = Client::new(&repository.world.configuration().await);
    let outputs = async || {
        let found = client.describe_stacks().stack_name("copilot-own-orders-beta").send().await.unwrap();
        found.stacks()[0].outputs()[0].output_value().unwrap().to_owned()
    };
    assert_eq!(outputs().await, "copilot-own-beta-orders");
    let nested: Vec<String> = repository.stacks("copilot-own-orders-beta-AddonsStack").await;
    assert_eq!(nested.len(), 1, "{nested:?}");

    // Only an addon's file changes: the service's stack is updated, and the nested one stays the same.
    repository.replace("copilot/orders/addons/table.yml", "'${App}-${Env}-${Name}'", "'${App}-${Env}-${Name}-2'");
    let sync = repository.push_and_wait("Rename the table").await;
    repository.assert_succeeded(&sync).await;
    assert_eq!(repository.statuses(&sync.sync).await["orders/beta"], TargetStatus::Succeeded);
    assert_eq!(outputs().await, "copilot-own-beta-orders-2");
    assert_eq!(repository.stacks("copilot-own-orders-beta-AddonsStack").await, nested);
}
