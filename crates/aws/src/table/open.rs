//! The targets of a sync that have not settled. The last one that is taken out ends the sync.
//!
//! They are kept in chunks, and beside the sync's own item: a write to a set costs as much as the set is large, and once more
//! for each index that has the item. `OPEN#<chunk>` holds the numbers of a chunk's targets, `OPEN` those of the chunks that have
//! any.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;
use syncline_core::names::{SyncId, TargetNumber};

use super::syncs::partition;
use super::update::Updated;
use super::{Item, Table};
use crate::Error;

/// How many targets a chunk holds. Their numbers take at most four bytes each, so that a chunk with its keys stays below the
/// kilobyte that is paid for with one unit.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
const CHUNK: u32 = 200;

/// The item of the chunks that have any.
const CHUNKS: &str = "OPEN";

impl Table {
    /// The items that say that these targets of a sync have not settled; none where there are no targets.
    pub(super) fn open_items(&self, sync: &SyncId, targets: impl IntoIterator<Item = TargetNumber>) -> Vec<Item> {
        let chunks = in_chunks(targets);
        let top = (!chunks.is_empty()).then(|| (CHUNKS.to_owned(), chunks.keys().map(ToString::to_string).collect()));
        let sets = top.into_iter().chain(chunks.into_iter().map(|(chunk, numbers)| (chunk_key(chunk), numbers)));
        sets.map(|(sk, numbers)| {
            Item::from([
                ("pk".to_owned(), AttributeValue::S(partition(sync))),
                ("sk".to_owned(), AttributeValue::S(sk)),
                ("open".to_owned(), AttributeValue::Ns(numbers)),
                ("expires_at".to_owned(), AttributeValue::N(self.expires_at().to_string())),
            ])
        })
        .collect()
    }

    /// Whether a sync has targets that have not settled.
    pub(super) async fn has_open(&self, sync: &SyncId) -> Result<bool, Error> {
        #[derive(Deserialize)]
        struct Chunks {
            #[serde(default)]
            open: BTreeSet<u32>,
        }
        let chunks: Option<Chunks> = self.get(partition(sync), CHUNKS.to_owned()).await?;
        Ok(chunks.is_some_and(|chunks| !chunks.open.is_empty()))
    }

    /// Takes targets out of those that have not settled, and tells whether none is left. Whoever finds a chunk empty takes the
    /// chunk out, whether it was the one who emptied it or comes after one that was cut off there.
    pub(super) async fn close_targets(
        &self,
        sync: &SyncId,
        targets: impl IntoIterator<Item = TargetNumber>,
    ) -> Result<bool, Error> {
        let mut emptied = Vec::new();
        for (chunk, numbers) in in_chunks(targets) {
            if self.take_out(sync, chunk_key(chunk), numbers).await? {
                emptied.push(chunk.to_string());
            }
        }
        if emptied.is_empty() {
            return Ok(false);
        }
        self.take_out(sync, CHUNKS.to_owned(), emptied).await
    }

    /// Takes numbers out of one set, and tells whether it is there and empty now. DynamoDB removes a set with its last element.
    async fn take_out(&self, sync: &SyncId, sk: String, numbers: Vec<String>) -> Result<bool, Error> {
        let updated = self.update(partition(sync), sk).take_out("open", numbers).if_exists().send().await?;
        let (Updated::Applied(item) | Updated::Refused(item)) = updated;
        Ok(!item.is_empty() && !item.contains_key("open"))
    }
}

/// Targets by their chunks, as DynamoDB has numbers.
fn in_chunks(targets: impl IntoIterator<Item = TargetNumber>) -> BTreeMap<u32, Vec<String>> {
    let mut chunks: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for target in targets {
        chunks.entry(target.0 / CHUNK).or_default().push(target.to_string());
    }
    chunks
}

fn chunk_key(chunk: u32) -> String {
    format!("{CHUNKS}#{chunk:04}")
}
