//! Snapshots of what was read of a branch, in S3: a sync reads of CodeCommit only what has changed since the one before.
//!
//! A snapshot spares reads and is never needed: where there is none, or it cannot be used, everything is read.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use syncline_core::files::Files;
use syncline_core::names::{BranchName, CommitId, RepositoryName};
use syncline_core::snapshot::Snapshot;
use tracing::{debug, warn};

use crate::error::from_sdk;
use crate::lazy::{Lazy, lazily};
use crate::repository::Repository;
use crate::{Error, settings, templates};

/// Fewer files are as quickly read as their snapshot.
const WORTH_KEEPING: usize = 32;

/// The bucket for snapshots.
#[derive(Clone, Debug)]
pub struct Snapshots {
    client: Lazy<Client>,
    bucket: String,
}

impl Snapshots {
    /// Reads `TEMPLATE_BUCKET`.
    pub fn from_environment(configuration: &aws_config::SdkConfig) -> Result<Self, Error> {
        Ok(Self { client: lazily(configuration, templates::client), bucket: settings::required("TEMPLATE_BUCKET")? })
    }

    /// What is known of a branch's files at a commit, from the snapshot of another one; none where nothing is.
    pub async fn files_at(&self, repository: &Repository, branch: &BranchName, commit: &CommitId) -> Files {
        let Some(snapshot) = self.load(repository.name(), branch).await else { return Files::default() };
        if snapshot.commit == *commit {
            return snapshot.at(&[]);
        }
        match repository.differences(&snapshot.commit, commit).await {
            Ok(Some(changes)) => snapshot.at(&changes),
            Ok(None) => Files::default(),
            Err(error) => {
                warn!(%error, "could not find out what has changed; everything is read");
                Files::default()
            }
        }
    }

    /// Keeps what was read of a branch at a commit, where that is worth it: the snapshot before serves as well where nothing
    /// was read.
    pub async fn keep(&self, repository: &RepositoryName, branch: &BranchName, commit: &CommitId, files: &Files) {
        if !files.has_news() {
            return;
        }
        let snapshot = Snapshot::of(commit.clone(), files);
        if snapshot.len() < WORTH_KEEPING {
            return;
        }
        let body = match serde_json::to_vec(&snapshot) {
            Ok(body) => ByteStream::from(body),
            Err(error) => return warn!(%error, "could not keep a snapshot"),
        };
        let put = self.client.put_object().bucket(&self.bucket).key(key(repository, branch)).body(body);
        if let Err(error) = put.send().await.map_err(from_sdk("s3:PutObject")) {
            warn!(%error, "could not keep a snapshot");
        }
    }

    async fn load(&self, repository: &RepositoryName, branch: &BranchName) -> Option<Snapshot> {
        let got = self.client.get_object().bucket(&self.bucket).key(key(repository, branch)).send().await;
        let body = match got.map_err(from_sdk("s3:GetObject")) {
            Ok(object) => object.body.collect().await.ok()?.into_bytes(),
            // Of what is not there S3 says that it is not allowed, to whoever may not list a bucket.
            Err(error) => {
                debug!(%error, "no snapshot");
                return None;
            }
        };
        // One of another version, perhaps.
        serde_json::from_slice(&body).inspect_err(|error| warn!(%error, "a snapshot that cannot be read")).ok()
    }
}

/// A repository's name holds no slash, so no branch can be taken for another repository's.
fn key(repository: &RepositoryName, branch: &BranchName) -> String {
    format!("files/{repository}/{branch}.json")
}
