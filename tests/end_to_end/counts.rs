//! What a sync costs, counted: calls, and transitions of the state machines. These figures are exact, unlike times.

use std::collections::BTreeMap;

use syncline_core::status::TargetStatus;

use super::repository::{Repository, parameter};
use super::world::World;

/// How many targets are pushed: two rows, each of the second waits for one of the first. So many that what was read is kept.
const TARGETS: usize = 24;

/// What one sync came to.
#[derive(Debug)]
struct Counts {
    /// Calls of CloudFormation.
    cloudformation: usize,
    /// Calls of CodeCommit by functions.
    codecommit: usize,
    /// States that the executions of targets entered.
    transitions: usize,
    /// Calls of DynamoDB by functions, by operation.
    table: BTreeMap<String, usize>,
    /// Write units of DynamoDB for the sync's own items, those of its targets among them.
    units: usize,
}

impl Counts {
    /// Calls that read an item or more.
    fn reads(&self) -> usize {
        ["GetItem", "BatchGetItem", "Query"].iter().filter_map(|name| self.table.get(*name)).sum()
    }

    /// Calls that write an item.
    fn writes(&self) -> usize {
        ["PutItem", "UpdateItem"].iter().filter_map(|name| self.table.get(*name)).sum()
    }
}

/// What the writes to a partition's items cost, in DynamoDB's units: one for each kilobyte of an item, and as many for each index
/// that has it. An item is taken for as long as its JSON is, which is somewhat longer than what DynamoDB counts.
async fn write_units(world: &World, partition: &str) -> usize {
    let items = world.items(partition).await;
    let writes = world.table_writes(partition).await;
    let units = writes.into_iter().map(|(key, times)| {
        let item = &items[&key];
        let indexes = ["subject", "related", "active"].iter().filter(|name| !item[**name].is_null()).count();
        times * (1 + indexes) * item.to_string().len().div_ceil(1024)
    });
    units.sum()
}

async fn repository(name: &str) -> Repository {
    let services: Vec<(String, Option<String>)> = (0..TARGETS)
        .map(|number| (format!("s{number}"), (number >= TARGETS / 2).then(|| format!("s{}", number - TARGETS / 2))))
        .collect();
    let services: Vec<_> = services.iter().map(|(name, other)| (name.as_str(), other.as_deref())).collect();
    let repository = Repository::of_services(name, &services).await;
    for (service, _) in services {
        repository.write(&format!("t{service}.yaml"), &parameter("first", "any"));
    }
    repository
}

/// Pushes, and counts what its sync came to.
async fn counted(repository: &Repository, message: &str) -> Counts {
    let read = || {
        let calls = repository.world.aws().codecommit_calls();
        calls.iter().filter(|call| call.input["repositoryName"] == repository.name.as_str()).count()
    };
    let prefix = format!("{}-", repository.name);
    let cloudformation = repository.world.cloudformation_calls(&prefix).await.len();
    let codecommit = read();
    let sync = repository.push_and_wait(message).await;
    repository.assert_succeeded(&sync).await;
    let client = aws_sdk_sfn::Client::new(&repository.world.configuration().await);
    let mut transitions = 0;
    for target in repository.targets(&sync.sync).await.values() {
        let execution = format!(
            "arn:aws:states:us-east-1:000000000000:execution:syncline-target:{}-{}",
            sync.sync, target.planned.number
        );
        let history = client.get_execution_history().execution_arn(execution).into_paginator().items().send();
        let events: Vec<_> = history.try_collect().await.unwrap();
        // When CloudFormation was asked, and when its end was heard of.
        if let Some(worked) = &target.worked {
            let times = [
                &target.events[&TargetStatus::Deploying],
                &worked.asked_at,
                &worked.heard_at,
                &target.events[&TargetStatus::Succeeded],
            ];
            assert!(times.is_sorted(), "{times:?}");
        }
        assert_eq!(target.worked.is_some(), target.status == TargetStatus::Succeeded, "{target:?}");
        transitions += events.iter().filter(|event| event.r#type().as_str().ends_with("StateEntered")).count();
    }
    Counts {
        cloudformation: repository.world.cloudformation_calls(&prefix).await.len() - cloudformation,
        codecommit: read() - codecommit,
        transitions,
        table: repository.world.table_calls(&[format!("SYNC#{}", sync.sync)]).await,
        units: write_units(repository.world, &format!("SYNC#{}", sync.sync)).await,
    }
}

#[tokio::test]
async fn a_sync_costs_what_it_has_to() {
    let repository = repository("counted").await;
    let first = counted(&repository, "First").await;
    assert_eq!((first.cloudformation, first.transitions), (TARGETS, TARGETS), "{first:?}");
    // Its spec and its template, when it is planned and when it is deployed; and the folders where addons would be.
    assert!(first.codecommit <= 5 * TARGETS, "{first:?}");
    // It is planned, begun with, recorded, taken from whom waits for it, and from what is open; and there are the sync itself, and
    // what is open of it.
    assert!(first.writes() <= 4 * TARGETS + TARGETS / 2 + 9, "{first:?}");
    assert!(first.units <= 16 * TARGETS, "{first:?}");
    // Deploy reads its record and the sync's at once.
    assert!(first.reads() <= TARGETS + 10, "{first:?}");
    assert_eq!(first.table.keys().filter(|name| *name == "Scan").count(), 0, "{first:?}");

    let unchanged = counted(&repository, "Nothing").await;
    assert_eq!((unchanged.cloudformation, unchanged.transitions), (0, 0), "{unchanged:?}");
    // Where the branch is, the manifest, and what has changed.
    assert!(unchanged.codecommit <= 7, "{unchanged:?}");
    assert!(unchanged.writes() + unchanged.reads() <= 16, "{unchanged:?}");

    // One write, and one read before it: whether somebody changed the stack by hand.
    repository.write(&format!("ts{}.yaml", TARGETS - 1), &parameter("second", "any"));
    let last = counted(&repository, "One that nobody waits for").await;
    assert_eq!((last.cloudformation, last.transitions), (2, 1), "{last:?}");
    assert!(last.codecommit <= 10, "{last:?}");
    assert!(last.writes() + last.reads() <= 24, "{last:?}");
    assert!(last.units <= 40, "{last:?}");

    repository.write("ts0.yaml", &parameter("second", "any"));
    let one = counted(&repository, "One").await;
    assert_eq!(one.cloudformation, 2, "{one:?}");
    // What waits for it looks whether it shows something new.
    assert_eq!(one.transitions, 2, "{one:?}");
    assert!(one.codecommit <= last.codecommit + 4, "{one:?}");
}
