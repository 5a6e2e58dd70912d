//! How a sync by hand ended, and what to do next.

use syncline_core::names::StackName;
use syncline_core::status::{SyncStatus, TargetStatus};

use super::account::Syncline;
use super::carry_out::Ending;
use super::ledger;
use crate::answer::Answer;
use crate::arguments::{Global, Output, Place};
use crate::commands::now;
use crate::documents::SyncDocument;
use crate::draw;
use crate::failure::Failure;
use crate::paint::Paint;
use crate::screen::Screen;

/// A command that was typed, to be typed again.
#[derive(Clone, Debug)]
pub(crate) struct Typed(Vec<String>);

impl Typed {
    /// A command, in its folder.
    pub(crate) fn new(command: &str, place: &Place) -> Self {
        let mut words = vec![format!("syncline {command}")];
        if place.folder.as_os_str() != "." {
            words.push(place.folder.display().to_string());
        }
        Self(words)
    }

    /// An option, for each of its values.
    pub(crate) fn options(&mut self, option: &str, values: &[String]) {
        self.0.extend(values.iter().map(|value| format!("{option} {value}")));
    }

    /// A flag that was given, or not.
    pub(crate) fn flag(&mut self, flag: &str, is_given: bool) {
        self.0.extend(is_given.then(|| flag.to_owned()));
    }

    fn line(&self) -> String {
        self.0.join(" ")
    }
}

/// The sync as its execution has ended it, with the resources that were seen here.
pub(crate) async fn as_recorded(ended: Ending, syncline: Option<&Syncline>) -> Result<Ending, Failure> {
    let (seen, syncline) = match (ended, syncline) {
        (Ending::Settled(seen), Some(syncline)) => (seen, syncline),
        (ended, _) => return Ok(ended),
    };
    let Some(mut recorded) = ledger::ended(syncline, &seen.summary.sync).await? else {
        return Ok(Ending::Settled(seen));
    };
    for target in &mut recorded.targets {
        if let Some(seen) = seen.targets.iter().find(|seen| seen.target == target.target) {
            target.resources.clone_from(&seen.resources);
        }
    }
    Ok(Ending::Settled(recorded))
}

/// How it ended, and what to do next.
pub(crate) fn answer(
    global: &Global,
    ended: Result<Ending, Failure>,
    screen: &Screen,
    typed: &Typed,
    is_recorded: bool,
) -> Result<Answer, Failure> {
    let (document, reason) = match ended {
        Ok(Ending::Settled(document)) => (document, None),
        Ok(Ending::Stopped(document, reason)) => (document, Some(reason)),
        Ok(Ending::Interrupted(document)) => return Ok(interrupted(&document, typed)),
        Err(failure) => {
            screen.clear();
            return Err(failure);
        }
    };
    screen.leave();
    let paint = Paint::for_stdout(global.no_color);
    let answer = match global.output {
        Output::Json => Answer::json(&document)?,
        Output::Text => {
            let mut lines = draw::sync::failures(&document, paint);
            if let Some(reason) = &reason {
                lines.push(format!(
                    "{} the sync was ended: {}",
                    paint.sign(TargetStatus::Failed),
                    draw::one_line(reason)
                ));
            }
            lines.push(draw::sync::by_hand_summary(&document.summary, now(), paint));
            Answer::text(lines.join("\n"))
        }
    };
    let is_unsuccessful = document.summary.status != SyncStatus::Succeeded;
    let mut follow_ups = if is_unsuccessful { draw::sync::failed_stacks(&document) } else { Vec::new() };
    if is_unsuccessful {
        follow_ups.push((typed.line(), "to try again: what is in step is left alone".to_owned()));
    }
    if is_recorded {
        follow_ups.push((format!("syncline show {}", document.summary.sync), "to see it in the history".to_owned()));
    }
    Ok(Answer { follow_ups, is_unsuccessful, ..answer })
}

/// What to say after Ctrl-C: CloudFormation goes on with what it has begun.
fn interrupted(document: &SyncDocument, typed: &Typed) -> Answer {
    let going_on: Vec<&StackName> = document
        .targets
        .iter()
        .filter(|target| target.status == TargetStatus::Deploying)
        .filter_map(|target| target.stack.as_ref())
        .collect();
    let lines: Vec<String> =
        going_on.iter().map(|stack| format!("○ stack {stack} goes on in AWS; nothing else is begun")).collect();
    let mut follow_ups = vec![(typed.line(), "to take it up again, and follow it".to_owned())];
    if let Some(stack) = going_on.first() {
        let follow = format!("aws cloudformation describe-stack-events --stack-name {stack}");
        follow_ups.push((follow, "to see how far it is".to_owned()));
        let cancel = format!("aws cloudformation cancel-update-stack --stack-name {stack}");
        follow_ups.push((cancel, "to have an update undone".to_owned()));
    }
    let aside = if lines.is_empty() { "○ stopped: nothing was under way".to_owned() } else { lines.join("\n") };
    Answer { aside, follow_ups, is_unsuccessful: true, ..Answer::default() }
}
