//! What is deployed and deleted by hand: in order, on record, under the lease, asked for at a terminal.

mod deleting;
mod deploying;
mod lease;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use aws_sdk_cloudformation::Client;
use syncline_core::names::BranchName;

use super::repository::{Repository, parameter};
use super::stack_states::one_target;
use super::terminal::Terminal;

/// What the example's targets in `beta` wait for: pairs of stacks, without `copilot-<name>-`.
const NEEDS: [(&str, &str); 9] = [
    ("beta-eventbus", "beta"),
    ("beta-apigw", "beta"),
    ("orders-beta", "beta-eventbus"),
    ("orders-beta", "beta-apigw"),
    ("invoices-beta", "beta-eventbus"),
    ("catalog-beta", "beta-apigw"),
    ("orders-beta", "beta"),
    ("invoices-beta", "beta"),
    ("catalog-beta", "beta"),
];

/// The `syncline` that was built with this test.
fn syncline() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let built = this.parent().unwrap().parent().unwrap().join("syncline");
    assert!(built.exists(), "the command line is not built: run `cargo build`, or all of it with `make test`");
    built
}

impl Repository {
    /// Runs `syncline` in the clone, without a terminal.
    pub(crate) async fn syncline(&self, words: &[&str]) -> Output {
        self.syncline_in("us-east-1", words).await
    }

    async fn syncline_in(&self, region: &str, words: &[&str]) -> Output {
        let mut command = tokio::process::Command::new(syncline());
        command.args(words).current_dir(self.path()).envs(self.world.environment()).stdin(Stdio::null());
        command.env("AWS_REGION", region).env("AWS_DEFAULT_REGION", region).env("CI", "true");
        tokio::time::timeout(Duration::from_secs(120), command.output()).await.unwrap().unwrap()
    }

    /// Runs `syncline` in a terminal.
    pub(crate) fn terminal(&self, words: &[&str]) -> Terminal {
        let program = syncline();
        let words: Vec<&str> = [program.to_str().unwrap()].into_iter().chain(words.iter().copied()).collect();
        let mut environment = self.world.environment();
        environment.push(("NO_COLOR".to_owned(), "1".to_owned()));
        Terminal::start(&words, self.path(), &environment)
    }

    async fn lease_is_free(&self, branch: &str) -> bool {
        let lease = self.table.lease(&self.repository_name(), &BranchName::new(branch)).await.unwrap();
        lease.is_none_or(|lease| lease.holder.is_none())
    }
}

pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub(crate) fn assert_done(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(output));
    text(output)
}

/// The ids of the stacks that begin so, by the rest of their names.
async fn stack_ids(client: &Client, prefix: &str) -> BTreeMap<String, String> {
    let found = client.describe_stacks().into_paginator().items().send();
    let stacks: Vec<_> = found.try_collect().await.unwrap();
    let named = stacks
        .iter()
        .filter_map(|stack| Some((stack.stack_name()?.strip_prefix(prefix)?.to_owned(), stack.stack_id()?.to_owned())));
    named.collect()
}

/// When a stack itself came to a status for the first time, in seconds since 1970.
async fn moment(client: &Client, stack_id: &str, status: &str) -> f64 {
    let found = client.describe_stack_events().stack_name(stack_id).send().await.unwrap();
    let of_stack = found.stack_events().iter().filter(|event| event.physical_resource_id() == event.stack_id());
    let moments = of_stack
        .filter(|event| event.resource_status().is_some_and(|found| found.as_str() == status))
        .filter_map(|event| event.timestamp().map(|time| time.as_secs_f64()));
    moments.reduce(f64::min).unwrap_or_else(|| panic!("{stack_id} was never {status}"))
}

/// Asserts from the stacks' events that each began only after all that it waits for had ended.
async fn assert_events_in_order(client: &Client, ids: &BTreeMap<String, String>, verb: &str, is_reverse: bool) {
    for (waiter, dependency) in NEEDS {
        let (first, second) = if is_reverse { (waiter, dependency) } else { (dependency, waiter) };
        let ended = moment(client, &ids[first], &format!("{verb}_COMPLETE")).await;
        let began = moment(client, &ids[second], &format!("{verb}_IN_PROGRESS")).await;
        assert!(ended <= began, "{first} ended at {ended}, {second} began at {began}");
    }
}

/// A repository whose one target takes `seconds`.
async fn slow(name: &str, seconds: u32) -> (Repository, Client, String) {
    one_target(name, &parameter("a", &format!("sleep={seconds}"))).await
}
