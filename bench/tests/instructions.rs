//! Counts the instructions of the core's hot paths under valgrind: the same on every run of one build, whatever else the machine
//! does, so that a regression shows. Without valgrind there is nothing to count with, and the test says so.
//!
//! What is counted is kept in `instructions.json`. `UPDATE_INSTRUCTIONS=1 cargo test -p syncline-bench --test instructions`
//! writes it again, where a change is meant to cost more, or costs less.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How much more than before is a regression. Chance plays a small part in it, by the maps of the standard library, and so does the processor.
const TOLERANCE: f64 = 0.10;

/// Repositories of so many instances. Ten times as many may take ten times as much, and little more.
const SIZES: [u64; 2] = [10, 100];

/// How much more an instance may take in the larger repository.
const GROWTH: f64 = 0.15;

/// The example that is counted, which Cargo built beside this test.
fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).unwrap().join("examples/work")
}

/// Instructions of so many parses and plans of a repository.
fn count(size: u64, kind: &str, parses: u64, plans: u64) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(example())
        .args([&size.to_string(), kind, &parses.to_string(), &plans.to_string()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.split("Collected : ").nth(1).and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    collected.unwrap_or_else(|| panic!("valgrind said no figure: {said}"))
}

/// Instructions an instance, by what is done, kind and size.
fn counted() -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for kind in ["deployment-files", "bundle"] {
        for size in SIZES {
            let without = count(size, kind, 0, 0);
            found.insert(format!("parse, {kind}, {size}"), (count(size, kind, 1, 0) - without) / size);
            found.insert(format!("plan, {kind}, {size}"), (count(size, kind, 0, 1) - without) / size);
        }
    }
    found
}

#[test]
fn no_hot_path_takes_more_instructions_than_it_did() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("there is no valgrind here: nothing is counted");
        return;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/instructions.json");
    let found = counted();
    if std::env::var_os("UPDATE_INSTRUCTIONS").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&found).unwrap() + "\n").unwrap();
    }
    let kept: BTreeMap<String, u64> = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let more = |now: u64, before: u64| now as f64 / before as f64 - 1.0;
    for (what, now) in &found {
        let before = kept.get(what).unwrap_or_else(|| panic!("{what} is not in {}", path.display()));
        let change = more(*now, *before);
        assert!(
            change <= TOLERANCE,
            "{what}: {now} instructions an instance, {before} before ({:+.1} %)",
            change * 100.0
        );
    }
    for what in found.keys().filter_map(|what| what.strip_suffix(", 10")) {
        let [small, large] = SIZES.map(|size| found[&format!("{what}, {size}")]);
        assert!(more(large, small) <= GROWTH, "{what}: {small} instructions an instance of 10, {large} of 100");
    }
}
