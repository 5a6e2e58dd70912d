//! A sync on its way: what changed since the last look, as lines that are only ever added, and the whole of it in a
//! frame that is drawn over and over.

use syncline_core::plan::Action;
use syncline_core::status::{SyncStatus, TargetStatus};
use time::OffsetDateTime;

use super::{counts, number_of, one_line};
use crate::documents::sync::ResourceDocument;
use crate::documents::{SyncDocument, SyncSummary, TargetDocument};
use crate::paint::Paint;
use crate::times;

/// How many lines a frame has at most, however high the terminal is.
const MOST_LINES: usize = 24;
/// How many targets that were left alone get a line each; more share one.
const MOST_KEPT: usize = 5;

/// A line for the sync, and one for each target, whose status is not what it was.
pub(crate) fn changes(before: Option<&SyncDocument>, now: &SyncDocument, moment: OffsetDateTime) -> Vec<Change> {
    let mut changes = Vec::new();
    let sync = &now.summary;
    let is_new_status = before.is_none_or(|before| before.summary.status != sync.status);
    if is_new_status && !sync.status.is_terminal() {
        changes.push(Change::Sync(sync.status, sync_line(now)));
    }
    let mut kept: Vec<&TargetDocument> = Vec::new();
    for target in &now.targets {
        let was = before.and_then(|before| before.targets.iter().find(|was| was.target == target.target));
        if target.status == TargetStatus::Pending || was.is_some_and(|was| was.status == target.status) {
            continue;
        }
        if target.is_kept() {
            kept.push(target);
        } else {
            changes.push(Change::Target(target.status, target_line(target, moment)));
        }
    }
    for target in &now.targets {
        let was = before.and_then(|before| before.targets.iter().find(|was| was.target == target.target));
        for resource in &target.resources {
            let known = was.and_then(|was| was.resources.iter().find(|known| known.resource == resource.resource));
            if known.is_none_or(|known| known.status != resource.status) {
                let line = format!("{} {}", one_line(target.target.as_str()), resource_line(resource, moment));
                changes.push(Change::Resource(resource_status(resource), line));
            }
        }
    }
    if kept.len() <= MOST_KEPT {
        changes.extend(kept.iter().map(|target| Change::Target(target.status, target_line(target, moment))));
    } else {
        let line = format!("{} unchanged: nothing that they are made of changed", number_of(kept.len(), "target"));
        changes.push(Change::Target(TargetStatus::Unchanged, line));
    }
    changes
}

/// Something that changed, and the line that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The sync came to this status.
    Sync(SyncStatus, String),
    /// A target came to this status.
    Target(TargetStatus, String),
    /// A resource of a target did, for what that means to the target.
    Resource(TargetStatus, String),
}

impl Change {
    /// The line with its sign.
    pub(crate) fn line(&self, paint: Paint) -> String {
        match self {
            Self::Sync(status, line) => format!("{} {line}", paint.sync_sign(*status)),
            Self::Target(status, line) => format!("{} {line}", paint.sign(*status)),
            Self::Resource(status, line) => format!("  {} {line}", paint.sign(*status)),
        }
    }
}

/// The whole of a sync in lines that a terminal of `columns` and `rows` has room for, and in [`MOST_LINES`] at most. Where there are more targets than
/// lines, those that are worked on and those that are not in step come first, and the rest is counted.
pub(crate) fn frame(
    now: &SyncDocument,
    moment: OffsetDateTime,
    (columns, rows): (usize, usize),
    paint: Paint,
) -> String {
    let sync = &now.summary;
    let elapsed = sync.seconds(moment).map(|seconds| format!("{} ", times::duration(seconds))).unwrap_or_default();
    let mut lines = vec![format!("{} {elapsed}{}", paint.sync_sign(sync.status), sync_line(now))];
    // Below the sync's own line there is one for what has no room, if nothing else.
    let room = MOST_LINES.min(rows).saturating_sub(1).max(1);
    let (shown, hidden) = if now.targets.len() <= room { (room, 0) } else { (room - 1, now.targets.len() - room + 1) };
    let mut order: Vec<usize> = (0..now.targets.len()).collect();
    // Stable, so that targets of one urgency stay in deployment order.
    order.sort_by_key(|&place| urgency(&now.targets[place]));
    let mut first: Vec<usize> = order.drain(..shown.min(order.len())).collect();
    first.sort_unstable();
    // Resources have the room that targets leave, first those of what is worked on.
    let mut left = room.saturating_sub(first.len() + usize::from(hidden > 0));
    let mut below: Vec<usize> = first.clone();
    below.sort_by_key(|&place| urgency(&now.targets[place]));
    let mut resources = std::collections::BTreeMap::new();
    for place in below {
        let shown = now.targets[place].resources.len().min(left);
        left -= shown;
        resources.insert(place, shown);
    }
    for place in first {
        let target = &now.targets[place];
        lines.push(format!("{} {}", paint.sign(target.status), target_line(target, moment)));
        for resource in target.resources.iter().take(resources[&place]) {
            let sign = paint.sign(resource_status(resource));
            lines.push(format!("  └ {sign} {}", resource_line(resource, moment)));
        }
    }
    if hidden > 0 {
        let mut rest = std::collections::BTreeMap::new();
        for place in order {
            *rest.entry(now.targets[place].status).or_default() += 1;
        }
        lines.push(format!("  and {hidden} more: {}", counts(&rest)));
    }
    let fitted: Vec<_> = lines.iter().map(|line| console::truncate_str(line, columns, "…").into_owned()).collect();
    fitted.join("\n")
}

