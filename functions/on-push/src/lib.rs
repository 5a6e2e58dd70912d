//! A push to a connected repository asks for the lease of its branch.
//!
//! It reads no more than it takes to know whether the branch concerns us; Begin reads, checks and plans, under the
//! lease. Events may come twice, late or in the wrong order: what is synced is always the branch's present head, and
//! a revision that is in step is not synced again.

use lambda_runtime::Diagnostic;
use serde::Deserialize;
use serde_json::{Value, json};
use syncline_aws::handover::follow_lease;
use syncline_aws::lambda::configuration;
use syncline_aws::repository::{Repositories, Repository};
use syncline_aws::table::Table;
use syncline_aws::workflow::Workflow;
use syncline_aws::{Error, clock, settings};
use syncline_core::files::Files;
use syncline_core::lease::{Claim, Lease, Requested};
use syncline_core::manifest;
use syncline_core::names::{BranchName, CommitId, RepoPath, RepositoryName};
use tracing::{info, warn};

/// The function and what it may touch.
#[derive(Debug)]
pub struct OnPush {
    repositories: Repositories,
    table: Table,
    workflow: Workflow,
    manifest_branch: Option<BranchName>,
    manifest_path: Option<RepoPath>,
}

/// The part of a `CodeCommit Repository State Change` event that is used.
///
/// <https://docs.aws.amazon.com/codecommit/latest/userguide/monitoring-events.html>
#[derive(Debug, Deserialize)]
struct PushEvent {
    detail: PushDetail,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PushDetail {
    repository_name: String,
    reference_type: String,
    reference_name: String,
}

impl OnPush {
    /// Reads the function's settings and makes its clients.
    pub fn from_environment() -> Result<Self, Error> {
        let configuration = configuration()?;
        Ok(Self {
            table: Table::from_environment(&configuration)?,
            workflow: Workflow::from_environment(&configuration),
            manifest_branch: settings::optional("MANIFEST_BRANCH").map(BranchName::new),
            manifest_path: settings::optional("MANIFEST_PATH").and_then(|path| RepoPath::parse(&path)),
            repositories: Repositories::new(&configuration),
        })
    }

    /// Handles one event. A payload that is no push is logged and dropped: trying it again would not make it one.
    pub async fn handle(&self, event: Value) -> Result<Value, Diagnostic> {
        let Some((repository, branch)) = read_event(&event) else {
            warn!(%event, "dropped: not a push to a branch");
            return Ok(json!({ "dropped": "not a push to a branch" }));
        };
        Ok(self.push(repository, branch).await?)
    }

    async fn push(&self, name: RepositoryName, branch: BranchName) -> Result<Value, Error> {
        let repository = self.repositories.named(name.clone());
        let Some(commit) = repository.head(&branch).await? else {
            info!(%branch, "dropped: the branch is gone");
            return Ok(json!({ "dropped": "the branch is gone" }));
        };
        let manifest_branch = match &self.manifest_branch {
            Some(branch) => branch.clone(),
            None => repository.default_branch().await?.unwrap_or_else(|| branch.clone()),
        };
        let manifest_commit =
            if manifest_branch == branch { Some(commit.clone()) } else { repository.head(&manifest_branch).await? };
        let was_synced = self.table.lease(&name, &branch).await?.is_some();
        if !self.concerns(&repository, &branch, &manifest_branch, manifest_commit.as_ref(), was_synced).await? {
            info!(%branch, "dropped: the manifest does not mention the branch");
            return Ok(json!({ "dropped": "the manifest does not mention the branch" }));
        }
        let (requested, claim, lease) = self.claim(&repository, &branch, &manifest_branch, commit).await?;
        follow_lease(&self.table, &self.workflow, &name, &branch, &lease).await?;
        Ok(match requested {
            Requested::Acquired => json!({ "sync": claim.sync, "status": "INITIATED" }),
            Requested::Queued => json!({ "sync": claim.sync, "status": "QUEUED" }),
            Requested::AlreadyClaimed(sync) => json!({ "dropped": "already being synced", "sync": sync }),
            Requested::InStep => json!({ "dropped": "in step with this commit already" }),
        })
    }

