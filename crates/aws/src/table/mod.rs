//! The table: one item for each thing that is remembered, in one DynamoDB table.
//!
//! | item | `pk` | `sk` | `subject` | `related` | `active` |
//! |---|---|---|---|---|---|
//! | sync | `SYNC#<sync>` | `SYNC` | `BRANCH#<repository>#<branch>` | `COMMIT#<commit>` | `SYNC` while it is not over |
//! | target in a sync | `SYNC#<sync>` | `TARGET#<number>` | `TARGET#<repository>#<target>` | | |
//! | targets left alone | `SYNC#<sync>` | `UNCHANGED#<chunk>` | | | |
//! | targets that have not settled | `SYNC#<sync>` | `OPEN`, `OPEN#<chunk>` | | | |
//! | publish action | `SYNC#<sync>` | `PUBLISH#<to>` | `FROM#<repository>#<from>` | `TO#<repository>#<to>` | |
//! | branch (lease) | `REPOSITORY#<repository>` | `BRANCH#<branch>` | | | |
//! | head of a target | `REPOSITORY#<repository>` | `TARGET#<target>` | | | |
//! | what is held | `REPOSITORY#<repository>` | `HOLD#EVERYTHING`, `HOLD#BRANCH#<branch>`, `HOLD#TARGET#<target>` | | | |
//! | what was done by hand | `REPOSITORY#<repository>` | `INTERVENTION#<ulid>` | | | |
//! | open pull request | `REPOSITORY#<repository>` | `PUBLISH#<from>:<to>` | | | |
//! | who waits for a stack | `STACK#<arn without its id>` | `WAIT` | | | |
//!
//! Three indexes, each sorted by `at`, which is the sync's id and so its time: `by-subject`, `by-related`, `by-active`.
//! A repository's name cannot hold `#`, and a branch's or target's name always comes last, so no name can be mistaken
//! for another key; `:` cannot stand in a branch's name.
//!
//! Items of a sync, who waits for a stack, what was done by hand and heads of what was deleted expire; branches, other heads, what is
//! held and open pull requests never do.

mod branches;
mod heads;
mod interventions;
mod open;
mod plans;
mod publishes;
mod syncs;
mod targets;
mod update;
mod waits;
mod walk;

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use serde::de::DeserializeOwned;
use syncline_core::names::{RepositoryName, SyncId};

pub use heads::Head;
pub use interventions::{Action as InterventionAction, Intervention};
pub use plans::Stored;
pub use publishes::{PublishAction, PublishStatus};
pub use syncs::SyncRecord;
pub use targets::{TargetRecord, Verdict};
pub use waits::StackWait;
pub use walk::Walk;

use crate::error::from_sdk;
use crate::{Error, clock, settings};

/// How often what a call left undone is asked for again.
const UNPROCESSED_ATTEMPTS: u32 = 5;

/// How long to wait before the first time; twice as long each time after.
const UNPROCESSED_PAUSE: Duration = Duration::from_millis(50);

/// The longest that a sync may take: the most that `SyncTimeoutSeconds` in the SAM template allows.
const LONGEST_SYNC: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// An item as DynamoDB has it.
pub type Item = HashMap<String, AttributeValue>;

/// The table.
#[derive(Clone, Debug)]
pub struct Table {
    client: Client,
    name: String,
    retention: Duration,
}

impl Table {
    /// Reads `TABLE_NAME` and `HISTORY_RETENTION_DAYS`.
    pub fn from_environment(configuration: &aws_config::SdkConfig) -> Result<Self, Error> {
        let days = settings::number("HISTORY_RETENTION_DAYS")?;
        Ok(Self::new(configuration, settings::required("TABLE_NAME")?, days))
    }

    /// The table of that name, whose history is kept for so many days.
    pub fn new(configuration: &aws_config::SdkConfig, name: String, retention_days: u64) -> Self {
        Self { client: Client::new(configuration), name, retention: Duration::from_secs(retention_days * 24 * 60 * 60) }
    }

    /// When an item of a sync expires that is written or over now: not before the longest sync could end.
    fn expires_at(&self) -> u64 {
        clock::epoch_seconds_in(self.retention + LONGEST_SYNC)
    }

    /// Reads one item, as it is now.
    async fn get<T: DeserializeOwned>(&self, pk: String, sk: String) -> Result<Option<T>, Error> {
        let found = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("pk", AttributeValue::S(pk))
            .key("sk", AttributeValue::S(sk))
            .consistent_read(true)
            .send()
            .await
            .map_err(from_sdk("dynamodb:GetItem"))?;
        found.item.map(from_item).transpose()
    }

