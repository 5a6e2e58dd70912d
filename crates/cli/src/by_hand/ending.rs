//! How a sync by hand ended, and what to do next.

use serde_json::json;
use syncline_core::status::{SyncStatus, TargetStatus};

use super::account::Syncline;
use super::carry_out::{Ending, GoingOn, How};
use super::ledger;
use crate::answer::{Answer, End};
use crate::arguments::{DEFAULT_CAPABILITIES, DEFAULT_STACK, Global, Hand, Output, Place};
use crate::commands::now;
use crate::documents::{SyncDocument, TargetDocument};
use crate::draw::{self, shell_line};
use crate::failure::Failure;
use crate::paint::Paint;

/// A command that was typed, to be typed again.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    words: Vec<String>,
    /// Syncline's own stack, where another than the usual one was named.
    stack: Option<String>,
}

impl Typed {
    /// A command, with where it reads and what it works with.
    pub(crate) fn new(command: &[&str], place: &Place, hand: &Hand) -> Self {
        let stack = Some(hand.stack.clone()).filter(|stack| stack != DEFAULT_STACK);
        let mut typed = Self { words: vec!["syncline".to_owned()], stack };
        typed.words.extend(command.iter().map(|&word| word.to_owned()));
        if place.folder.as_os_str() != "." {
            typed.words.push(place.folder.display().to_string());
        }
        typed.options("-r", place.repository.as_slice());
        typed.options("--manifest", place.manifest.as_slice());
        typed.flag("--git", place.git);
        typed.options("--account", place.account.as_slice());
        typed.options("--stack", typed.stack.clone().as_slice());
        typed.options("--s3-bucket", hand.s3_bucket.as_slice());
        let capabilities = hand.capabilities.join(",");
        typed.options("--capabilities", Some(capabilities).filter(|typed| typed != DEFAULT_CAPABILITIES).as_slice());
        typed.flag("--verbose", hand.verbose);
        typed
    }

    /// An option, for each of its values.
    pub(crate) fn options(&mut self, option: &str, values: &[String]) {
        self.words.extend(values.iter().flat_map(|value| [option.to_owned(), value.clone()]));
    }

    /// A flag that was given, or not.
    pub(crate) fn flag(&mut self, flag: &str, is_given: bool) {
        self.words.extend(is_given.then(|| flag.to_owned()));
    }

    fn line(&self) -> String {
        shell_line(&self.words)
    }

    /// The command that shows a sync of the same installation.
    fn show(&self, sync: &str) -> String {
        let stack = self.stack.iter().flat_map(|stack| ["--stack", stack]);
        shell_line(["syncline", "show", sync].into_iter().chain(stack))
    }
}

/// The sync as its execution has ended it, with the resources that were seen here. After Ctrl-C nobody wants to wait for that.
pub(crate) async fn as_recorded(mut ending: Ending, syncline: Option<&Syncline>) -> Result<Ending, Failure> {
    let Some(syncline) = syncline.filter(|_| ending.how != How::Interrupted) else { return Ok(ending) };
    let recorded = match ledger::ended(syncline, &ending.document.summary.sync).await {
        // It was stopped because something cannot be read, perhaps.
        Err(_) if ending.how != How::Settled => None,
        recorded => recorded?,
    };
    let Some(mut recorded) = recorded else { return Ok(ending) };
    for target in &mut recorded.targets {
        if let Some(seen) = ending.document.targets.iter().find(|seen| seen.target == target.target) {
            target.resources.clone_from(&seen.resources);
        }
    }
    ending.document = recorded;
    Ok(ending)
}

/// The answer in JSON, of one shape whatever happened.
pub(crate) fn document(syncs: &[SyncDocument]) -> Result<Answer, Failure> {
    Answer::json(&json!({ "syncs": syncs }))
}

/// How each of some syncs ended, in one line.
fn summaries(documents: &[SyncDocument], paint: Paint) -> Vec<String> {
    documents.iter().map(|document| draw::sync::by_hand_summary(&document.summary, now(), paint)).collect()
}

/// What was done before it came to an end that is no sync's: nothing was left to do, or this failure.
pub(crate) fn cut_short(global: &Global, done: &[SyncDocument], failure: Option<&Failure>) -> Result<Answer, Failure> {
    let paint = Paint::for_stdout(global.no_color);
    let lines = summaries(done, paint);
    let answer = match global.output {
        Output::Text => Answer::text(lines.join("\n")),
        Output::Json => document(done)?,
    };
    let end = match failure {
        None => End::Well,
        Some(Failure::Interrupted(_)) => End::Interrupted,
        Some(_) => End::Badly,
    };
    let aside = failure.map(|failure| failure.told().replace("nothing was deleted", "nothing more was deleted"));
    Ok(Answer { aside: aside.unwrap_or_default(), end, ..answer })
}

