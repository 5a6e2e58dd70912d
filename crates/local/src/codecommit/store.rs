//! What CodeCommit knows beside Git: descriptions, pull requests and comments, as JSON files that survive a restart.
//!
//! One file a record, each written as a whole, so a crash leaves the old record or the new one. It holds records and
//! decides nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::state::write_atomically;

/// A repository, beside what Git knows of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Repository {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) description: Option<String>,
    pub(crate) created: f64,
    pub(crate) modified: f64,
}

/// How a pull request ended in a merge.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Merge {
    pub(crate) by: String,
    pub(crate) commit: String,
    /// CodeCommit's word, such as `SQUASH_MERGE`.
    pub(crate) option: String,
}

/// A pull request. It has one target, as CodeCommit's have.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PullRequest {
    pub(crate) id: u64,
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    pub(crate) created: f64,
    pub(crate) last_activity: f64,
    pub(crate) open: bool,
    pub(crate) author: String,
    pub(crate) repository: String,
    pub(crate) source_reference: String,
    pub(crate) destination_reference: String,
    pub(crate) source_commit: String,
    pub(crate) destination_commit: String,
    pub(crate) merge_base: Option<String>,
    pub(crate) merge: Option<Merge>,
    pub(crate) client_request_token: Option<String>,
    /// Changes whenever the source does.
    pub(crate) revision_id: String,
    /// As DescribePullRequestEvents shows them.
    pub(crate) events: Vec<Value>,
}

/// A comment, on two compared commits or on a pull request, or an answer to one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Comment {
    pub(crate) id: String,
    /// Counts up, because ids made in the same millisecond have no order.
    pub(crate) number: u64,
    pub(crate) repository: String,
    pub(crate) pull_request: Option<u64>,
    pub(crate) before_commit: Option<String>,
    pub(crate) after_commit: String,
    pub(crate) location: Option<Value>,
    pub(crate) in_reply_to: Option<String>,
    pub(crate) content: String,
    pub(crate) author: String,
    pub(crate) created: f64,
    pub(crate) modified: f64,
    pub(crate) client_request_token: Option<String>,
}

/// A record that is kept in a file of its own.
pub(crate) trait Record: Serialize + DeserializeOwned + Clone {
    /// The folder of its kind.
    const FOLDER: &'static str;
    /// The order of its kind, and its place in it.
    type Key: Ord + Clone;
    fn key(&self) -> Self::Key;
    /// A file name without an extension.
    fn file(&self) -> String;
}

impl Record for Repository {
    const FOLDER: &'static str = "repositories";
    type Key = String;
    fn key(&self) -> String {
        self.name.clone()
    }
    fn file(&self) -> String {
        self.name.clone()
    }
}

impl Record for PullRequest {
    const FOLDER: &'static str = "pull-requests";
    type Key = u64;
    fn key(&self) -> u64 {
        self.id
    }
    fn file(&self) -> String {
        self.id.to_string()
    }
}

impl Record for Comment {
    const FOLDER: &'static str = "comments";
    type Key = u64;
    fn key(&self) -> u64 {
        self.number
    }
    fn file(&self) -> String {
        self.number.to_string()
    }
}

/// All records of a kind, in memory and on disk.
#[derive(Debug)]
pub(crate) struct Table<R: Record> {
    folder: PathBuf,
    records: Mutex<BTreeMap<R::Key, R>>,
}

impl<R: Record> Table<R> {
    fn open(data: &Path) -> Result<Self> {
        let folder = data.join(R::FOLDER);
        fs::create_dir_all(&folder).with_context(|| format!("failed to create the folder `{}`", folder.display()))?;
        let mut records = BTreeMap::new();
        for file in fs::read_dir(&folder)? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let record: R = serde_json::from_slice(&fs::read(&path)?)
                    .with_context(|| format!("failed to read `{}`", path.display()))?;
                records.insert(record.key(), record);
            }
        }
        Ok(Self { folder, records: Mutex::new(records) })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<R::Key, R>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, record: &R) -> PathBuf {
        self.folder.join(record.file()).with_added_extension("json")
    }

    pub(crate) fn get(&self, key: &R::Key) -> Option<R> {
        self.lock().get(key).cloned()
    }

    /// All records that a condition holds for, in order.
    pub(crate) fn all(&self, condition: impl Fn(&R) -> bool) -> Vec<R> {
        self.lock().values().filter(|record| condition(record)).cloned().collect()
    }

    pub(crate) fn put(&self, record: R) -> Result<R> {
        let mut records = self.lock();
        write_atomically(&self.path(&record), &serde_json::to_vec_pretty(&record)?)?;
        records.insert(record.key(), record.clone());
        Ok(record)
    }

    /// Puts a record that is made from the next free number.
    pub(crate) fn put_next(&self, make: impl FnOnce(u64) -> R) -> Result<R>
    where
        R: Record<Key = u64>,
    {
        let mut records = self.lock();
        let record = make(records.last_key_value().map_or(1, |(last, _)| last + 1));
        write_atomically(&self.path(&record), &serde_json::to_vec_pretty(&record)?)?;
        records.insert(record.key(), record.clone());
        Ok(record)
    }

    pub(crate) fn remove(&self, condition: impl Fn(&R) -> bool) -> Result<()> {
        let mut records = self.lock();
        let gone: Vec<R> = records.values().filter(|record| condition(record)).cloned().collect();
        for record in gone {
            let path = self.path(&record);
            fs::remove_file(&path).with_context(|| format!("failed to remove `{}`", path.display()))?;
            records.remove(&record.key());
        }
        Ok(())
    }
}

/// Everything that is kept beside Git.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) repositories: Table<Repository>,
    pub(crate) pull_requests: Table<PullRequest>,
    pub(crate) comments: Table<Comment>,
}

impl Store {
    pub(crate) fn open(data: &Path) -> Result<Self> {
        Ok(Self { repositories: Table::open(data)?, pull_requests: Table::open(data)?, comments: Table::open(data)? })
    }
}
