//! Environments in another region and in another account: their stacks are deployed there, as the role that lets this
//! repository in, and nowhere else.

use std::time::Instant;

use aws_config::Region;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::config::Credentials;
use serde_json::Value;
use syncline_core::status::{SyncStatus, TargetStatus};
use tokio::sync::OnceCell;

use super::by_hand::{assert_done, text};
use super::repository::{Repository, parameter};
use super::world::{OTHER_ACCOUNT as OTHER, OTHER_REGIONS, World, world};

/// Syncline's own account in the local AWS.
const HOME: &str = "000000000000";
/// A region that tells Syncline what happens to its stacks, in either account, and one that does not.
const HEARD: &str = OTHER_REGIONS[0];
const UNHEARD: &str = OTHER_REGIONS[1];

/// The other account and regions, once they have what infra/target has for them. It lets the repositories in whose names begin
/// with `far`.
async fn prepared() -> &'static World {
    static PREPARED: OnceCell<()> = OnceCell::const_new();
    let world = world().await;
    PREPARED
        .get_or_init(|| async {
            let outputs = world.outputs().await;
            let roles = [
                format!("DeployRoleArn={}", outputs["DeployRoleArn"]),
                format!("TemplateBucket={}", outputs["TemplateBucketName"]),
                "Repositories=far*".to_owned(),
                format!("ByHand=arn:aws:iam::{HOME}:root"),
            ];
            world.deploy_at(OTHER, "us-east-1", "syncline-roles", "infra/target/roles.yaml", &roles).await;
            let events = [
                format!("SynclineAccount={HOME}"),
                "SynclineRegion=us-east-1".to_owned(),
                "EventSourcePrefix=local".to_owned(),
            ];
            for account in [HOME, OTHER] {
                world.deploy_at(account, HEARD, "syncline-events", "infra/target/events.yaml", &events).await;
            }
        })
        .await;
    world
}

/// The stacks of an account and region whose names begin so, with their statuses.
async fn stacks(world: &World, account: &str, region: &str, prefix: &str) -> Vec<(String, String)> {
    let client = client(world, account, region).await;
    let found: Vec<_> = client.describe_stacks().into_paginator().items().send().try_collect().await.unwrap();
    let mut stacks: Vec<_> = found
        .iter()
        .map(|stack| (stack.stack_name().unwrap().to_owned(), stack.stack_status().unwrap().as_str().to_owned()))
        .filter(|(name, _)| name.starts_with(prefix))
        .collect();
    stacks.sort();
    stacks
}

async fn client(world: &World, account: &str, region: &str) -> Client {
    let credentials = Credentials::new(account, "test", None, None, "tests");
    let there = world.configuration().await.to_builder().region(Region::new(region.to_owned()));
    let provider = aws_sdk_cloudformation::config::SharedCredentialsProvider::new(credentials);
    Client::new(&there.credentials_provider(provider).build())
}

/// A repository with an environment at home, one in another region and one in another account, an instance in each, and an addon
/// in the last, whose export its instance imports. The environments' names are the instances'.
async fn three(name: &str, region: &str) -> Repository {
    prepared().await;
    let repository = Repository::empty(name).await;
    let template = |service: &str| format!("Outputs: {{Name: {{Value: {service}}}}}\n{}", parameter(service, "any"));
    let mut manifest = format!("app: {name}\nsync:\n  environments:\n");
    for (environment, location) in [
        ("near", String::new()),
        ("eu", format!(", region: {region}")),
        ("prod", format!(", account: '{OTHER}', region: {region}")),
    ] {
        manifest.push_str(&format!("    {environment}: {{branch: main, spec: {environment}.yaml{location}}}\n"));
        repository.write(&format!("{environment}.yaml"), "template-file-path: environment.yaml\n");
    }
    manifest.push_str("  addons:\n    bus:\n      prod: {branch: main}\n  services:\n    web:\n");
    for environment in ["near", "eu", "prod"] {
        manifest.push_str(&format!(
            "      {environment}: {{branch: main, spec: web-{environment}.yaml, environment: {environment}}}\n"
        ));
        repository.write(&format!("web-{environment}.yaml"), &format!("template-file-path: t-{environment}.yaml\n"));
        repository.write(&format!("t-{environment}.yaml"), &template("web"));
    }
    repository.write("t-prod.yaml", &parameter(&format!("!ImportValue {name}-prod-bus-Name"), "any"));
    repository.write("environment.yaml", &template("environment"));
    repository.write("copilot/bus/manifest.yml", "name: bus\ntype: Environment Addons\n");
    repository.write(
        "copilot/bus/addons/bus.yml",
        "Parameters: {App: {Type: String}, Env: {Type: String}, Name: {Type: String}}\nResources:\n  P: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: x}}\nOutputs:\n  Name: {Value: bus, Export: {Name: !Sub '${App}-${Env}-${Name}-Name'}}\n",
    );
    repository.write("syncline.yaml", &manifest);
    repository
}