    /// Asks for the lease for the branch's present head. Another push may come while it asks, and may have asked before;
    /// so it looks again afterwards, and asks again where the head has moved.
    async fn claim(
        &self,
        repository: &Repository,
        branch: &BranchName,
        manifest_branch: &BranchName,
        mut commit: CommitId,
    ) -> Result<(Requested, Claim, Lease), Error> {
        loop {
            let manifest_commit =
                if manifest_branch == branch { Some(commit.clone()) } else { repository.head(manifest_branch).await? };
            let ((requested, claim), lease) = self
                .table
                .change_lease(repository.name(), branch, |lease| {
                    let claim = Claim {
                        sync: clock::sync_id_after(lease.last.as_ref()),
                        commit: commit.clone(),
                        manifest_branch: manifest_branch.clone(),
                        manifest_commit: manifest_commit.clone(),
                        by_hand: None,
                    };
                    (lease.request(claim.clone()), claim)
                })
                .await?;
            info!(sync = %claim.sync, commit = %claim.commit, ?requested, "asked for the lease");
            match repository.head(branch).await? {
                Some(head) if head != commit => commit = head,
                _ => return Ok((requested, claim, lease)),
            }
        }
    }

    /// Whether a push to the branch is ours to sync.
    ///
    /// A manifest that cannot be read concerns the manifest branch, and each branch that was synced before: there the
    /// sync fails and says why. It does not concern every feature branch, nor does a repository without a manifest.
    async fn concerns(
        &self,
        repository: &Repository,
        branch: &BranchName,
        manifest_branch: &BranchName,
        manifest_commit: Option<&CommitId>,
        was_synced: bool,
    ) -> Result<bool, Error> {
        let is_reported = branch == manifest_branch || was_synced;
        let Some(commit) = manifest_commit else { return Ok(is_reported) };
        let mut files = Files::default();
        let loaded = repository
            .read_until(commit, &mut files, |files| {
                manifest::load(self.manifest_path.as_ref(), repository.name(), files)
            })
            .await?;
        let is_connected = was_synced || !manifest::is_absent(self.manifest_path.as_ref(), &files);
        Ok(loaded.map_or(is_reported && is_connected, |(manifest, _)| {
            // Of a branch that lost its last entry there may be something to delete.
            manifest.maps(branch) || (was_synced && manifest.prune.may_delete_on(branch))
        }))
    }
}

/// The repository and branch of a push; nothing where the payload is something else.
fn read_event(event: &Value) -> Option<(RepositoryName, BranchName)> {
    let PushDetail { repository_name, reference_type, reference_name } = PushEvent::deserialize(event).ok()?.detail;
    let repository = RepositoryName::new(repository_name);
    (reference_type == "branch" && repository.is_valid() && !reference_name.is_empty())
        .then(|| (repository, BranchName::new(reference_name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(repository: &str, kind: &str, name: &str) -> Value {
        json!({ "detail": { "repositoryName": repository, "referenceType": kind, "referenceName": name, "event": "referenceUpdated" } })
    }

    #[test]
    fn only_a_push_to_a_branch_is_one() {
        let (repository, branch) = read_event(&event("shop", "branch", "feature/x")).unwrap();
        assert_eq!((repository.as_str(), branch.as_str()), ("shop", "feature/x"));
        for other in [
            event("shop", "tag", "v1"),
            event("sh#op", "branch", "main"),
            event("", "branch", "main"),
            event("shop", "branch", ""),
            json!({}),
            json!([1]),
            json!("text"),
        ] {
            assert_eq!(read_event(&other), None, "{other}");
        }
    }
}
