//! Tells when operations on stacks have ended: one question for all of them, asked over and over while anybody waits.
//!
//! No event of CloudFormation reaches a command. It asks for the stacks of an account and region that are worked on, which is
//! one page however many there are, and whoever waits for one that is not among them looks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use syncline_aws::Error;
use syncline_aws::all_stacks::AllStacks;
use syncline_core::location::Location;
use syncline_core::names::{RepositoryName, StackName};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

/// How long from one question to the next.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(300);
/// The longest that it becomes while AWS asks to slow down.
const LONGEST_BETWEEN_QUESTIONS: Duration = Duration::from_secs(8);

/// Who waits for which stack.
#[derive(Debug, Default)]
pub(super) struct Waiter {
    waiting: Mutex<Waiting>,
}

type Waiting = BTreeMap<(Location, StackName), oneshot::Sender<()>>;

impl Waiter {
    /// Waits until an operation on a stack has probably ended.
    pub(super) async fn ended(&self, location: &Location, stack: &StackName) {
        let (sender, receiver) = oneshot::channel();
        self.lock().insert((location.clone(), stack.clone()), sender);
        // Where nobody asks any more there is nothing to wait for.
        let _ = receiver.await;
    }

    /// Asks, for as long as it is run; gives what is in the way where asking again would not help.
    pub(super) async fn ask(&self, stacks: &AllStacks, repository: &RepositoryName) -> String {
        let (mut pause, mut asked) = (BETWEEN_QUESTIONS, Instant::now());
        loop {
            sleep_until(asked + pause).await;
            asked = Instant::now();
            // Whoever comes while it asks is asked for next time. An operation that has just begun may not be listed yet;
            // then whoever waits looks for nothing, and waits again.
            let asked_for: Vec<(Location, StackName)> = self.lock().keys().cloned().collect();
            let in_progress = match in_progress(stacks, repository, &asked_for).await {
                Ok(in_progress) => in_progress,
                Err(error) if error.may_pass() => {
                    pause = (pause * 2).min(LONGEST_BETWEEN_QUESTIONS);
                    continue;
                }
                Err(error) => return error.to_string(),
            };
            pause = BETWEEN_QUESTIONS;
            for one in asked_for.iter().filter(|one| !in_progress.contains(one)) {
                if let Some(sender) = self.lock().remove(one) {
                    let _ = sender.send(());
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Those of the stacks that are worked on: one question for each place that they are in.
async fn in_progress<'w>(
    stacks: &AllStacks,
    repository: &RepositoryName,
    asked_for: &'w [(Location, StackName)],
) -> Result<BTreeSet<&'w (Location, StackName)>, Error> {
    let mut found = BTreeSet::new();
    let locations: BTreeSet<&Location> = asked_for.iter().map(|(location, _)| location).collect();
    for location in locations {
        let in_progress = stacks.at(location, repository).await?.in_progress().await?;
        let is_worked_on =
            |(at, stack): &&(Location, StackName)| at == location && in_progress.contains(stack.as_str());
        found.extend(asked_for.iter().filter(is_worked_on));
    }
    Ok(found)
}
