//! What all operations share: the repositories, the store, the locks, the way out for events, the clock and ids.
//!
//! The operations themselves are in their own modules.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use time::OffsetDateTime;
use tokio::sync::OwnedMutexGuard;
use ulid::Ulid;

use super::calls::Calls;
use super::error::{Result, refuse};
use super::events::Outbox;
use super::git::Git;
use super::names::RepositoryName;
use super::store::Store;
use crate::{ACCOUNT, REGION};

/// Who did it. Nobody is asked who they are, so it is always the root of the account.
pub(crate) const CALLER: &str = "arn:aws:iam::000000000000:root";

/// The state behind the server.
#[derive(Debug)]
pub(crate) struct Service {
    data: PathBuf,
    /// Host and port, as they stand in clone URLs.
    pub(crate) address: String,
    pub(crate) store: Store,
    pub(crate) calls: Calls,
    pub(crate) outbox: Outbox,
    locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Service {
    pub(crate) fn open(data: &Path, address: String, outbox: Outbox) -> anyhow::Result<Self> {
        let repositories = data.join("repos");
        std::fs::create_dir_all(&repositories)
            .with_context(|| format!("failed to create the folder `{}`", repositories.display()))?;
        Ok(Self {
            data: data.to_owned(),
            address,
            store: Store::open(data)?,
            calls: Calls::default(),
            outbox,
            locks: Mutex::default(),
        })
    }

    /// The folder that holds the bare repositories.
    pub(crate) fn repositories_folder(&self) -> PathBuf {
        self.data.join("repos")
    }

    /// The folder of one bare repository, whether it exists or not.
    pub(crate) fn repository_folder(&self, name: &RepositoryName) -> PathBuf {
        self.repositories_folder().join(format!("{}.git", name.as_str()))
    }

    /// A repository that exists, by a name from outside.
    pub(crate) fn repository(&self, name: &str) -> Result<(RepositoryName, Git)> {
        let name = RepositoryName::parse(name)?;
        if self.store.repositories.get(&name.as_str().to_owned()).is_none() {
            return refuse("RepositoryDoesNotExistException", format!("{} does not exist", name.as_str()));
        }
        let git = Git::new(self.repository_folder(&name));
        Ok((name, git))
    }

    fn lock_of(&self, name: &RepositoryName) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        locks.entry(name.as_str().to_owned()).or_default().clone()
    }

    /// Waits for the one lock under which a repository's references and pull requests change. For a thread that may
    /// block.
    pub(crate) fn lock(&self, name: &RepositoryName) -> OwnedMutexGuard<()> {
        self.lock_of(name).blocking_lock_owned()
    }

    /// [`Self::lock`], for a task that may not block.
    pub(crate) async fn lock_soon(&self, name: &RepositoryName) -> OwnedMutexGuard<()> {
        self.lock_of(name).lock_owned().await
    }

    pub(crate) fn clone_url(&self, repository: &str) -> String {
        format!("http://{}/v1/repos/{repository}", self.address)
    }
}

/// A repository's ARN.
pub(crate) fn arn(repository: &str) -> String {
    format!("arn:aws:codecommit:{REGION}:{ACCOUNT}:{repository}")
}

/// The time, in the seconds since 1970 that AWS's JSON has.
pub(crate) fn now() -> f64 {
    OffsetDateTime::now_utc().unix_timestamp_nanos() as f64 / 1e9
}

/// A new id in the shape of a UUID.
pub(crate) fn new_id() -> String {
    let hex = format!("{:032x}", u128::from(Ulid::generate()));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
