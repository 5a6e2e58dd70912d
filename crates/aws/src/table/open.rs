//! The targets of a sync that have not settled: see `syncline_core::walk`.
//!
//! They stand beside the sync's own item, since a write to a set costs as much as the set is large, and once more for each index
//! that has the item. `OPEN#<chunk>` holds the numbers of a chunk's targets, `OPEN` those of the chunks that have any, and the
//! digest of the plan whose targets they are.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;
use syncline_core::names::{Digest, SyncId, TargetNumber};
use syncline_core::walk::in_chunks;

use super::update::Updated;
use super::{Item, Table, Walk, of_sync};
use crate::Error;

impl Table {
    /// Makes a plan the sync's, which is done before anything else of it is written: all that is stored of a sync is of one plan.
    /// Gives whether it is, also where it was before.
    pub(super) async fn adopt_plan(
        &self,
        sync: &SyncId,
        plan: &Digest,
        targets: impl IntoIterator<Item = TargetNumber>,
    ) -> Result<bool, Error> {
        let chunks: Vec<String> = in_chunks::<Walk>(targets).into_keys().map(|chunk| chunk.to_string()).collect();
        let plan = AttributeValue::S(plan.to_string());
        let mut update = self
            .update(of_sync(sync), key(None))
            .set("plan", plan.clone())
            .set("expires_at", AttributeValue::N(self.expires_at().to_string()))
            .if_absent("pk");
        // DynamoDB has no empty sets.
        if !chunks.is_empty() {
            update = update.set("open", AttributeValue::Ns(chunks));
        }
        let (Updated::Applied(item) | Updated::Refused(item)) = update.send().await?;
        Ok(item.get("plan") == Some(&plan))
    }

    /// The items that say which targets of a sync have not settled.
    pub(super) fn open_items(
        &self,
        sync: &SyncId,
        targets: impl IntoIterator<Item = TargetNumber>,
    ) -> impl Iterator<Item = Item> {
        in_chunks::<Walk>(targets).into_iter().map(move |(chunk, targets)| {
            Item::from([
                ("pk".to_owned(), AttributeValue::S(of_sync(sync))),
                ("sk".to_owned(), AttributeValue::S(key(Some(chunk)))),
                ("open".to_owned(), AttributeValue::Ns(targets.iter().map(ToString::to_string).collect())),
                ("expires_at".to_owned(), AttributeValue::N(self.expires_at().to_string())),
            ])
        })
    }

    /// Whether a sync has targets that have not settled.
    pub(super) async fn has_open(&self, sync: &SyncId) -> Result<bool, Error> {
        #[derive(Deserialize)]
        struct Chunks {
            #[serde(default)]
            open: BTreeSet<u32>,
        }
        let chunks: Option<Chunks> = self.get(of_sync(sync), key(None)).await?;
        Ok(chunks.is_some_and(|chunks| !chunks.open.is_empty()))
    }

    /// Takes numbers out of a chunk, or out of the chunks that have any, and tells whether it is there and empty now. DynamoDB
    /// removes a set with its last element.
    pub(super) async fn close(&self, sync: &SyncId, chunk: Option<u32>, numbers: Vec<String>) -> Result<bool, Error> {
        let updated = self.update(of_sync(sync), key(chunk)).take_out("open", numbers).if_exists().send().await?;
        let (Updated::Applied(item) | Updated::Refused(item)) = updated;
        Ok(!item.is_empty() && !item.contains_key("open"))
    }
}

/// The sort key of a chunk, or of the chunks that have any.
fn key(chunk: Option<u32>) -> String {
    chunk.map_or_else(|| "OPEN".to_owned(), |chunk| format!("OPEN#{chunk:04}"))
}
