//! The whole local AWS, emulator included: what `emulator/serve.py` restores, events from end to end, start and stop.
//!
//! Without an emulator in the tools folder these tests say so and pass, except where `CI` is set.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use aws_sdk_cloudformation::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cloudformation::error::DisplayErrorContext;
use aws_sdk_cloudformation::types::{Capability, Parameter, StackStatus};
use aws_sdk_cloudformation::{Client as CloudFormation, Config};
use aws_sdk_sfn::Client as StepFunctions;
use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::Value;
use support::git;
use syncline_local::{LocalAws, Options};
use tempfile::TempDir;

/// A rule that hands every local event to a state machine, and a state machine whose function fails.
const HARNESS: &str = r#"
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement:
          - {Effect: Allow, Principal: {Service: [lambda.amazonaws.com, states.amazonaws.com, events.amazonaws.com]}, Action: sts:AssumeRole}
      Policies:
        - PolicyName: all
          PolicyDocument: {Statement: [{Effect: Allow, Action: ["lambda:InvokeFunction", "states:StartExecution"], Resource: "*"}]}
  Fails:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      Role: !GetAtt Role.Arn
      Code: {ZipFile: "def handler(event, context):\n    raise KeyError('out of order')\n"}
  Waits:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      StateMachineName: waits
      RoleArn: !GetAtt Role.Arn
      DefinitionString: !Sub >
        {"QueryLanguage": "JSONata", "StartAt": "Wait", "States": {"Wait": {"Type": "Task", "End": true,
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "TimeoutSeconds": 300,
        "Arguments": {"FunctionName": "${Fails}", "Payload": {"token": "{% $states.context.Task.Token %}"}}}}}
  Records:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      StateMachineName: records
      RoleArn: !GetAtt Role.Arn
      DefinitionString: '{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}'
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [local.codecommit, local.cloudformation]}
      Targets: [{Id: records, Arn: !Ref Records, RoleArn: !GetAtt Role.Arn}]
"#;

const PARAMETER: &str = r#"
Parameters: {Wish: {Type: String}}
Resources:
  Parameter: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: x, Description: !Ref Wish}}
"#;

struct Clients {
    cloudformation: CloudFormation,
    stepfunctions: StepFunctions,
}

impl Clients {
    fn of(local: &LocalAws) -> Self {
        let credentials = Credentials::new("test", "test", None, None, "test");
        let cloudformation = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(local.endpoint())
            .credentials_provider(credentials.clone())
            .build();
        let stepfunctions = aws_sdk_sfn::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(local.endpoint())
            .credentials_provider(credentials)
            .build();
        Self {
            cloudformation: CloudFormation::from_conf(cloudformation),
            stepfunctions: StepFunctions::from_conf(stepfunctions),
        }
    }

    async fn create(&self, stack: &str, wish: &str) {
        self.cloudformation
            .create_stack()
            .stack_name(stack)
            .template_body(PARAMETER)
            .parameters(Parameter::builder().parameter_key("Wish").parameter_value(wish).build())
            .client_request_token(format!("token-{stack}"))
            .send()
            .await
            .unwrap();
    }

    async fn status(&self, stack: &str) -> StackStatus {
        let stacks = self.cloudformation.describe_stacks().stack_name(stack).send().await.unwrap();
        stacks.stacks()[0].stack_status().unwrap().clone()
    }

    async fn finished(&self, stack: &str) -> StackStatus {
        until(Duration::from_secs(60), async || {
            let status = self.status(stack).await;
            (!status.as_str().ends_with("IN_PROGRESS")).then_some(status)
        })
        .await
    }

    /// The details of the events that the rule has handed on so far.
    async fn events(&self) -> Vec<Value> {
        let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:records";
        let list = self.stepfunctions.list_executions().state_machine_arn(machine).max_results(1000);
        let mut events = Vec::new();
        for execution in list.send().await.unwrap().executions() {
            let execution = self.stepfunctions.describe_execution().execution_arn(execution.execution_arn());
            let input = execution.send().await.unwrap().input.unwrap();
            events.push(serde_json::from_str::<Value>(&input).unwrap());
        }
        events
    }

    async fn event(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        until(Duration::from_secs(20), async || self.events().await.into_iter().find(|event| wanted(event))).await
    }
}

async fn until<T>(patience: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(started.elapsed() < patience, "it did not come within {patience:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What to start with, unless there is no emulator to start.
fn options() -> Option<(TempDir, Options)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path().join("state"), Options::default_tools_dir(&root));
    if options.emulator_is_installed() {
        return Some((folder, options));
    }
    let missing = format!("there is no emulator in `{}`", options.tools_dir.display());
    assert!(std::env::var_os("CI").is_none(), "{missing}");
    eprintln!("skipped: {missing}");
    None
}

