//! Publish actions, and the one open pull request of each pair of branches.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};
use syncline_core::manifest::Publish;
use syncline_core::names::{BranchName, CommitId, RepositoryName, SyncId};

use super::{Table, from_item, of_repository, of_sync, to_item};
use crate::{Error, clock};

/// What a publish came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PublishStatus {
    /// A pull request was opened.
    Created,
    /// The open one was brought up to date.
    Updated,
    /// There is nothing between the two branches.
    NothingToPublish,
    /// A newer commit is on its way, and will be published instead.
    Superseded,
    /// It did not work.
    Failed,
}

/// A publish action of a sync.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PublishAction {
    /// The sync.
    pub sync: SyncId,
    /// The repository.
    pub repository: RepositoryName,
    /// From which branch to which.
    #[serde(flatten)]
    pub publish: Publish,
    /// The commit.
    pub commit: CommitId,
    /// What it came to.
    pub status: PublishStatus,
    /// The pull request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request_id: Option<String>,
    /// Why, where it did not work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When.
    #[serde(default)]
    pub recorded_at: String,
}

impl Table {
    /// Records a publish action of a sync; done again, the last stands.
    pub async fn record_publish(&self, action: &PublishAction) -> Result<(), Error> {
        let mut item = to_item(&PublishAction { recorded_at: clock::now(), ..action.clone() })?;
        let PublishAction { sync, repository, publish, .. } = action;
        for (key, value) in [
            ("pk", of_sync(sync)),
            ("sk", format!("PUBLISH#{}", publish.to)),
            ("subject", format!("FROM#{repository}#{}", publish.from)),
            ("related", format!("TO#{repository}#{}", publish.to)),
            ("at", sync.to_string()),
        ] {
            item.insert(key.to_owned(), AttributeValue::S(value));
        }
        item.insert("expires_at".to_owned(), AttributeValue::N(self.expires_at().to_string()));
        self.put(item).await
    }

    /// The publish actions from a branch, newest first.
    pub async fn publish_actions_from(
        &self,
        repository: &RepositoryName,
        branch: &BranchName,
        limit: i32,
    ) -> Result<Vec<PublishAction>, Error> {
        let items = self.newest("by-subject", "subject", format!("FROM#{repository}#{branch}"), limit).await?;
        items.into_iter().map(from_item).collect()
    }

    /// The pull request that was last opened between two branches.
    pub async fn pull_request_of(
        &self,
        repository: &RepositoryName,
        publish: &Publish,
    ) -> Result<Option<String>, Error> {
        #[derive(Deserialize)]
        struct Opened {
            pull_request_id: String,
        }
        let (pk, sk) = key(repository, publish);
        Ok(self.get::<Opened>(pk, sk).await?.map(|opened| opened.pull_request_id))
    }

    /// Remembers the pull request between two branches.
    pub async fn remember_pull_request(
        &self,
        repository: &RepositoryName,
        publish: &Publish,
        id: &str,
    ) -> Result<(), Error> {
        let (pk, sk) = key(repository, publish);
        self.update(pk, sk).text("pull_request_id", id).text("updated_at", clock::now()).send().await.map(|_| ())
    }
}

fn key(repository: &RepositoryName, publish: &Publish) -> (String, String) {
    (of_repository(repository), format!("PUBLISH#{}:{}", publish.from, publish.to))
}
