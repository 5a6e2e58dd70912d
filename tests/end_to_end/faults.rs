//! Everything that the functions stand on, taken away from them for a moment: AWS that throttles, fails, is slow or does not
//! answer; functions that are killed; events that never come; executions that are stopped; an AWS that starts again.
//!
//! Whatever happens: the sync ends, each stack was operated on at most once in it, the lease is free, and the history is true.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_cloudformation::Client;
use serde_json::{Value, json};
use syncline_aws::table::SyncRecord;
use syncline_core::deployment::sync_of;
use syncline_core::names::BranchName;
use syncline_core::status::{SyncStatus, TargetStatus};
use tokio::sync::{Mutex, MutexGuard};

use super::repository::Repository;
use super::world::{faulty, kept};

/// What is told to the proxies holds for whoever calls AWS, so one test at a time tells them something.
static ALONE: Mutex<()> = Mutex::const_new(());

/// The services that functions call, and how each says that it is asked too much.
const SERVICES: [(&str, &str); 5] = [
    ("dynamodb", "ProvisionedThroughputExceededException"),
    ("cloudformation", "Throttling"),
    ("stepfunctions", "ThrottlingException"),
    ("s3", "SlowDown"),
    ("codecommit", "ThrottlingException"),
];

/// The faults of a service, each as often as `when` says: throttling, an error of its own, latency, and a connection that is
/// dropped, before the request has arrived and after it was carried out.
fn faults(service: &str, throttling: &str, when: &Value) -> Vec<Value> {
    let rule = |fault: Value| {
        let mut rule = json!({ "service": service });
        for part in [&fault, when] {
            rule.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
        }
        rule
    };
    vec![
        rule(json!({ "error": { "code": throttling } })),
        rule(json!({ "error": { "code": "InternalServerError", "status": 500 } })),
        rule(json!({ "latency": { "min": 50, "max": 400 } })),
        rule(json!({ "reset": true })),
        rule(json!({ "response": { "abort_bytes": 1 } })),
    ]
}

/// A repository in the faulty world, for as long as nobody else tells it anything.
async fn repository(name: &str) -> (Repository, MutexGuard<'static, ()>) {
    let alone = ALONE.lock().await;
    let repository = Repository::of_example_in(faulty().await, "copilot-shop", name).await;
    // Whoever was here before may have failed in the middle.
    repository.go_by(&[]).await;
    for function in ["OnPush", "OnStackStatus"] {
        let rule = repository.rule(function).await;
        repository.world.aws_cli(&["events", "enable-rule", "--name", &rule]).await;
    }
    // A service's own addons go through S3.
    let addon = "Parameters: {App: {Type: String}, Env: {Type: String}, Name: {Type: String}}\nResources:\n  P: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: a}}\n";
    repository.write("copilot/catalog/addons/p.yml", addon);
    (repository, alone)
}

impl Repository {
    async fn go_by(&self, rules: &[Value]) {
        self.world.aws().faults().unwrap().go_by(&json!(rules)).await.unwrap();
    }

