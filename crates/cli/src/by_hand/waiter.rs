//! Tells when operations on stacks have ended: one question for all of them, asked over and over while anybody waits.
//!
//! No event of CloudFormation reaches a command. It asks for the stacks of the account that are worked on, which is one
//! page however many there are, and whoever waits for one that is not among them looks.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use syncline_aws::stacks::Stacks;
use syncline_core::names::StackName;
use tokio::sync::oneshot;
use tokio::time::sleep;

/// How long from one question to the next.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(500);
/// The longest that it becomes while AWS asks to slow down.
const LONGEST_BETWEEN_QUESTIONS: Duration = Duration::from_secs(8);

/// Who waits for which stack.
#[derive(Debug, Default)]
pub(super) struct Waiter {
    waiting: Mutex<BTreeMap<StackName, oneshot::Sender<()>>>,
}

impl Waiter {
    /// Waits until an operation on a stack has probably ended.
    pub(super) async fn ended(&self, stack: &StackName) {
        let (sender, receiver) = oneshot::channel();
        self.lock().insert(stack.clone(), sender);
        // Where nobody asks any more there is nothing to wait for.
        let _ = receiver.await;
    }

    /// Asks, for as long as it is run; gives what is in the way where asking again would not help.
    pub(super) async fn ask(&self, stacks: &Stacks) -> String {
        let mut pause = BETWEEN_QUESTIONS;
        loop {
            sleep(pause).await;
            // Whoever comes while it asks is asked for next time. An operation that has just begun may not be listed yet;
            // then whoever waits looks for nothing, and waits again.
            let asked_for: Vec<StackName> = self.lock().keys().cloned().collect();
            if asked_for.is_empty() {
                continue;
            }
            let in_progress = match stacks.in_progress().await {
                Ok(in_progress) => in_progress,
                Err(error) if error.may_pass() => {
                    pause = (pause * 2).min(LONGEST_BETWEEN_QUESTIONS);
                    continue;
                }
                Err(error) => return error.to_string(),
            };
            pause = BETWEEN_QUESTIONS;
            for stack in asked_for.iter().filter(|stack| !in_progress.contains(stack.as_str())) {
                if let Some(sender) = self.lock().remove(stack) {
                    let _ = sender.send(());
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<StackName, oneshot::Sender<()>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