#[tokio::test]
async fn events_reach_rules_and_failures_are_told() {
    let Some((folder, options)) = options() else { return };
    let local = LocalAws::start(options).await.unwrap();
    let clients = Clients::of(&local);
    let harness = clients.cloudformation.create_stack().stack_name("harness").template_body(HARNESS);
    let harness = harness.capabilities(Capability::CapabilityIam).send().await;
    harness.unwrap_or_else(|error| panic!("{}", DisplayErrorContext(error)));
    assert_eq!(clients.finished("harness").await, StackStatus::CreateComplete);

    // A push.
    let codecommit = support::client(&local.codecommit_endpoint());
    codecommit.create_repository().repository_name("web").send().await.unwrap();
    let clone = folder.path().join("web");
    git(folder.path(), &["clone", "-q", &local.clone_url("web"), "web"]);
    let head = support::commit(&clone, "file", "1\n", "main");
    let event = clients.event(|event| event["source"] == "local.codecommit").await;
    assert_eq!(event["detail-type"], "CodeCommit Repository State Change");
    assert_eq!(event["detail"]["commitId"], head);
    assert_eq!(event["resources"][0], "arn:aws:codecommit:us-east-1:000000000000:web");
    assert_eq!(local.codecommit_calls().len(), 1, "git is no API call");

    // A stack, and its client request token.
    clients.create("one", "").await;
    let done = |event: &Value, token: &str, status: &str| {
        event["detail"]["client-request-token"] == token && event["detail"]["status-details"]["status"] == status
    };
    clients.event(|event| done(event, "token-one", "CREATE_IN_PROGRESS")).await;
    let event = clients.event(|event| done(event, "token-one", "CREATE_COMPLETE")).await;
    assert_eq!(event["detail-type"], "CloudFormation Stack Status Change");
    assert_eq!(event["source"], "local.cloudformation");
    assert_eq!(event["resources"][0], event["detail"]["stack-id"]);

    // A stack that fails, with a known reason.
    clients.create("broken", "fail=the disk is full").await;
    assert_eq!(clients.finished("broken").await, StackStatus::RollbackComplete);
    clients.event(|event| done(event, "token-broken", "ROLLBACK_COMPLETE")).await;
    let events = clients.cloudformation.describe_stack_events().stack_name("broken").send().await.unwrap();
    assert!(events.stack_events().iter().any(|e| e.resource_status_reason() == Some("the disk is full")));

    // A task whose function fails.
    let started = Instant::now();
    let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:waits";
    let execution = clients.stepfunctions.start_execution().state_machine_arn(machine).send().await.unwrap();
    let ended = until(Duration::from_secs(30), async || {
        let describe = clients.stepfunctions.describe_execution().execution_arn(&execution.execution_arn);
        Some(describe.send().await.unwrap()).filter(|execution| *execution.status() != ExecutionStatus::Running)
    })
    .await;
    assert_eq!(*ended.status(), ExecutionStatus::Failed);
    assert!(ended.cause().unwrap().contains("out of order"), "{ended:?}");
    assert!(started.elapsed() < Duration::from_secs(20));
    local.stop().await;
}

#[tokio::test]
async fn stacks_that_sleep_sleep_side_by_side() {
    let Some((_folder, options)) = options() else { return };
    let local = LocalAws::start(options).await.unwrap();
    let clients = Clients::of(&local);
    let started = Instant::now();
    for number in 0..30 {
        clients.create(&format!("stack-{number}"), "sleep=2").await;
    }
    assert!(started.elapsed() < Duration::from_secs(10), "creating does not wait");
    for number in 0..30 {
        assert_eq!(clients.finished(&format!("stack-{number}")).await, StackStatus::CreateComplete);
    }
    let took = started.elapsed();
    assert!((2..20).contains(&took.as_secs()), "one after the other they would take 60 s; they took {took:?}");
    local.stop().await;
}

#[tokio::test]
async fn two_run_side_by_side_and_leave_nothing_behind() {
    let (Some((one_folder, one)), Some((_other_folder, other))) = (options(), options()) else { return };
    let again = one.clone();
    let (one, other) = (LocalAws::start(one).await.unwrap(), LocalAws::start(other).await.unwrap());
    let refused = LocalAws::start(again).await.unwrap_err().to_string();
    assert!(refused.starts_with("a local AWS already runs on"), "{refused}");
    Clients::of(&one).create("here", "").await;
    assert_eq!(Clients::of(&one).finished("here").await, StackStatus::CreateComplete);
    let stacks = Clients::of(&other).cloudformation.describe_stacks().send().await.unwrap();
    assert!(stacks.stacks().is_empty(), "they share nothing");

    let addresses = [&one, &other].map(|local| [local.endpoint(), local.codecommit_endpoint()]).concat();
    one.stop().await;
    drop(other);
    for address in addresses {
        let address = address.replace("http://", "");
        assert!(TcpStream::connect(&address).is_err(), "{address} still listens");
    }
    assert!(!one_folder.path().join("state/local.json").exists());
}

#[tokio::test]
async fn a_restart_keeps_stacks_if_it_is_asked_to() {
    let Some((_folder, mut options)) = options() else { return };
    options.persist = true;
    let local = LocalAws::start(options).await.unwrap();
    Clients::of(&local).create("kept", "").await;
    assert_eq!(Clients::of(&local).finished("kept").await, StackStatus::CreateComplete);
    let endpoint = local.endpoint();
    local.restart_emulator().await.unwrap();
    assert_eq!(local.endpoint(), endpoint);
    assert_eq!(Clients::of(&local).status("kept").await, StackStatus::CreateComplete);
    local.stop().await;
}

#[tokio::test]
async fn what_does_not_come_up_says_why() {
    let Some((folder, mut options)) = options() else { return };
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    options.gateway_port = Some(taken.local_addr().unwrap().port());
    let error = format!("{:#}", LocalAws::start(options.clone()).await.unwrap_err());
    assert!(error.ends_with("is in use"), "{error}");
    options.tools_dir = folder.path().join("nothing");
    let error = format!("{:#}", LocalAws::start(options).await.unwrap_err());
    assert!(error.starts_with("the emulator is not installed"), "{error}");
}
