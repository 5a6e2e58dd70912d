//! Heads: the present state of every target of a repository.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use syncline_core::names::{BranchName, CommitId, Digest, RepositoryName, StackName, SyncId, TargetKind, TargetName};
use syncline_core::plan::Known;
use syncline_core::status::{Outcome, TargetStatus};

use super::syncs::TargetRecord;
use super::{Table, from_item, to_value};
use crate::{Error, clock};

/// The present state of a target. Its branch's item says which commit is desired of the branch as a whole; a target that
/// a commit leaves alone keeps the revision that last concerned it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Head {
    /// The target.
    pub target: TargetName,
    /// What it is.
    pub kind: TargetKind,
    /// The branch that deploys it.
    pub branch: BranchName,
    /// Its stack.
    pub stack: StackName,
    /// The commit that it should be in step with.
    pub desired_commit: CommitId,
    /// The last sync that concerned it.
    pub latest_sync: SyncId,
    /// Its status in that sync.
    pub status: TargetStatus,
    /// Why, where it is not in step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The last sync that left it in step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successful_sync: Option<SyncId>,
    /// That sync's commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successful_commit: Option<CommitId>,
    /// The digest of its sources in that sync.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources: Option<Digest>,
    /// The digest of the template, parameters and tags that CloudFormation was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed: Option<Digest>,
    /// The stack's outputs, where others show them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<BTreeMap<String, String>>,
    /// When it changed.
    pub updated_at: String,
}

impl Head {
    /// What a plan needs to know of it.
    pub fn known(&self) -> Known {
        Known {
            sources: self.sources.clone(),
            stack: self.stack.clone(),
            in_step: self.status.is_in_step(),
            branch: self.branch.clone(),
        }
    }
}

impl Table {
    /// One target's head.
    pub async fn head(&self, repository: &RepositoryName, target: &TargetName) -> Result<Option<Head>, Error> {
        let (pk, sk) = key(repository, target);
        self.get(pk, sk).await
    }

    /// Every target's head, by name.
    pub async fn heads(&self, repository: &RepositoryName) -> Result<Vec<Head>, Error> {
        self.partition(format!("REPOSITORY#{repository}"), "TARGET#").await?.into_iter().map(from_item).collect()
    }

    /// Notes that a sync concerns a target. A later sync's note stays.
    pub(super) async fn desire(&self, target: &TargetRecord) -> Result<(), Error> {
        self.note(target, TargetStatus::Pending, None).await
    }

    /// Notes how a target ended in a sync. A later sync's note stays.
    pub(super) async fn conclude(&self, target: &TargetRecord, outcome: &Outcome) -> Result<(), Error> {
        self.note(target, outcome.status, Some(outcome)).await
    }

    async fn note(&self, target: &TargetRecord, status: TargetStatus, outcome: Option<&Outcome>) -> Result<(), Error> {
        let (pk, sk) = key(&target.repository, &target.planned.name);
        let mut update = self
            .update(pk, sk)
            .text("target", target.planned.name.as_str())
            .set("kind", to_value(&target.planned.kind)?)
            .text("branch", target.branch.as_str())
            .text("stack", target.planned.stack.as_str())
            .text("desired_commit", target.commit.as_str())
            .text("latest_sync", target.sync.as_str())
            .text("status", status.as_str())
            .text("updated_at", clock::now())
            .if_absent_or_at_most("latest_sync", target.sync.as_str());
        update = match outcome.and_then(|outcome| outcome.reason.as_ref()) {
            Some(reason) => update.text("reason", reason),
            None => update.remove("reason"),
        };
        if let Some(outcome) = outcome.filter(|outcome| outcome.status.is_in_step()) {
            update = update
                .text("successful_sync", target.sync.as_str())
                .text("successful_commit", target.commit.as_str())
                .text("sources", target.planned.sources.as_str());
            if let Some(deployed) = &outcome.deployed {
                update = update.text("deployed", deployed.as_str());
            }
            if let Some(outputs) = &outcome.outputs {
                update = update.set("outputs", to_value(outputs)?);
            } else if outcome.status == TargetStatus::Succeeded {
                // What was kept is of the stack as it was before.
                update = update.remove("outputs");
            }
        }
        update.send().await.map(|_| ())
    }
}

fn key(repository: &RepositoryName, target: &TargetName) -> (String, String) {
    (format!("REPOSITORY#{repository}"), format!("TARGET#{target}"))
}
