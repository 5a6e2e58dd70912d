//! One sync as text: `syncline show`, and how a sync that was followed ended.

use syncline_aws::table::PublishStatus;
use syncline_core::diagnostic::Severity;
use syncline_core::names::{CommitId, StackName};
use syncline_core::status::{SyncStatus, TargetStatus};
use time::OffsetDateTime;

use super::{
    Columns, PUSH_NOTHING, cell, cell_or_nothing, coloured, counts, kind, one_line, shell_line, stack_at, stack_command,
};
use crate::documents::sync::{CriticalPath, DiagnosticDocument, PublishDocument};
use crate::documents::{SyncDocument, SyncSummary, TargetDocument};
use crate::paint::{Paint, target_color};
use crate::times;

/// How many targets the follow-up actions name.
const MOST_FOLLOW_UPS: usize = 3;

/// Everything about a sync.
pub(crate) fn show(document: &SyncDocument, moment: OffsetDateTime, paint: Paint) -> String {
    let mut sections = vec![record(&document.summary, moment, paint)];
    if let Some(line) = document.critical_path.as_ref().and_then(critical_path) {
        sections[0] += &format!("\n{line}");
    }
    if !document.targets.is_empty() {
        sections.push(targets(document, moment, paint));
    }
    if !document.diagnostics.is_empty() {
        sections.push(diagnostics(&document.diagnostics, paint).join("\n"));
    }
    if !document.summary.publish_actions.is_empty() {
        sections.push(publishes(&document.summary.publish_actions, paint).join("\n"));
    }
    if !document.unmanaged.is_empty() {
        let lines = document.unmanaged.iter().map(|target| {
            format!("— {} is no longer in the manifest; its stack is left alone", one_line(target.as_str()))
        });
        sections.push(lines.collect::<Vec<_>>().join("\n"));
    }
    sections.join("\n\n")
}

fn record(sync: &SyncSummary, moment: OffsetDateTime, paint: Paint) -> String {
    let manifest = match &sync.manifest_commit {
        _ if sync.by_hand.is_some() => "that of the working copy".to_owned(),
        Some(commit) => format!("{} at {}", sync.manifest_branch, commit.short()),
        None => format!("{}, which is not there", sync.manifest_branch),
    };
    let time = |at: &Option<String>| at.as_deref().map_or_else(|| super::NOTHING.to_owned(), times::to_the_second);
    let took = sync.seconds(moment).map_or_else(|| super::NOTHING.to_owned(), times::duration);
    let mut lines = vec![
        format!("sync        {}", sync.sync),
        format!("repository  {}", sync.repository),
        format!("branch      {}", sync.branch),
        format!(
            "commit      {}",
            if sync.commit == CommitId::none() { sync.commit.short() } else { sync.commit.as_str() }
        ),
        format!("manifest    {manifest}"),
        format!("status      {} {}", paint.sync_sign(sync.status), sync.status),
    ];
    if let Some(hand) = &sync.by_hand {
        let changes = if hand.has_changes { ", with files that differ from the commit" } else { "" };
        lines.push(format!("by hand     {}{changes}", one_line(&hand.by)));
    }
    if let Some(reason) = &sync.reason {
        lines.push(format!("reason      {}", one_line(reason)));
    }
    lines.push(format!("targets     {}", counts(&sync.counts)));
    lines.push(format!("queued      {}", time(&sync.queued_at)));
    lines.push(format!("started     {}", time(&sync.initiated_at)));
    lines.push(format!("ended       {}", time(&sync.ended_at)));
    lines.push(format!("took        {took}"));
    lines.join("\n")
}

/// What no sync could have been shorter than, and how much longer this one was; nothing where that was no time at all.
fn critical_path(path: &CriticalPath) -> Option<String> {
    let (first, last) = (path.targets.first()?, path.targets.last()?);
    let chain = match path.targets.len() {
        1 => one_line(first.as_str()),
        2 => format!("{} → {}", one_line(first.as_str()), one_line(last.as_str())),
        number => format!("{} → … → {}, {number} targets", one_line(first.as_str()), one_line(last.as_str())),
    };
    (path.stack_seconds > 0.0).then(|| {
        let times = path.took_seconds / path.stack_seconds;
        format!(
            "stacks      {} on the longest way: {chain}; the sync took {times:.2} times that",
            times::duration(path.stack_seconds)
        )
    })
}

