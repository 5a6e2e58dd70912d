//! `syncline status` as text: a table of branches, the newest syncs that did not do all, and a table of targets.

use syncline_core::status::SyncStatus;

use super::{Columns, cell, cell_or_nothing, coloured, kind, one_line, stack_at};
use crate::documents::StatusDocument;
use crate::documents::status::{BranchDocument, ClaimDocument, NewestDocument};
use crate::paint::{Paint, target_color};

/// In place of what blocks a target, once somebody has accepted it.
const RESOLVED: &str = "resolved: the next sync takes over";

/// The branches' leases, and below them the targets.
pub(crate) fn status(document: &StatusDocument, paint: Paint) -> String {
    let mut branches = Columns::new(paint, &["BRANCH", "IN STEP", "RUNNING", "WAITING"]);
    for branch in &document.branches {
        branches.row(vec![
            cell(branch.branch.as_str()),
            cell_or_nothing(branch.in_step_commit.as_ref().map(|commit| commit.short())),
            cell_or_nothing(branch.running.as_ref().map(claim)),
            cell_or_nothing(branch.waiting.as_ref().map(claim)),
        ]);
    }
    let paused: Vec<String> = document.paused.iter().map(|hold| format!("! {}\n", one_line(&hold.explain()))).collect();
    let newest: Vec<String> = document.branches.iter().filter_map(|branch| newest(branch, paint)).collect();
    let newest = if newest.is_empty() { String::new() } else { format!("\n\n{}", newest.join("\n")) };
    let branches = format!("{}{}{newest}", paused.concat(), branches.draw());
    if document.targets.is_empty() {
        return format!("{branches}\n\nno target has been deployed");
    }
    let headings = ["TARGET", "KIND", "BRANCH", "STATUS", "COMMIT", "STACK", "REASON"];
    let mut targets = Columns::new(paint, &headings);
    for head in &document.targets {
        targets.row(vec![
            cell(head.target.as_str()),
            cell(kind(head.kind)),
            cell(head.branch.as_str()),
            coloured(head.status.as_str(), target_color(head.status)),
            cell(head.desired_commit.short()),
            cell(stack_at(&head.stack, &head.location)),
            if head.is_resolved { cell(RESOLVED) } else { cell_or_nothing(head.reason.as_ref()) },
        ]);
    }
    format!("{branches}\n\n{}", targets.draw())
}

/// The newest sync of a branch, unless it did all that it was to do: the targets alone do not tell that a push was refused.
fn newest(branch: &BranchDocument, paint: Paint) -> Option<String> {
    let NewestDocument { sync, commit, status, reason } =
        branch.newest.as_ref().filter(|newest| newest.status != SyncStatus::Succeeded)?;
    let reason = reason.as_deref().map(|reason| format!(": {}", one_line(reason))).unwrap_or_default();
    let sign = paint.sync_sign(*status);
    let branch = one_line(branch.branch.as_str());
    Some(format!("{sign} {branch} at {}: {status}{reason}; `syncline show {sync}` says more", commit.short()))
}

/// The commit, since that is what a person knows, and the sync, since that is what `show` takes.
fn claim(claim: &ClaimDocument) -> String {
    format!("{} {}", claim.commit.short(), claim.sync)
}

#[cfg(test)]
mod tests {
    use syncline_core::names::{BranchName, RepositoryName};
    use syncline_core::status::TargetStatus;

    use super::*;
    use crate::documents::samples;

    fn document(branch: Option<&str>) -> StatusDocument {
        let leases = vec![
            (BranchName::new("main"), samples::lease()),
            (BranchName::new("prod"), syncline_core::lease::Lease::default()),
        ];
        let mut refused = samples::record('c', &[SyncStatus::Initiated, SyncStatus::Failed]);
        refused.reason = Some("1 problem in the repository's files; no stack was touched".to_owned());
        let branch = branch.map(BranchName::new);
        let (shop, newest) = (RepositoryName::new("shop"), vec![refused]);
        StatusDocument::new(shop, branch.as_ref(), leases, newest, samples::heads(), Vec::new())
    }

    #[test]
    fn leases_stand_above_targets() {
        insta::assert_snapshot!(status(&document(None), Paint::OFF));
    }

    #[test]
    fn one_branch_shows_only_what_is_its() {
        let text = status(&document(Some("prod")), Paint::OFF);
        assert!(text.contains("front-end/prod") && !text.contains("main"), "{text}");
        let text = status(&document(Some("other")), Paint::OFF);
        assert!(text.ends_with("no target has been deployed"), "{text}");
    }

    #[test]
    fn a_newest_sync_that_succeeded_is_not_told() {
        let leases = vec![(BranchName::new("main"), samples::lease())];
        let newest = vec![samples::record('c', &[SyncStatus::Initiated, SyncStatus::Succeeded])];
        let shop = RepositoryName::new("shop");
        let document = StatusDocument::new(shop, None, leases, newest, samples::heads(), Vec::new());
        assert!(!status(&document, Paint::OFF).contains("syncline show"));
    }

    #[test]
    fn what_was_accepted_is_not_advised_again() {
        let mut heads = samples::heads();
        for (head, accepted) in heads.iter_mut().zip([Some("change"), Some("an older one"), None]) {
            head.status = TargetStatus::Blocked;
            (head.reason, head.blocked_by) = (Some("`syncline resolve`".to_owned()), Some("change".to_owned()));
            head.accepted = accepted.map(str::to_owned);
        }
        let leases = vec![(BranchName::new("main"), samples::lease())];
        let document = StatusDocument::new(RepositoryName::new("shop"), None, leases, Vec::new(), heads, Vec::new());
        let text = status(&document, Paint::OFF);
        assert_eq!((text.matches(RESOLVED).count(), text.matches("`syncline resolve`").count()), (1, 2), "{text}");
    }

    #[test]
    fn the_document_is_stable() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&document(Some("main"))).unwrap());
    }
}
