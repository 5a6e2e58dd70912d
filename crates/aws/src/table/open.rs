//! The targets of a sync that have not settled: see `syncline_core::walk`.
//!
//! They stand beside the sync's own item, since a write to a set costs as much as the set is large, and once more for each index
//! that has the item. `OPEN#<chunk>` holds the numbers of a chunk's targets, `OPEN` those of the chunks that have any.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;
use syncline_core::names::{SyncId, TargetNumber};
use syncline_core::walk::in_chunks;

use super::syncs::partition;
use super::update::Updated;
use super::{Item, Table, Walk};
use crate::Error;

impl Table {
    /// The items that say that these targets of a sync have not settled; none where there are no targets.
    pub(super) fn open_items(&self, sync: &SyncId, targets: impl IntoIterator<Item = TargetNumber>) -> Vec<Item> {
        let chunks = in_chunks::<Walk>(targets);
        if chunks.is_empty() {
            return Vec::new();
        }
        let mut sets = BTreeMap::from([(key(None), chunks.keys().map(ToString::to_string).collect())]);
        sets.extend(chunks.iter().map(|(chunk, targets)| {
            let numbers: Vec<String> = targets.iter().map(ToString::to_string).collect();
            (key(Some(*chunk)), numbers)
        }));
        let item = |(sk, numbers)| {
            Item::from([
                ("pk".to_owned(), AttributeValue::S(partition(sync))),
                ("sk".to_owned(), AttributeValue::S(sk)),
                ("open".to_owned(), AttributeValue::Ns(numbers)),
                ("expires_at".to_owned(), AttributeValue::N(self.expires_at().to_string())),
            ])
        };
        sets.into_iter().map(item).collect()
    }

    /// Whether a sync has targets that have not settled.
    pub(super) async fn has_open(&self, sync: &SyncId) -> Result<bool, Error> {
        #[derive(Deserialize)]
        struct Chunks {
            #[serde(default)]
            open: BTreeSet<u32>,
        }
        let chunks: Option<Chunks> = self.get(partition(sync), key(None)).await?;
        Ok(chunks.is_some_and(|chunks| !chunks.open.is_empty()))
    }

    /// Takes numbers out of a chunk, or out of the chunks that have any, and tells whether it is there and empty now. DynamoDB
    /// removes a set with its last element.
    pub(super) async fn close(&self, sync: &SyncId, chunk: Option<u32>, numbers: Vec<String>) -> Result<bool, Error> {
        let updated = self.update(partition(sync), key(chunk)).take_out("open", numbers).if_exists().send().await?;
        let (Updated::Applied(item) | Updated::Refused(item)) = updated;
        Ok(!item.is_empty() && !item.contains_key("open"))
    }
}

/// The sort key of a chunk, or of the chunks that have any.
fn key(chunk: Option<u32>) -> String {
    chunk.map_or_else(|| "OPEN".to_owned(), |chunk| format!("OPEN#{chunk:04}"))
}