/// What a person wants to see comes first.
fn urgency(target: &TargetDocument) -> u8 {
    match target.status {
        TargetStatus::Failed => 0,
        TargetStatus::Deploying => 1,
        TargetStatus::Blocked => 2,
        TargetStatus::Skipped => 3,
        TargetStatus::Pending => 4,
        TargetStatus::Succeeded => 5,
        TargetStatus::Unchanged if target.is_kept() => 7,
        TargetStatus::Unchanged => 6,
    }
}

fn sync_line(now: &SyncDocument) -> String {
    let SyncSummary { sync, branch, commit, status, .. } = &now.summary;
    let what = match status {
        SyncStatus::Queued => "waits for the sync before it".to_owned(),
        SyncStatus::Initiated => "reads and plans".to_owned(),
        SyncStatus::InProgress => {
            let kept = now.targets.iter().filter(|target| target.is_kept()).count();
            let planned = number_of(now.targets.len() - kept, "target");
            if kept == 0 { planned } else { format!("{planned}, {kept} left alone") }
        }
        over => over.as_str().to_ascii_lowercase(),
    };
    let by_hand = if now.summary.by_hand.is_some() { "by hand, " } else { "" };
    format!("{branch} at {}: {by_hand}{what} (sync {sync})", commit.short())
}

/// A target without its sign: `front-end/beta succeeded 1.2s`.
fn target_line(target: &TargetDocument, moment: OffsetDateTime) -> String {
    let is_deletion = target.action == Some(Action::Delete);
    let status = match target.status {
        TargetStatus::Deploying if is_deletion => "deleting".to_owned(),
        TargetStatus::Succeeded if is_deletion => "deleted".to_owned(),
        status => status.as_str().to_ascii_lowercase(),
    };
    let mut line = format!("{} {status}", one_line(target.target.as_str()));
    // What was only looked at took no time worth a word.
    let is_timed = matches!(target.status, TargetStatus::Succeeded | TargetStatus::Failed | TargetStatus::Deploying);
    if let Some(seconds) = target.seconds(moment).filter(|_| is_timed) {
        line.push_str(&format!(" {}", times::duration(seconds)));
    }
    if target.status == TargetStatus::Pending {
        let waits_on: Vec<&str> = target.waits_on.iter().map(|name| name.as_str()).collect();
        if !waits_on.is_empty() {
            line.push_str(&format!(", after {}", one_line(&waits_on.join(", "))));
        }
    }
    if let Some(reason) = target.reason.as_ref().filter(|_| target.status != TargetStatus::Succeeded) {
        line.push_str(&format!(": {}", one_line(reason)));
    }
    line
}

/// A resource without its sign: `The bus (AWS::Events::EventBus) create complete 1.2s`.
fn resource_line(resource: &ResourceDocument, moment: OffsetDateTime) -> String {
    let name = resource.description.as_deref().unwrap_or(&resource.resource);
    let status = match resource.status.as_str() {
        // What failed first is why, and what it came to after that is that it was undone.
        status if resource.reason.is_some() && !status.ends_with("_FAILED") => "failed, and undone".to_owned(),
        status => status.to_ascii_lowercase().replace('_', " "),
    };
    let mut line = format!("{} ({}) {status}", one_line(name), one_line(&resource.kind));
    if let Some(seconds) = resource.seconds(moment) {
        line.push_str(&format!(" {}", times::duration(seconds)));
    }
    if let Some(reason) = &resource.reason {
        line.push_str(&format!(": {}", one_line(reason)));
    }
    line
}

/// What the status of a resource would be as that of a target.
fn resource_status(resource: &ResourceDocument) -> TargetStatus {
    match resource.status.as_str() {
        _ if resource.reason.is_some() => TargetStatus::Failed,
        status if status.ends_with("_FAILED") => TargetStatus::Failed,
        status if status.ends_with("_IN_PROGRESS") => TargetStatus::Deploying,
        _ => TargetStatus::Succeeded,
    }
}

#[cfg(test)]
#[path = "progress_tests.rs"]
mod tests;
