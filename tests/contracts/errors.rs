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
    names.retain(|name| !name.starts_with("States.") && !name.starts_with("Lambda."));
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
