//! What the commands know, as the documents that `--output json` prints. Text is drawn from the same documents.
//!
//! Each is made by a pure function, from records of the table or from what the core makes of files. Keys are `snake_case` and stable: one may be added, none
//! changes its meaning or goes. A key is always there; what is not known is `null`. Statuses are the words that are
//! stored (`IN_PROGRESS`), times are RFC 3339 in UTC, durations are seconds.

pub(crate) mod check;
pub(crate) mod graph;
pub(crate) mod history;
pub(crate) mod plan;
pub(crate) mod render;
pub(crate) mod status;
pub(crate) mod sync;

#[cfg(test)]
pub(crate) mod samples;

pub(crate) use check::CheckDocument;
pub(crate) use graph::GraphDocument;
pub(crate) use history::HistoryDocument;
pub(crate) use plan::PlanDocument;
pub(crate) use render::RenderDocument;
pub(crate) use status::StatusDocument;
pub(crate) use sync::{SyncDocument, SyncSummary, TargetDocument};