/// WAITED is from PENDING to DEPLOYING, TOOK from DEPLOYING to SETTLED, which stands in seconds since the sync started.
fn targets(document: &SyncDocument, moment: OffsetDateTime, paint: Paint) -> String {
    let headings = ["TARGET", "KIND", "STATUS", "WAITED", "TOOK", "SETTLED", "STACK", "REASON"];
    let mut columns = Columns::new(paint, &headings);
    let started = document.summary.initiated_at.as_deref();
    for target in &document.targets {
        let settled = target.settled_at.as_deref().zip(started).and_then(|(at, from)| times::seconds_between(from, at));
        columns.row(vec![
            cell(target.target.as_str()),
            cell_or_nothing(target.kind.map(kind)),
            coloured(target.status.as_str(), target_color(target.status)),
            cell_or_nothing(target.waited_seconds.map(times::duration)),
            cell_or_nothing(target.seconds(moment).map(times::duration)),
            cell_or_nothing(settled.map(|seconds| format!("+{}", times::duration(seconds)))),
            cell_or_nothing(target.stack.as_ref().map(|stack| stack_at(stack, &target.location))),
            cell_or_nothing(target.reason.as_ref()),
        ]);
    }
    columns.draw()
}

/// Diagnostics, one line each.
pub(crate) fn diagnostics(diagnostics: &[DiagnosticDocument], paint: Paint) -> Vec<String> {
    let line = |diagnostic: &DiagnosticDocument| {
        let sign = match diagnostic.severity {
            Severity::Error => paint.sign(TargetStatus::Failed),
            Severity::Warning => paint.sign(TargetStatus::Skipped),
        };
        format!("{sign} {}", one_line(&diagnostic.one_line))
    };
    diagnostics.iter().map(line).collect()
}

/// Publish actions, one line each.
pub(crate) fn publishes(actions: &[PublishDocument], paint: Paint) -> Vec<String> {
    let line = |action: &PublishDocument| {
        let request = action.pull_request_id.as_ref().map(|id| format!("pull request {id} ")).unwrap_or_default();
        let (sign, what) = match action.status {
            PublishStatus::Created => (TargetStatus::Succeeded, format!("{request}opened")),
            PublishStatus::Updated => (TargetStatus::Succeeded, format!("{request}brought up to date")),
            PublishStatus::NothingToPublish => (TargetStatus::Unchanged, "nothing to publish".to_owned()),
            PublishStatus::Superseded => (TargetStatus::Skipped, "left to the sync of a newer commit".to_owned()),
            PublishStatus::Failed => (TargetStatus::Failed, "failed".to_owned()),
        };
        let reason = action.reason.as_deref().map(|reason| format!(": {}", one_line(reason))).unwrap_or_default();
        format!("{} publish {} → {}: {what}{reason}", paint.sign(sign), action.from, action.to)
    };
    actions.iter().map(line).collect()
}

/// A publish status as it is stored.
pub(crate) fn publish_word(status: PublishStatus) -> &'static str {
    match status {
        PublishStatus::Created => "CREATED",
        PublishStatus::Updated => "UPDATED",
        PublishStatus::NothingToPublish => "NOTHING_TO_PUBLISH",
        PublishStatus::Superseded => "SUPERSEDED",
        PublishStatus::Failed => "FAILED",
    }
}

/// How a sync ended, in one line.
pub(crate) fn summary(sync: &SyncSummary, moment: OffsetDateTime, paint: Paint) -> String {
    // It leaves the branch in step with no commit, whatever was checked out.
    if sync.by_hand.is_some() && sync.status.is_terminal() {
        return by_hand_summary(sync, moment, paint);
    }
    let sign = paint.sync_sign(sync.status);
    let place = format!("{} {} at {}", sync.repository, sync.branch, sync.commit.short());
    let took = sync.seconds(moment).map(|seconds| format!(" in {}", times::duration(seconds))).unwrap_or_default();
    let reason = sync.reason.as_deref().map(|reason| format!("; {}", one_line(reason))).unwrap_or_default();
    let counts = counts(&sync.counts);
    match sync.status {
        SyncStatus::Succeeded => format!("{sign} {place} is in step: {counts}{took}"),
        // Nothing was planned, so there is nothing to count: the reason is all there is to say.
        SyncStatus::Failed if sync.counts.is_empty() => {
            format!("{sign} {place} is not in step{}", reason.replacen(';', ":", 1))
        }
        SyncStatus::Failed => format!("{sign} {place} is not in step: {counts}{took}{reason}"),
        SyncStatus::Superseded => format!("{sign} {place} was superseded{reason}"),
        SyncStatus::Cancelled => format!("{sign} {place} was cancelled: {counts}{took}{reason}"),
        SyncStatus::Queued | SyncStatus::Initiated | SyncStatus::InProgress => {
            format!("{sign} {place} goes on: {counts}{took}")
        }
    }
}

