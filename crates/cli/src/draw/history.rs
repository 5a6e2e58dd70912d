//! `syncline history` as text: a table of syncs, and one of their publish actions.

use syncline_aws::table::InterventionAction;
use syncline_core::names::CommitId;
use time::OffsetDateTime;

use super::{Columns, cell, cell_or_nothing, coloured, counts};
use crate::documents::sync::PublishDocument;
use crate::documents::{HistoryDocument, SyncSummary};
use crate::paint::{Paint, sync_color};
use crate::times;

/// The syncs, and below them what was published.
pub(crate) fn history(document: &HistoryDocument, moment: OffsetDateTime, paint: Paint) -> String {
    let mut syncs = Columns::new(paint, &["SYNC", "BRANCH", "COMMIT", "STATUS", "TARGETS", "STARTED", "TOOK"]);
    for sync in &document.syncs {
        syncs.row(vec![
            cell(sync.sync.as_str()),
            cell(sync.branch.as_str()),
            cell(commit(sync)),
            coloured(sync.status.as_str(), sync_color(sync.status)),
            cell_or_nothing((!sync.counts.is_empty()).then(|| counts(&sync.counts))),
            cell_or_nothing(sync.initiated_at.as_deref().map(times::to_the_second)),
            cell_or_nothing(sync.seconds(moment).map(times::duration)),
        ]);
    }
    let mut syncs = syncs.draw();
    if !document.interventions.is_empty() {
        syncs = format!("{syncs}\n\n{}", interventions(document));
    }
    let actions: Vec<(&SyncSummary, &PublishDocument)> =
        document.syncs.iter().flat_map(|sync| sync.publish_actions.iter().map(move |action| (sync, action))).collect();
    if actions.is_empty() {
        return syncs;
    }
    let mut publishes = Columns::new(paint, &["SYNC", "PUBLISHED FROM", "TO", "STATUS", "PULL REQUEST", "REASON"]);
    for (sync, action) in actions {
        publishes.row(vec![
            cell(sync.sync.as_str()),
            cell(action.from.as_str()),
            cell(action.to.as_str()),
            cell(super::sync::publish_word(action.status)),
            cell_or_nothing(action.pull_request_id.as_ref()),
            cell_or_nothing(action.reason.as_ref()),
        ]);
    }
    format!("{syncs}\n\n{}", publishes.draw())
}

/// What people did by hand to the course of syncs.
fn interventions(document: &HistoryDocument) -> String {
    let mut done = Columns::new(Paint { is_on: false }, &["AT", "DONE", "TO", "BY", "REASON"]);
    for one in &document.interventions {
        let action = match one.action {
            InterventionAction::Pause => "PAUSE",
            InterventionAction::Resume => "RESUME",
            InterventionAction::Resolve => "RESOLVE",
        };
        done.row(vec![
            cell(times::to_the_second(&one.at)),
            cell(action),
            cell(one.what.to_string()),
            cell(&one.by),
            cell_or_nothing(one.reason.as_ref()),
        ]);
    }
    done.draw()
}

/// The commit, and whether somebody worked by hand.
fn commit(sync: &SyncSummary) -> String {
    match (&sync.by_hand, sync.commit == CommitId::none()) {
        (None, _) => sync.commit.short().to_owned(),
        (Some(_), true) => "by hand".to_owned(),
        (Some(_), false) => format!("{}, by hand", sync.commit.short()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use syncline_core::lease::ByHand;
    use syncline_core::names::RepositoryName;
    use syncline_core::status::SyncStatus;

    use super::*;
    use crate::documents::samples;

    fn document(limit: usize) -> HistoryDocument {
        let waiting = SyncSummary::new(samples::record('c', &[]), BTreeMap::new(), Vec::new());
        let superseded = samples::record('b', &[SyncStatus::Superseded]);
        let superseded = SyncSummary::new(superseded, BTreeMap::new(), Vec::new());
        let syncs = vec![samples::succeeded().summary, waiting, superseded];
        HistoryDocument::new(RepositoryName::new("shop"), syncs, Vec::new(), limit)
    }

    #[test]
    fn the_newest_comes_first_and_publishes_below() {
        insta::assert_snapshot!(history(&document(20), samples::moment(30), Paint::OFF));
    }

    #[test]
    fn what_was_done_by_hand_is_told() {
        let mut by_hand = document(1);
        by_hand.syncs[0].by_hand = Some(ByHand { by: "arn:aws:iam::1:user/a".to_owned(), has_changes: true });
        assert!(history(&by_hand, samples::moment(30), Paint::OFF).contains(", by hand"));
        by_hand.syncs[0].commit = CommitId::none();
        assert!(history(&by_hand, samples::moment(30), Paint::OFF).contains("  by hand  "));
    }

    #[test]
    fn the_limit_keeps_the_newest() {
        let text = history(&document(1), samples::moment(30), Paint::OFF);
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("QUEUED"), "{text}");
    }

    #[test]
    fn the_document_is_stable() {
        let document = HistoryDocument { syncs: vec![samples::succeeded().summary], ..document(0) };
        insta::assert_snapshot!(serde_json::to_string_pretty(&document).unwrap());
    }
}
