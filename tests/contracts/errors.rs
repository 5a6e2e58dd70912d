//! The error names that the state machines retry and catch, and those that the functions fail with.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use syncline_aws::Error;
use syncline_aws::workflow::{BY_HAND, HEARTBEAT, HEARTBEAT_TIMEOUT, LOOK_AGAIN};

/// A state machine; its numbers are put in by the template.
fn machine_of(text: &str) -> Value {
    let text = text.replace("${SyncTimeoutSeconds}", "1").replace("${EventTimeoutSeconds}", "1");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_command_that_is_cut_off_is_noticed_after_six_heartbeats() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../statemachine/sync.asl.json");
    let machine = machine_of(&std::fs::read_to_string(path).unwrap());
    assert_eq!(machine["States"]["AwaitHand"]["HeartbeatSeconds"], 6 * HEARTBEAT.as_secs());
    assert_eq!(HEARTBEAT_TIMEOUT, "States.HeartbeatTimeout");
}

/// The names in a state machine's retriers and catchers, without those that AWS defines.
fn names(machine: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../statemachine").join(machine);
    let text = std::fs::read_to_string(path).unwrap();
    let machine = machine_of(&text);
    let mut names = BTreeSet::new();
    for state in machine["States"].as_object().unwrap().values() {
        for rule in ["Retry", "Catch"].iter().flat_map(|key| state[key].as_array().into_iter().flatten()) {
            names.extend(rule["ErrorEquals"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()));
        }
    }
    names.retain(|name| !["States.", "Lambda.", "Runtime.", "Sandbox."].iter().any(|aws| name.starts_with(aws)));
    names
}

#[test]
fn what_the_state_machines_retry_and_catch_is_what_the_functions_fail_with() {
    let passing: BTreeSet<String> = Error::PASSING.iter().map(|name| (*name).to_owned()).collect();
    let mut with_hand = passing.clone();
    with_hand.insert(BY_HAND.to_owned());
    assert_eq!(names("sync.asl.json"), with_hand);
    let mut with_look = passing.clone();
    with_look.insert(LOOK_AGAIN.to_owned());
    assert_eq!(names("target.asl.json"), with_look);
    assert!(passing.iter().all(|name| Error::NAMES.contains(&name.as_str())));
}

/// Rows of who tries again in a state, and what happens then, in the order of the state machine's rules.
fn rows(machine: &Value, state: &str) -> Vec<String> {
    let state_of = &machine["States"][state];
    let rules = |key: &str| state_of[key].as_array().cloned().unwrap_or_default();
    let names = |rule: &Value| -> Vec<String> {
        rule["ErrorEquals"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let quoted = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let then = |errors: &[String]| {
        let catches = |rule: &&Value| names(rule).iter().any(|name| name == "States.ALL" || errors.contains(name));
        let caught = rules("Catch").iter().find(catches).map(|rule| rule["Next"].as_str().unwrap().to_owned());
        caught.unwrap_or_else(|| "the execution fails".to_owned())
    };
    let retried = rules("Retry").into_iter().map(|rule| {
        let errors = names(&rule);
        let (times, from, most) = (&rule["MaxAttempts"], &rule["IntervalSeconds"], &rule["MaxDelaySeconds"]);
        assert_eq!((rule["BackoffRate"].as_u64(), rule["JitterStrategy"].as_str()), (Some(2), Some("FULL")));
        format!(
            "| {state} | {} | {times} times, after {from} s, doubling to {most} s | {} |",
            quoted(&errors),
            then(&errors)
        )
    });
    let known: BTreeSet<String> = rules("Retry").iter().flat_map(names).collect();
    let caught = rules("Catch").into_iter().filter_map(|rule| {
        let errors: Vec<String> = names(&rule).into_iter().filter(|name| !known.contains(name)).collect();
        let next = rule["Next"].as_str().unwrap();
        (!errors.is_empty()).then(|| format!("| {state} | {} | never | {next} |", quoted(&errors)))
    });
    retried.chain(caught).collect()
}

#[test]
fn the_table_of_retries_is_what_the_state_machines_do() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../statemachine");
    let machine = |name: &str| machine_of(&std::fs::read_to_string(folder.join(name)).unwrap());
    let (sync, target) = (machine("sync.asl.json"), machine("target.asl.json"));
    let mut lines = vec!["| state | on | tries again | then |".to_owned(), "|---|---|---|---|".to_owned()];
    for (machine, states) in
        [(&sync, ["Begin", "AwaitHand", "Publish", "Finish"].as_slice()), (&target, &["Deploy", "Settle"])]
    {
        assert_eq!(machine["States"].as_object().unwrap().len(), states.len());
        lines.extend(states.iter().flat_map(|state| rows(machine, state)));
    }
    let page = std::fs::read_to_string(folder.join("README.md")).unwrap();
    assert!(page.contains(&lines.join("\n")), "statemachine/README.md should have:\n{}", lines.join("\n"));
    // Each name is explained, and no other.
    let explained: BTreeSet<&str> = page
        .split_once("## Errors")
        .unwrap()
        .1
        .split("Who tries again")
        .next()
        .unwrap()
        .lines()
        .filter(|line| line.starts_with("| `"))
        .flat_map(|line| line.split('|').nth(1).unwrap().split(','))
        .map(|name| name.trim().trim_matches('`'))
        .collect();
    let named: BTreeSet<String> = lines
        .iter()
        .skip(2)
        .flat_map(|line| line.split('|').nth(2).unwrap().split(','))
        .map(|name| name.trim().trim_matches('`').to_owned())
        .collect();
    let mut all: BTreeSet<&str> = Error::NAMES.into_iter().chain(named.iter().map(String::as_str)).collect();
    all.insert(HEARTBEAT_TIMEOUT);
    assert_eq!(explained, all);
}