/// The targets that failed, each with its reason in full.
pub(crate) fn failures(document: &SyncDocument, paint: Paint) -> Vec<String> {
    let failed = document.targets.iter().filter(|target| target.status == TargetStatus::Failed);
    let line = |target: &TargetDocument| {
        let reason = target.reason.as_deref().map(one_line).unwrap_or_default();
        format!("{} {}: {reason}", paint.sign(target.status), one_line(target.target.as_str()))
    };
    failed.map(line).collect()
}

/// How a sync by hand ended, in one line.
pub(crate) fn by_hand_summary(sync: &SyncSummary, moment: OffsetDateTime, paint: Paint) -> String {
    let took = sync.seconds(moment).map(|seconds| format!(" in {}", times::duration(seconds))).unwrap_or_default();
    let reason = sync.reason.as_deref().map(|reason| format!("; {}", one_line(reason))).unwrap_or_default();
    let end = if sync.status == SyncStatus::Succeeded { "done by hand" } else { "not all is done" };
    let sign = paint.sync_sign(sync.status);
    format!("{sign} {} {}: {end}, {}{took}{reason}", sync.repository, sync.branch, counts(&sync.counts))
}

/// Where to look for what happened to the targets that failed, of those whose stacks were touched.
pub(crate) fn failed_stacks(
    document: &SyncDocument,
    is_touched: impl Fn(&TargetDocument) -> bool,
) -> Vec<(String, String)> {
    let failed = document.targets.iter().filter(|target| target.status == TargetStatus::Failed && is_touched(target));
    let with_stack = failed.filter_map(|target| Some((target, target.stack.as_ref()?)));
    let command = |(target, stack): (&TargetDocument, &StackName)| {
        let command = stack_command("describe-stack-events", stack, &target.location);
        (command, format!("for what happened to `{}`", one_line(target.target.as_str())))
    };
    with_stack.take(MOST_FOLLOW_UPS).map(command).collect()
}

/// How the targets that are blocked go on: the commands that their reasons name, each once.
fn let_go_on(document: &SyncDocument) -> Vec<(String, String)> {
    let mut actions: Vec<(String, String)> = Vec::new();
    for target in document.targets.iter().filter(|target| target.status == TargetStatus::Blocked) {
        let mut quoted = target.reason.as_deref().unwrap_or_default().split('`');
        let Some(command) = quoted.rfind(|text| text.starts_with("syncline ")).map(one_line) else { continue };
        if actions.len() < MOST_FOLLOW_UPS && !actions.iter().any(|(other, _)| *other == command) {
            actions.push((command, format!("to have `{}` go on", one_line(target.target.as_str()))));
        }
    }
    actions
}

/// What a person may want to do after a sync: a command, and what it is for.
pub(crate) fn follow_ups(document: &SyncDocument) -> Vec<(String, String)> {
    let sync = &document.summary;
    let mut actions: Vec<(String, String)> = Vec::new();
    let mut add = |command: String, purpose: String| actions.push((command, purpose));
    match sync.status {
        SyncStatus::Queued | SyncStatus::Initiated | SyncStatus::InProgress => {}
        SyncStatus::Succeeded => {
            let open =
                |action: &&PublishDocument| matches!(action.status, PublishStatus::Created | PublishStatus::Updated);
            for action in sync.publish_actions.iter().filter(open) {
                if let Some(id) = &action.pull_request_id {
                    let command = format!("aws codecommit get-pull-request --pull-request-id {id}");
                    add(command, format!("to review what goes to `{}`", action.to));
                }
            }
        }
        SyncStatus::Superseded => {
            let of_branch = ["-r", sync.repository.as_str(), "-b", sync.branch.as_str()];
            let command = shell_line(["syncline", "status"].into_iter().chain(of_branch).chain(["--watch"]));
            add(command, "to follow the newer commit".to_owned());
        }
        SyncStatus::Failed | SyncStatus::Cancelled => {
            actions = failed_stacks(document, |target| target.is_touched);
            let mut add = |command: String, purpose: String| actions.push((command, purpose));
            add(format!("syncline show {}", sync.sync), "for everything about this sync".to_owned());
            let blocked = let_go_on(document);
            let is_any_blocked = !blocked.is_empty();
            for (command, purpose) in blocked {
                add(command, purpose);
            }
            let is_any_wrong = sync.reason.is_some() || sync.counts.contains_key(&TargetStatus::Failed);
            let (command, purpose) = match sync.status {
                SyncStatus::Failed if is_any_wrong || !is_any_blocked => {
                    ("git push", "once it is fixed and committed: the next sync goes on with what is not in step")
                }
                SyncStatus::Failed => (PUSH_NOTHING, "after that, to sync again: only what is not in step is deployed"),
                _ => (PUSH_NOTHING, "to sync again: only what is not in step is deployed"),
            };
            add(command.to_owned(), purpose.to_owned());
        }
    }
    actions
}

#[cfg(test)]
#[path = "sync_tests.rs"]
mod tests;