fn complete(names: &[&str]) -> Vec<(String, String)> {
    names.iter().map(|name| ((*name).to_owned(), "CREATE_COMPLETE".to_owned())).collect()
}

#[tokio::test]
async fn environments_are_deployed_where_the_manifest_says_they_are() {
    let repository = three("farhome", HEARD).await;
    let world = repository.world;
    let began = Instant::now();
    let sync = repository.push_and_wait("Deploy everywhere").await;
    repository.assert_succeeded(&sync).await;
    // Two layers of events that were not heard would take twice the 20 s after which Deploy looks.
    let took = began.elapsed();
    let events: Vec<_> = repository.targets(&sync.sync).await.into_values().map(|target| target.entered).collect();
    assert!(events.iter().all(|entered| *entered == 1), "{events:?}: no event was lost, in {took:?}");
    assert_eq!(stacks(world, HOME, "us-east-1", "farhome-").await, complete(&["farhome-near", "farhome-web-near"]));
    assert_eq!(stacks(world, HOME, HEARD, "farhome-").await, complete(&["farhome-eu", "farhome-web-eu"]));
    assert_eq!(
        stacks(world, OTHER, HEARD, "farhome-").await,
        complete(&["farhome-prod", "farhome-prod-bus", "farhome-web-prod"])
    );
    assert_eq!(stacks(world, OTHER, "us-east-1", "farhome-").await, []);

    // Nothing changed: nothing is asked there. Then a change, which is an update there.
    repository.assert_succeeded(&repository.push_and_wait("Nothing").await).await;
    let template = std::fs::read_to_string(repository.path().join("t-prod.yaml")).unwrap();
    // So long that it goes through S3, from the one account's bucket to the other's CloudFormation.
    let long = format!("# {}\n", "x".repeat(60_000));
    repository.write("t-eu.yaml", &format!("{long}{}", parameter("changed", "any")));
    repository.write("t-prod.yaml", &format!("{long}{}", template.replace("Description: any", "Description: changed")));
    let sync = repository.push_and_wait("Change two").await;
    repository.assert_succeeded(&sync).await;
    let statuses = repository.statuses(&sync.sync).await;
    let succeeded: Vec<_> = statuses.iter().filter(|(_, status)| **status == TargetStatus::Succeeded).collect();
    assert_eq!(succeeded.len(), 2, "{statuses:?}");
    let there = stacks(world, OTHER, HEARD, "farhome-web").await;
    assert_eq!(there, [("farhome-web-prod".to_owned(), "UPDATE_COMPLETE".to_owned())]);

    // People see where it is.
    let said = assert_done(&repository.syncline(&["status"]).await);
    assert!(said.contains(&format!("farhome-web-prod (account {OTHER}, {HEARD})")), "{said}");
    let listed = assert_done(&repository.syncline(&["env", "ls"]).await);
    assert!(listed.contains(&format!("farhome-prod (account {OTHER}, {HEARD})")), "{listed}");

    // Changed by hand over there: blocked, and accepted.
    let client = client(world, OTHER, HEARD).await;
    client.update_stack().stack_name("farhome-prod").template_body(parameter("by-hand", "any")).send().await.unwrap();
    super::stack_states::until(&client, "farhome-prod", "UPDATE_COMPLETE").await;
    repository.write("environment.yaml", &format!("Outputs: {{Name: {{Value: x}}}}\n{}", parameter("other", "any")));
    let sync = repository.push_and_wait("Change the environments").await;
    assert_eq!(repository.statuses(&sync.sync).await["prod"], TargetStatus::Blocked);
    assert_done(&repository.syncline(&["resolve", "prod", "--reason", "it was meant"]).await);
    repository.assert_succeeded(&repository.push_and_wait("Take over").await).await;
}

/// What nobody tells Syncline it looks for itself.
#[tokio::test]
async fn events_that_no_account_tells_are_made_good() {
    let world = prepared().await;
    let repository = Repository::empty("farsilent").await;
    let prod = format!("prod: {{branch: main, spec: prod.yaml, account: {OTHER}, region: {UNHEARD}}}");
    repository.write("syncline.yaml", &format!("app: farsilent\nsync: {{environments: {{{prod}}}}}\n"));
    repository.write("prod.yaml", "template-file-path: t.yaml\n");
    repository.write("t.yaml", &parameter("first", "any"));
    let sync = repository.push_and_wait("Deploy where nobody tells").await;
    repository.assert_succeeded(&sync).await;
    assert_eq!(repository.targets(&sync.sync).await["prod"].entered, 2, "it looked, since nobody told");
    assert_eq!(stacks(world, OTHER, UNHEARD, "farsilent-").await, complete(&["farsilent-prod"]));
}

