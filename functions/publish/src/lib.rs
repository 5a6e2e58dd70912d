//! Opens the pull request to the next branch, or brings the open one up to date.
//!
//! Only when every target is in step with the commit, and the commit is still the branch's head; never when there is
//! nothing between the two branches.

use lambda_runtime::Diagnostic;
use serde::Deserialize;
use serde_json::{Value, json};
use syncline_aws::Error;
use syncline_aws::lambda::configuration;
use syncline_aws::repository::{Repositories, Repository};
use syncline_aws::table::{PublishAction, PublishStatus, SyncRecord, Table, Verdict};
use syncline_core::manifest::Publish as Pair;
use syncline_core::names::SyncId;
use syncline_core::publish::{self, Text};
use syncline_core::stack::digest_of;
use tracing::info;

/// The function and what it may touch.
#[derive(Debug)]
pub struct Publish {
    repositories: Repositories,
    table: Table,
}

/// What the state machine hands in.
#[derive(Debug, Deserialize)]
struct Input {
    sync: SyncId,
}

impl Publish {
    /// Reads the function's settings and makes its clients.
    pub fn from_environment() -> Result<Self, Error> {
        let configuration = configuration()?;
        Ok(Self { table: Table::from_environment(&configuration)?, repositories: Repositories::new(&configuration) })
    }

    /// Publishes what a sync brought in step.
    pub async fn handle(&self, input: Value) -> Result<Value, Diagnostic> {
        let input = Input::deserialize(&input).map_err(|error| Error::damaged("input of Publish", error))?;
        Ok(self.publish(&input.sync).await?)
    }

    async fn publish(&self, sync: &SyncId) -> Result<Value, Error> {
        let record =
            self.table.sync(sync).await?.ok_or_else(|| Error::damaged(format!("sync {sync}"), "no record of it"))?;
        if record.publish.is_empty() || record.cancelled || record.status.is_terminal() {
            return Ok(json!({ "published": [] }));
        }
        let verdict = self.table.verdict(sync).await?;
        if !verdict.is_in_step() {
            return Ok(json!({ "published": [], "because": "not every target is in step" }));
        }
        let repository = self.repositories.named(record.repository.clone());
        let mut published = Vec::new();
        for pair in &record.publish {
            let mut action = PublishAction {
                sync: sync.clone(),
                repository: record.repository.clone(),
                publish: pair.clone(),
                commit: record.commit.clone(),
                status: PublishStatus::Failed,
                pull_request_id: None,
                reason: None,
                recorded_at: String::new(),
            };
            match self.publish_one(&repository, &record, pair, &verdict).await {
                Ok((status, pull_request)) => {
                    action.status = status;
                    action.pull_request_id = pull_request;
                }
                // A pull request that is refused does not undo what is in step: it is on record, the next sync tries again.
                Err(error @ (Error::Refused { .. } | Error::Denied { .. })) => action.reason = Some(error.to_string()),
                Err(error) => return Err(error),
            }
            info!(%sync, from = %pair.from, to = %pair.to, status = ?action.status, "published");
            self.table.record_publish(&action).await?;
            published
                .push(json!({ "to": pair.to, "status": action.status, "pull_request_id": action.pull_request_id }));
        }
        Ok(json!({ "published": published }))
    }

    async fn publish_one(
        &self,
        repository: &Repository,
        record: &SyncRecord,
        pair: &Pair,
        verdict: &Verdict,
    ) -> Result<(PublishStatus, Option<String>), Error> {
        let (source, destination) = tokio::join!(repository.head(&pair.from), repository.head(&pair.to));
        if source?.as_ref() != Some(&record.commit) {
            return Ok((PublishStatus::Superseded, None));
        }
        let Some(destination) = destination? else {
            return Err(Error::Refused {
                action: "codecommit:CreatePullRequest",
                code: "BranchDoesNotExistException".to_owned(),
                message: format!(
                    "there is no branch `{}`; create it, and the next sync opens the pull request",
                    pair.to
                ),
            });
        };
        if !repository.has_something_to_merge(&record.commit, &destination).await? {
            return Ok((PublishStatus::NothingToPublish, None));
        }
        let text = publish::text(pair, &record.commit, &record.sync, &verdict.deployed, &verdict.unchanged);
        if let Some(id) = self.table.pull_request_of(&record.repository, pair).await?
            && let Some(open) = repository.pull_request(&id).await?.filter(|found| found.is_open)
        {
            if open.description != text.description {
                repository.describe_pull_request(&id, &text.description).await?;
            }
            return Ok((PublishStatus::Updated, Some(id)));
        }
        let id = self.open(repository, record, pair, &text).await?;
        Ok((PublishStatus::Created, Some(id)))
    }

    async fn open(
        &self,
        repository: &Repository,
        record: &SyncRecord,
        pair: &Pair,
        text: &Text,
    ) -> Result<String, Error> {
        // The token makes the request the same one when this step is done again after a crash.
        let token = digest_of(&format!("{} {} {}", record.sync, pair.from, pair.to));
        let opened = repository.open_pull_request(&pair.from, &pair.to, text, token.as_str()).await?;
        self.table.remember_pull_request(&record.repository, pair, &opened.id).await?;
        Ok(opened.id)
    }
}
