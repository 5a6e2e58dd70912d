//! `syncline history`: the newest syncs, and what they published.

use std::collections::BTreeMap;

use syncline_aws::table::PublishAction;
use syncline_core::names::{BranchName, SyncId};

use super::{Reader, now};
use crate::answer::Answer;
use crate::arguments::{Global, History, Output};
use crate::documents::{HistoryDocument, SyncSummary};
use crate::draw;
use crate::failure::Failure;
use crate::paint::Paint;

pub(super) async fn run(global: &Global, history: &History) -> Result<Answer, Failure> {
    let reader = Reader::open(&history.installation, &history.scope).await?;
    let mut syncs = Vec::new();
    for (branch, _) in reader.leases().await? {
        syncs.extend(of_branch(&reader, &branch, i32::from(history.limit)).await?);
    }
    let interventions = reader.table.interventions(&reader.repository).await?;
    if syncs.is_empty() && interventions.is_empty() {
        return Err(reader.no_sync());
    }
    let document = HistoryDocument::new(reader.repository, syncs, interventions, usize::from(history.limit));
    match global.output {
        Output::Json => Answer::json(&document),
        Output::Text => {
            let paint = Paint::for_stdout(global.no_color);
            Ok(Answer::text(draw::history::history(&document, now(), paint)))
        }
    }
}

async fn of_branch(reader: &Reader, branch: &BranchName, limit: i32) -> Result<Vec<SyncSummary>, Failure> {
    let records = reader.table.syncs_of_branch(&reader.repository, branch, limit).await?;
    let mut publishes: BTreeMap<SyncId, Vec<PublishAction>> = BTreeMap::new();
    for action in reader.table.publish_actions_from(&reader.repository, branch, limit).await? {
        publishes.entry(action.sync.clone()).or_default().push(action);
    }
    let mut summaries = Vec::with_capacity(records.len());
    for record in records {
        // A record has its counts from its end on; what runs is counted now.
        let counts = if record.status.is_terminal() {
            BTreeMap::new()
        } else {
            reader.table.verdict(&record.sync).await?.counts
        };
        let actions = publishes.remove(&record.sync).unwrap_or_default();
        summaries.push(SyncSummary::new(record, counts, actions));
    }
    Ok(summaries)
}