/// A role lets in whom its account says; a region that the installation was not told of is refused.
#[tokio::test]
async fn nobody_deploys_where_they_are_not_let_in() {
    let repository = three("stranger", HEARD).await;
    repository.replace("syncline.yaml", &format!(", region: {HEARD}}}\n    prod"), ", region: sa-east-1}\n    prod");
    let sync = repository.push_and_wait("Deploy where it may not").await;
    assert_eq!(sync.status, SyncStatus::Failed);
    let targets = repository.targets(&sync.sync).await;
    let reason = |name: &str| targets[name].reason.clone().unwrap_or_default();
    assert_eq!(targets["near"].status, TargetStatus::Succeeded);
    for (name, said) in [("prod", "sts:AssumeRole"), ("eu", "`sa-east-1` has to be among Syncline's `TargetRegions`")] {
        assert_eq!(targets[name].status, TargetStatus::Failed, "{name}: {}", reason(name));
        assert!(reason(name).contains(said), "{name}: {}", reason(name));
    }
    assert!(reason("prod").contains("infra/target/roles.yaml"), "{}", reason("prod"));
    assert_eq!(targets["web/prod"].status, TargetStatus::Skipped);
    for (account, region) in [(OTHER, HEARD), (HOME, "sa-east-1")] {
        assert_eq!(stacks(repository.world, account, region, "stranger-").await, []);
    }
    // Nor by hand.
    let refused = repository.syncline(&["deploy", "--all", "--env", "prod", "--yes"]).await;
    assert!(!refused.status.success() && text(&refused).contains("sts:AssumeRole"), "{}", text(&refused));
}

#[tokio::test]
async fn by_hand_it_is_deployed_and_deleted_where_it_is() {
    let repository = three("farhand", HEARD).await;
    let world = repository.world;
    let shown = assert_done(&repository.syncline(&["deploy", "--all", "--diff"]).await);
    assert!(shown.contains(&format!("new stack farhand-prod (account {OTHER}, {HEARD})")), "{shown}");
    assert_done(&repository.syncline(&["deploy", "--all", "--yes"]).await);
    assert_eq!(
        stacks(world, OTHER, HEARD, "farhand-").await,
        complete(&["farhand-prod", "farhand-prod-bus", "farhand-web-prod"])
    );
    assert_eq!(stacks(world, HOME, HEARD, "farhand-").await.len(), 2);
    // A push finds nothing to do.
    let sync = repository.push_and_wait("And a push").await;
    repository.assert_succeeded(&sync).await;
    assert!(repository.targets(&sync.sync).await.values().all(|target| target.status == TargetStatus::Unchanged));

    let said = text(&repository.syncline(&["app", "delete", "--yes"]).await);
    for (account, region) in [(OTHER, HEARD), (HOME, HEARD), (HOME, "us-east-1")] {
        assert_eq!(stacks(world, account, region, "farhand-").await, [], "{account} {region}: {said}");
    }
}

/// An environment that moves is made anew where it goes; what was left stays, and is not taken for it.
#[tokio::test]
async fn an_environment_that_moves_leaves_its_stacks_where_they_were() {
    let repository = three("farmove", HEARD).await;
    repository.assert_succeeded(&repository.push_and_wait("Deploy").await).await;
    repository.replace("syncline.yaml", &format!("spec: eu.yaml, region: {HEARD}"), "spec: eu.yaml");
    let sync = repository.push_and_wait("Bring it home").await;
    repository.assert_succeeded(&sync).await;
    let targets = repository.targets(&sync.sync).await;
    assert_eq!(targets["eu"].status, TargetStatus::Succeeded);
    let world = repository.world;
    let (old, new) = (stacks(world, HOME, HEARD, "farmove-").await, stacks(world, HOME, "us-east-1", "farmove-").await);
    assert_eq!(old, complete(&["farmove-eu", "farmove-web-eu"]));
    assert_eq!(new, complete(&["farmove-eu", "farmove-near", "farmove-web-eu", "farmove-web-near"]));
    let told: Value = serde_json::from_str(&assert_done(
        &repository.syncline(&["show", sync.sync.as_str(), "--output", "json"]).await,
    ))
    .unwrap();
    let messages = told["diagnostics"].to_string();
    assert!(messages.contains("that stays as it is") && messages.contains(HEARD), "{messages}");
}