    /// Reads up to 100 items in one call, each as it is now; in the order of the keys, nothing where there is none.
    async fn get_all<const N: usize>(&self, keys: [(String, String); N]) -> Result<[Option<Item>; N], Error> {
        let mut left: Vec<Item> = keys.iter().map(as_key).collect();
        let mut found: HashMap<(String, String), Item> = HashMap::new();
        for attempt in 0.. {
            let asked = KeysAndAttributes::builder().set_keys(Some(left)).consistent_read(true).build();
            let asked = asked.map_err(|error| Error::damaged("keys to read", error))?;
            let sent = self.client.batch_get_item().request_items(&self.name, asked).send().await;
            let sent = sent.map_err(from_sdk("dynamodb:BatchGetItem"))?;
            let items = sent.responses.unwrap_or_default().into_values().flatten();
            found.extend(items.filter_map(|item| Some((key_of(&item)?, item))));
            left = sent.unprocessed_keys.unwrap_or_default().into_values().flat_map(|some| some.keys).collect();
            if left.is_empty() {
                break;
            }
            // It gives what it could, and an error only where that was nothing.
            if attempt == UNPROCESSED_ATTEMPTS {
                let message = format!("{} items were left unread", left.len());
                return Err(Error::Throttled { action: "dynamodb:BatchGetItem", message });
            }
            tokio::time::sleep(UNPROCESSED_PAUSE * 2_u32.pow(attempt)).await;
        }
        Ok(keys.map(|key| found.remove(&key)))
    }

    /// Writes an item whatever stands there.
    async fn put(&self, item: Item) -> Result<(), Error> {
        self.client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item))
            .send()
            .await
            .map_err(from_sdk("dynamodb:PutItem"))?;
        Ok(())
    }

    /// Writes an item where none stands. Gives whether it did.
    async fn put_new(&self, item: Item) -> Result<bool, Error> {
        let sent = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await;
        match sent.map_err(from_sdk("dynamodb:PutItem")) {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Every item of a partition whose sort key begins so, in the order of the sort key, as it is now.
    async fn partition(&self, pk: String, sk_prefix: &str) -> Result<Vec<Item>, Error> {
        let mut query = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(pk))
            .consistent_read(true);
        if !sk_prefix.is_empty() {
            query = query
                .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
                .expression_attribute_values(":sk", AttributeValue::S(sk_prefix.to_owned()));
        }
        query
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<Item>, _>>()
            .await
            .map_err(from_sdk("dynamodb:Query"))
    }

    /// The newest items of one key of an index, newest first.
    async fn newest(&self, index: &str, key: &str, value: String, limit: i32) -> Result<Vec<Item>, Error> {
        let found = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(index)
            .key_condition_expression("#key = :value")
            .expression_attribute_names("#key", key)
            .expression_attribute_values(":value", AttributeValue::S(value))
            .scan_index_forward(false)
            .limit(limit)
            .send()
            .await
            .map_err(from_sdk("dynamodb:Query"))?;
        Ok(found.items.unwrap_or_default())
    }
}

/// The partition of what belongs to a sync.
fn of_sync(sync: &SyncId) -> String {
    format!("SYNC#{sync}")
}

/// The partition of what belongs to a repository.
fn of_repository(repository: &RepositoryName) -> String {
    format!("REPOSITORY#{repository}")
}

/// The partition of what belongs to a stack, by its ARN without its unique id.
fn of_stack(arn: &str) -> String {
    format!("STACK#{arn}")
}

/// A key as DynamoDB takes it.
fn as_key((pk, sk): &(String, String)) -> Item {
    Item::from([("pk".to_owned(), AttributeValue::S(pk.clone())), ("sk".to_owned(), AttributeValue::S(sk.clone()))])
}

/// The key of an item.
fn key_of(item: &Item) -> Option<(String, String)> {
    let text = |name| item.get(name)?.as_s().ok().cloned();
    Some((text("pk")?, text("sk")?))
}

/// An item as one of our types.
fn from_item<T: DeserializeOwned>(item: Item) -> Result<T, Error> {
    let name = format!("item {:?} {:?}", item.get("pk"), item.get("sk"));
    serde_dynamo::from_item(item).map_err(|error| Error::damaged(name, error))
}

/// One of our types as an item.
fn to_item<T: serde::Serialize>(value: &T) -> Result<Item, Error> {
    serde_dynamo::to_item(value).map_err(|error| Error::damaged("item", error))
}

fn to_value<T: serde::Serialize>(value: &T) -> Result<AttributeValue, Error> {
    serde_dynamo::to_attribute_value(value).map_err(|error| Error::damaged("value", error))
}