    /// Changes what each target is made of, so that a sync has work to do.
    fn change(&self, number: usize) {
        let mut files = vec!["copilot/catalog/addons/p.yml".to_owned()];
        for folder in ["catalog", "orders", "invoices"] {
            files.push(format!("{folder}/template.yaml"));
        }
        for file in files {
            let text = std::fs::read_to_string(self.path().join(&file)).unwrap();
            let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("Description:")).collect();
            self.write(&file, &format!("Description: change {number}\n{}\n", kept.join("\n")));
        }
    }

    /// The name of the rule that hands a function its events.
    async fn rule(&self, function: &str) -> String {
        let rules = self.world.aws_cli(&["events", "list-rules"]).await;
        let mut names = rules["Rules"].as_array().unwrap().iter().filter_map(|rule| rule["Name"].as_str());
        names.find(|name| name.contains(function)).unwrap().to_owned()
    }

    /// Stops an execution as soon as it is in a state.
    async fn stop_in(&self, state: &str, machine: &str, name: &str) {
        let sfn = aws_sdk_sfn::Client::new(&self.world.configuration().await);
        let arn = format!("arn:aws:states:us-east-1:000000000000:execution:syncline-{machine}:{name}");
        let began = Instant::now();
        loop {
            let history = sfn.get_execution_history().execution_arn(&arn).send().await;
            let events = history.map(|history| history.events().to_vec()).unwrap_or_default();
            let mut entered = events.iter().filter_map(|event| event.state_entered_event_details());
            if entered.next_back().is_some_and(|details| details.name() == state) {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "the execution is never in {state}: {events:#?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        sfn.stop_execution().execution_arn(&arn).cause("tested").send().await.unwrap();
    }

    /// Asserts what holds after every sync, whatever went wrong in it.
    async fn assert_true(&self, sync: &SyncRecord) {
        assert!(sync.status.is_terminal());
        let began = Instant::now();
        loop {
            let lease = self.table.lease(&self.repository_name(), &BranchName::new("main")).await.unwrap().unwrap();
            if lease.holder.is_none() && lease.waiting.is_none() && lease.superseded.is_empty() {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "the lease is not free: {lease:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let client = Client::new(&self.world.configuration().await);
        // A Begin that was slower than whoever stopped its sync is still to find that out.
        let mut targets = self.targets(&sync.sync).await;
        while began.elapsed() < Duration::from_secs(60) && !targets.values().all(|one| one.status.is_terminal()) {
            tokio::time::sleep(Duration::from_millis(100)).await;
            targets = self.targets(&sync.sync).await;
        }
        for (name, target) in &targets {
            assert!(target.status.is_terminal(), "{name} is {}", target.status);
            let begun = operations(&client, target.planned.stack.as_str()).await;
            let of_sync = begun.get(sync.sync.as_str()).copied().unwrap_or_default();
            assert!(of_sync <= 1, "{name} was operated on {of_sync} times");
            if target.status == TargetStatus::Succeeded {
                assert_eq!(of_sync, 1, "{name} succeeded without an operation of its sync");
            }
        }
        let heads = self.table.heads(&self.repository_name()).await.unwrap();
        for head in heads.iter().filter(|head| head.latest_sync == sync.sync) {
            let told = targets.get(head.target.as_str()).map(|target| target.status);
            assert!(told.is_none_or(|status| status == head.status), "{}: {:?}, {}", head.target, told, head.status);
        }
    }
}

/// How many operations each sync began on a stack, from the stack's events.
async fn operations(client: &Client, stack: &str) -> BTreeMap<String, usize> {
    let mut begun = BTreeMap::new();
    let mut pages = client.describe_stack_events().stack_name(stack).into_paginator().send();
    while let Some(Ok(page)) = pages.next().await {
        for event in page.stack_events() {
            let status = event.resource_status().map(|status| status.as_str()).unwrap_or_default();
            let begins = matches!(status, "CREATE_IN_PROGRESS" | "UPDATE_IN_PROGRESS" | "DELETE_IN_PROGRESS");
            if begins && event.physical_resource_id() == event.stack_id() {
                let sync = event.client_request_token().and_then(sync_of).map(|sync| sync.to_string());
                *begun.entry(sync.unwrap_or_default()).or_default() += 1;
            }
        }
    }
    begun
}

/// Pushes a change under faults of each service in turn.
async fn under_faults(name: &str, when: Value, patience: Duration) {
    let (mut repository, _alone) = repository(name).await;
    repository.patience = patience;
    for (number, (service, throttling)) in SERVICES.into_iter().enumerate() {
        repository.change(number);
        let before = repository.world.aws().faults().unwrap().fired(service).await.unwrap();
        repository.go_by(&faults(service, throttling, &when)).await;
        let sync = repository.push_and_wait(&format!("While {service} is not itself")).await;
        repository.go_by(&[]).await;
        let fired = repository.world.aws().faults().unwrap().fired(service).await.unwrap() - before;
        println!("{service}: {fired} faults, the sync {}", sync.status);
        // What is left to chance may spare a service that is called once.
        assert!(fired > 0 || when.get("probability").is_some(), "{service} was never faulty");
        repository.assert_true(&sync).await;
        repository.assert_succeeded(&sync).await;
    }
}

#[tokio::test]
async fn a_sync_succeeds_while_aws_fails_now_and_then() {
    under_faults("faults", json!({ "sequence": { "fail": 1, "pass": 7 } }), Duration::from_secs(150)).await;
}

/// At random, and so often that an SDK's own attempts are used up now and then, and steps are tried again.
#[tokio::test]
#[ignore = "minutes: `make soak` runs it"]
async fn soak_a_sync_succeeds_while_aws_fails_at_random() {
    for round in 0..3 {
        under_faults(&format!("faulty{round}"), json!({ "probability": 0.12 }), Duration::from_secs(600)).await;
    }
}

/// Each function is killed while it works, a moment after it began and a while later.
#[tokio::test]
async fn a_function_that_is_killed_is_made_good() {
    let (repository, _alone) = repository("killed").await;
    // Slow enough that the moments lie within.
    repository.go_by(&[json!({ "service": "dynamodb", "latency": 80 })]).await;
    let mut number = 0;
    for function in ["Begin", "Deploy", "OnStackStatus", "Publish", "Finish"] {
        // An event settles its target by several writes, one after the other.
        let moments: &[u32] = if function == "OnStackStatus" { &[5, 60, 140, 220] } else { &[5, 60] };
        for &milliseconds in moments {
            number += 1;
            repository.change(number);
            repository.world.let_die(function, milliseconds);
            let sync = repository.push_and_wait(&format!("{function} is killed after {milliseconds} ms")).await;
            // At the later moments there may be nobody left who works so long.
            let is_certain = milliseconds <= 60;
            assert!(!is_certain || repository.world.has_died(function), "{function} was not killed");
            repository.assert_true(&sync).await;
            repository.assert_succeeded(&sync).await;
        }
    }
    repository.go_by(&[]).await;
}

/// No event of a stack comes: the net under lost events catches every target.
#[tokio::test]
async fn a_sync_succeeds_without_a_single_event_of_a_stack() {
    let (repository, _alone) = repository("silent").await;
    let rule = repository.rule("OnStackStatus").await;
    repository.world.aws_cli(&["events", "disable-rule", "--name", &rule]).await;
    let sync = repository.push_and_wait("Nobody says that it has ended").await;
    repository.world.aws_cli(&["events", "enable-rule", "--name", &rule]).await;
    repository.assert_true(&sync).await;
    repository.assert_succeeded(&sync).await;
    let targets = repository.targets(&sync.sync).await;
    assert!(targets.values().all(|target| target.entered >= 2), "an event came all the same");
}

/// The execution of a sync is stopped in each of its states.
#[tokio::test]
async fn a_sync_whose_execution_is_stopped_in_any_state_ends() {
    let (repository, _alone) = repository("stopped").await;
    for (number, state) in ["Begin", "Publish", "Finish"].into_iter().enumerate() {
        repository.change(number);
        repository.go_by(&[json!({ "service": "*", "latency": 120 })]).await;
        let commit = repository.push(&format!("Stopped in {state}"));
        let sync = repository.await_sync("main", "the sync", |sync| sync.commit == commit).await;
        repository.stop_in(state, "sync", sync.sync.as_str()).await;
        repository.go_by(&[]).await;
        let sync = repository.sync_of("main", &commit).await;
        repository.assert_true(&sync).await;
        // Stopped before everything was done it is cancelled; after that it is what it was.
        let expected = if state == "Begin" { SyncStatus::Cancelled } else { SyncStatus::Succeeded };
        assert!([expected, SyncStatus::Cancelled].contains(&sync.status), "in {state}: {}", sync.status);
    }
    // What was not brought in step is, by the next push.
    let sync = repository.push_and_wait("Go on").await;
    repository.assert_succeeded(&sync).await;

    // A target's, when its stack is in step and that is about to be recorded.
    repository.change(9);
    repository.go_by(&[json!({ "service": "dynamodb", "latency": 300 })]).await;
    let commit = repository.push("Stopped while it settles");
    let in_progress = |sync: &SyncRecord| sync.commit == commit && sync.status == SyncStatus::InProgress;
    let sync = repository.await_sync("main", "the sync", in_progress).await;
    let targets = repository.targets(&sync.sync).await;
    let first = targets.values().find(|target| target.planned.waits_on.is_empty()).unwrap();
    let client = Client::new(&repository.world.configuration().await);
    let mut ended = false;
    while !ended {
        let told = client.describe_stack_events().stack_name(first.planned.stack.as_str()).send().await.unwrap();
        let of_sync = |token: &str| sync_of(token).is_some_and(|id| id == sync.sync);
        ended = told.stack_events().iter().any(|event| {
            event.physical_resource_id() == event.stack_id()
                && event.client_request_token().is_some_and(of_sync)
                && event.resource_status().is_some_and(|status| status.as_str() == "UPDATE_COMPLETE")
        });
    }
    repository.stop_in("Deploy", "target", &format!("{}-{}", sync.sync, first.planned.number)).await;
    repository.go_by(&[]).await;
    let sync = repository.sync_of("main", &commit).await;
    repository.assert_true(&sync).await;
}

/// A target that Deploy cannot do anything about, and gives up, is settled as failed, also where that is cut off.
#[tokio::test]
async fn a_target_that_is_given_up_is_settled() {
    let (repository, _alone) = repository("given-up").await;
    let table = &repository.world.outputs().await["TableName"];
    // Long enough that the record is damaged before the target's turn comes.
    repository.go_by(&[json!({ "service": "dynamodb", "latency": 800 })]).await;
    repository.world.let_die("Settle", 5);
    let commit = repository.push("One target's record is damaged");
    let in_progress = |sync: &SyncRecord| sync.commit == commit && sync.status == SyncStatus::InProgress;
    let sync = repository.await_sync("main", "the sync", in_progress).await;
    let targets = repository.targets(&sync.sync).await;
    let (name, last) = targets.iter().max_by_key(|(_, target)| target.planned.waits_on.len()).unwrap();
    assert_eq!(last.status, TargetStatus::Pending, "{name}");
    let key = json!({ "pk": { "S": format!("SYNC#{}", sync.sync) }, "sk": { "S": format!("TARGET#{:06}", last.planned.number.0) } });
    let damage = ["dynamodb", "update-item", "--table-name", table, "--update-expression", "REMOVE entry", "--key"];
    repository.world.aws_cli(&[&damage[..], &[&key.to_string()]].concat()).await;
    repository.go_by(&[]).await;
    let sync = repository.sync_of("main", &commit).await;
    assert_eq!(sync.status, SyncStatus::Failed);
    assert!(repository.world.has_died("Settle"), "Settle was not killed");
    let target = repository.targets(&sync.sync).await.remove(name).unwrap();
    assert_eq!(target.status, TargetStatus::Failed);
    let reason = target.reason.unwrap_or_default();
    assert!(reason.starts_with("Deploy gave up: Damaged: "), "{reason}");
    repository.assert_true(&sync).await;
}

/// A push that nobody hears of is made good by the next one.
#[tokio::test]
async fn a_push_whose_event_never_comes_is_synced_with_the_next_one() {
    let (repository, _alone) = repository("unheard").await;
    let rule = repository.rule("OnPush").await;
    repository.world.aws_cli(&["events", "disable-rule", "--name", &rule]).await;
    repository.push("Nobody hears of it");
    tokio::time::sleep(Duration::from_secs(1)).await;
    repository.world.aws_cli(&["events", "enable-rule", "--name", &rule]).await;
    let lease = repository.table.lease(&repository.repository_name(), &BranchName::new("main")).await.unwrap();
    assert_eq!(lease, None, "nothing was to be heard");
    repository.change(1);
    let sync = repository.push_and_wait("This one is heard").await;
    repository.assert_true(&sync).await;
    repository.assert_succeeded(&sync).await;
}

/// AWS goes away in the middle of a sync, and comes back as it was.
#[tokio::test]
async fn a_sync_ends_although_aws_starts_again_in_the_middle_of_it() {
    let repository = Repository::of_example_in(kept().await, "copilot-shop", "back").await;
    let commit = repository.push("Then it goes away");
    repository.await_sync("main", "a sync in progress", |sync| sync.status == SyncStatus::InProgress).await;
    repository.world.aws().restart_emulator().await.unwrap();
    let sync = repository.sync_of("main", &commit).await;
    repository.assert_true(&sync).await;
    let sync = repository.push_and_wait("Go on").await;
    repository.assert_true(&sync).await;
    repository.assert_succeeded(&sync).await;
}
