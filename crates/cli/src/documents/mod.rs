//! What the commands know, as the documents that `--output json` prints. Text is drawn from the same documents.
//!
//! Each is made from records of the table by a pure function. Keys are `snake_case` and stable: one may be added, none
//! changes its meaning or goes. A key is always there; what is not known is `null`. Statuses are the words that are
//! stored (`IN_PROGRESS`), times are RFC 3339 in UTC, durations are seconds.

pub(crate) mod history;
pub(crate) mod status;
pub(crate) mod sync;

#[cfg(test)]
pub(crate) mod samples;

pub(crate) use history::HistoryDocument;
pub(crate) use status::StatusDocument;
pub(crate) use sync::{SyncDocument, SyncSummary, TargetDocument};
