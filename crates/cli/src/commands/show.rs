//! `syncline show`: everything about one sync.

use syncline_core::names::SyncId;

use super::{Reader, no_such_sync, now, read_sync};
use crate::answer::Answer;
use crate::arguments::{Global, Output, Show};
use crate::failure::Failure;
use crate::paint::Paint;
use crate::{connection, draw};

pub(super) async fn run(global: &Global, show: &Show) -> Result<Answer, Failure> {
    let (table, sync) = if show.sync == "latest" {
        let reader = Reader::open(&show.installation, &show.scope).await?;
        let latest = latest(&reader).await?.ok_or_else(|| reader.no_sync())?;
        (reader.table, latest)
    } else {
        // Ids are written in upper case, and read in any.
        (connection::table(&show.installation).await?, SyncId::new(show.sync.to_ascii_uppercase()))
    };
    let document = read_sync(&table, &sync).await?.ok_or_else(|| no_such_sync(&sync))?;
    match global.output {
        Output::Json => Answer::json(&document),
        Output::Text => {
            let paint = Paint::for_stdout(global.no_color);
            Ok(Answer::text(draw::sync::show(&document, now(), paint)))
        }
    }
}

async fn latest(reader: &Reader) -> Result<Option<SyncId>, Failure> {
    let mut latest = None;
    for (branch, lease) in reader.leases().await? {
        // The lease is read as it is now; the index may be a moment behind.
        latest = latest.max(lease.waiting.or(lease.holder).map(|claim| claim.sync));
        let newest = reader.table.syncs_of_branch(&reader.repository, &branch, 1).await?;
        latest = latest.max(newest.into_iter().next().map(|record| record.sync));
    }
    Ok(latest)
}
