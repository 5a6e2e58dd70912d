//! `syncline status`: the present state of every target, and each branch's lease and newest sync.

use syncline_core::names::SyncId;

use super::Reader;
use crate::answer::Answer;
use crate::arguments::{Global, Output, Status};
use crate::documents::StatusDocument;
use crate::draw;
use crate::failure::Failure;
use crate::paint::Paint;

pub(super) async fn run(global: &Global, status: &Status) -> Result<Answer, Failure> {
    let reader = Reader::open(&status.installation, &status.scope).await?;
    let leases = reader.leases().await?;
    let heads = reader.table.heads(&reader.repository).await?;
    let holds = reader.table.holds(&reader.repository).await?;
    if leases.is_empty() {
        return Err(reader.no_sync());
    }
    let newest: Vec<SyncId> = leases.iter().filter_map(|(_, lease)| lease.last.clone()).collect();
    let newest = reader.table.syncs(&newest).await?;
    let document = StatusDocument::new(reader.repository, reader.branch.as_ref(), leases, newest, heads, holds);
    match global.output {
        Output::Json => Answer::json(&document),
        Output::Text => Ok(Answer::text(draw::status::status(&document, Paint::for_stdout(global.no_color)))),
    }
}
