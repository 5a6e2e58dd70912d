//! Tells when operations on stacks have ended: one question for all of them, asked over and over while anybody waits.
//!
//! No event of CloudFormation reaches a command. It asks for the stacks of an account and region that are worked on, which is
//! one page however many there are, and whoever waits for one that is not among them looks. The longer an operation has taken,
//! the less often it is asked for: so what asking adds to it is a small part of it, and so is the number of questions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use syncline_aws::Error;
use syncline_aws::all_stacks::AllStacks;
use syncline_core::location::Location;
use syncline_core::names::{RepositoryName, StackName};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until};

/// When an operation is asked for first: none is done sooner.
const FIRST: Duration = Duration::from_millis(400);
/// From then on it is asked for when it has taken longer by one part in so many.
const PART: u32 = 32;
/// How long from one question to the next, for one operation and for all of them.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(50);
/// The longest that it becomes, however long an operation takes.
const LONGEST_BETWEEN_QUESTIONS: Duration = Duration::from_secs(2);
/// The longest that it becomes while AWS asks to slow down.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Who waits for which stack.
#[derive(Debug, Default)]
pub(super) struct Waiter {
    waiting: Mutex<BTreeMap<Awaited, Wait>>,
    /// Told when somebody comes.
    came: Notify,
}

/// A stack, and where it is.
type Awaited = (Location, StackName);

#[derive(Debug)]
struct Wait {
    ended: oneshot::Sender<()>,
    since: Instant,
    due: Instant,
}

/// How long until an operation is asked for again that has taken so long.
fn until_asked_again(taken: Duration) -> Duration {
    (taken / PART).clamp(BETWEEN_QUESTIONS, LONGEST_BETWEEN_QUESTIONS)
}

impl Waiter {
    /// Waits until an operation on a stack has probably ended.
    pub(super) async fn ended(&self, location: &Location, stack: &StackName) {
        let (ended, receiver) = oneshot::channel();
        let since = Instant::now();
        self.lock().insert((location.clone(), stack.clone()), Wait { ended, since, due: since + FIRST });
        self.came.notify_one();
        // Where nobody asks any more there is nothing to wait for.
        let _ = receiver.await;
    }

    /// Asks, for as long as it is run; gives what is in the way where asking again would not help.
    pub(super) async fn ask(&self, stacks: &AllStacks, repository: &RepositoryName) -> String {
        let mut pause = BETWEEN_QUESTIONS;
        let mut not_before = Instant::now();
        loop {
            let next = self.lock().values().map(|wait| wait.due).min();
            let Some(next) = next else {
                self.came.notified().await;
                continue;
            };
            tokio::select! {
                () = sleep_until(next.max(not_before)) => {}
                () = self.came.notified() => continue,
            }
            let asked = Instant::now();
            // Whoever comes while it asks is asked for next time. An operation that has just begun may not be listed yet;
            // then whoever waits looks for nothing, and waits again.
            let asked_for: Vec<Awaited> = self.lock().keys().cloned().collect();
            let answer = in_progress(stacks, repository, &asked_for).await;
            pause = match &answer {
                Ok(_) => BETWEEN_QUESTIONS,
                Err(error) if error.may_pass() => (pause * 2).min(LONGEST_PAUSE),
                Err(error) => return error.to_string(),
            };
            not_before = asked + pause;
            let Ok(in_progress) = answer else { continue };
            let mut waiting = self.lock();
            for one in &asked_for {
                if in_progress.contains(one) {
                    if let Some(wait) = waiting.get_mut(one) {
                        wait.due = asked + until_asked_again(asked.saturating_duration_since(wait.since));
                    }
                } else if let Some(wait) = waiting.remove(one) {
                    let _ = wait.ended.send(());
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Awaited, Wait>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Those of the stacks that are worked on: one question for each place that they are in.
async fn in_progress<'w>(
    stacks: &AllStacks,
    repository: &RepositoryName,
    asked_for: &'w [Awaited],
) -> Result<BTreeSet<&'w Awaited>, Error> {
    let mut found = BTreeSet::new();
    let locations: BTreeSet<&Location> = asked_for.iter().map(|(location, _)| location).collect();
    for location in locations {
        let in_progress = stacks.at(location, repository).await?.in_progress().await?;
        let is_worked_on = |(at, stack): &&Awaited| at == location && in_progress.contains(stack.as_str());
        found.extend(asked_for.iter().filter(is_worked_on));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_adds_a_small_part_to_an_operation_and_not_many_questions() {
        let (mut taken, mut questions) = (FIRST, 1);
        while taken < Duration::from_secs(180) {
            let pause = until_asked_again(taken);
            assert!(pause <= (taken / 16).max(BETWEEN_QUESTIONS), "{pause:?} after {taken:?}");
            taken += pause;
            questions += 1;
        }
        assert!(questions < 250, "{questions} questions");
    }
}