/// How the last sync ended, after those that ended well, and what to do next.
pub(crate) fn answer(
    global: &Global,
    mut earlier: Vec<SyncDocument>,
    ending: Ending,
    typed: &Typed,
    is_recorded: bool,
) -> Result<Answer, Failure> {
    let Ending { how, document: last, going_on, touched } = ending;
    let paint = Paint::for_stdout(global.no_color);
    let end = match &how {
        How::Settled if last.summary.status == SyncStatus::Succeeded => End::Well,
        How::Settled | How::Stopped(_) => End::Badly,
        How::Interrupted => End::Interrupted,
    };
    let mut lines = summaries(&earlier, paint);
    if end == End::Badly {
        lines.extend(draw::sync::failures(&last, paint));
    }
    if let How::Stopped(reason) = &how {
        let sign = paint.sign(TargetStatus::Failed);
        lines.push(format!("{sign} the sync was ended: {}", draw::one_line(reason)));
    }
    lines.extend(draw::sync::diagnostics(&last.diagnostics, paint));
    lines.push(draw::sync::by_hand_summary(&last.summary, now(), paint));
    let mut follow_ups = match end {
        End::Well => Vec::new(),
        End::Badly => {
            let is_touched = |target: &TargetDocument| target.stack.as_ref().is_some_and(|one| touched.contains(one));
            draw::sync::failed_stacks(&last, is_touched)
        }
        End::Interrupted => following(&going_on),
    };
    if end != End::Well {
        follow_ups.push((typed.line(), "to go on: what is in step is left alone".to_owned()));
    }
    if is_recorded {
        follow_ups.push((typed.show(last.summary.sync.as_str()), "to see it in the history".to_owned()));
    }
    let aside = match how {
        How::Settled => String::new(),
        How::Interrupted | How::Stopped(_) => goes_on(&going_on),
    };
    let answer = match global.output {
        Output::Text => Answer::text(lines.join("\n")),
        Output::Json => {
            earlier.push(last);
            document(&earlier)?
        }
    };
    Ok(Answer { aside, follow_ups, end, ..answer })
}

/// CloudFormation goes on with what it has begun.
fn goes_on(going_on: &[GoingOn]) -> String {
    if going_on.is_empty() {
        return "○ stopped: nothing was under way".to_owned();
    }
    let line = |one: &GoingOn| format!("○ stack {} goes on in AWS; nothing else is begun", one.stack);
    going_on.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// How to follow what goes on, and how to have it undone.
fn following(going_on: &[GoingOn]) -> Vec<(String, String)> {
    let mut follow_ups = Vec::new();
    if let Some(GoingOn { stack, location, .. }) = going_on.first() {
        let follow = draw::stack_command("describe-stack-events", stack, location);
        follow_ups.push((follow, "to see how far it is".to_owned()));
    }
    if let Some(GoingOn { stack, location, .. }) = going_on.iter().find(|one| one.is_update) {
        let cancel = draw::stack_command("cancel-update-stack", stack, location);
        follow_ups.push((cancel, "to have the update undone".to_owned()));
    }
    follow_ups
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn again(words: &[&str]) -> String {
        let arguments = Arguments::parse_from([&["syncline", "deploy"], words].concat());
        let Command::Deploy(deploy) = arguments.command else { panic!("not a deployment") };
        Typed::new(&["deploy"], &deploy.place, &deploy.hand).line()
    }

    #[test]
    fn what_was_typed_is_typed_again_as_a_shell_takes_it() {
        assert_eq!(again(&[]), "syncline deploy");
        let words = ["my shop", "-r", "shop", "--git", "--stack", "other", "--capabilities", "CAPABILITY_IAM"];
        assert_eq!(
            again(&words),
            "syncline deploy 'my shop' -r shop --git --stack other --capabilities CAPABILITY_IAM"
        );
    }

    #[test]
    fn only_an_update_can_be_cancelled() {
        let one = |name: &str, is_update| GoingOn {
            stack: syncline_core::names::StackName::new(name),
            location: syncline_core::location::Location::default(),
            is_update,
        };
        let commands = |going_on: &[GoingOn]| -> Vec<String> {
            following(going_on).into_iter().map(|(command, _)| command.replace("aws cloudformation ", "")).collect()
        };
        assert_eq!(commands(&[one("a", false)]), ["describe-stack-events --stack-name a"]);
        assert_eq!(
            commands(&[one("a", false), one("b", true)]),
            ["describe-stack-events --stack-name a", "cancel-update-stack --stack-name b"]
        );
        assert!(commands(&[]).is_empty());
    }
}
