//! Heads: the present state of every target of a repository.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};
use syncline_core::hold::{Held, Hold};
use syncline_core::location::Location;
use syncline_core::names::{BranchName, CommitId, Digest, RepositoryName, StackName, SyncId, TargetKind, TargetName};
use syncline_core::plan::{Action, Known};
use syncline_core::recipe::Inputs;
use syncline_core::status::{Outcome, TargetStatus};

use super::{Table, TargetRecord, from_item, interventions, of_repository, to_value};
use crate::stacks::NewestOperation;
use crate::{Error, clock, in_batches};

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
    /// Where that is, where it is not where Syncline is.
    #[serde(default, skip_serializing_if = "Location::is_home")]
    pub location: Location,
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
    /// The stack that it was then: the manifest may name another one since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successful_stack: Option<StackName>,
    /// Where that was, where it was not where Syncline is.
    #[serde(default, skip_serializing_if = "Location::is_home")]
    pub successful_location: Location,
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
    /// The service that it is an instance or the pipeline of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The targets that it depended on in its last successful sync.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub depends_on: BTreeSet<TargetName>,
    /// The inputs that its template was rendered with in that sync.
    #[serde(default, skip_serializing_if = "Inputs::is_empty")]
    pub inputs: Inputs,
    /// The id of the change to its stack that blocks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<String>,
    /// The id of a change to its stack that was not ours and that is accepted: by somebody, or since it changed nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
    /// Its stack was deleted, since its entry left a manifest that says `prune`. The item expires.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// When it changed.
    pub updated_at: String,
}

impl Head {
    /// Whether a sync of this repository left that stack in step.
    pub fn has_deployed(&self, stack: &StackName, location: &Location) -> bool {
        self.successful_stack.as_ref() == Some(stack) && self.successful_location.is_with(location)
    }

    /// The stack that it was when it was last in step, and where.
    fn deployed_as(&self) -> Option<(StackName, Location)> {
        Some((self.successful_stack.clone()?, self.successful_location.clone()))
    }

    /// What a plan needs to know of it.
    pub fn known(&self) -> Known {
        Known {
            sources: self.sources.clone(),
            stack: self.stack.clone(),
            location: self.location.clone(),
            deployed: self.deployed_as(),
            in_step: self.status.is_in_step(),
            branch: self.branch.clone(),
            kind: self.kind,
            service: self.service.clone(),
            depends_on: self.depends_on.clone(),
            inputs: self.successful_sync.as_ref().map(|_| self.inputs.clone()),
        }
    }
}

impl Table {
    /// One target's head; nothing where it was never deployed, or was deleted.
    pub async fn head(&self, repository: &RepositoryName, target: &TargetName) -> Result<Option<Head>, Error> {
        let (pk, sk) = key(repository, target);
        let head: Option<Head> = self.get(pk, sk).await?;
        Ok(head.filter(|head| !head.deleted))
    }

    /// One target's head, and what is held that covers it, in one call.
    pub async fn head_and_holds(
        &self,
        repository: &RepositoryName,
        branch: &BranchName,
        target: &TargetName,
    ) -> Result<(Option<Head>, Vec<Hold>), Error> {
        let held = [Held::Everything, Held::Branch(branch.clone()), Held::Target(target.clone())];
        let [everything, of_branch, of_target] = held.map(|held| interventions::key(repository, &held));
        let [head, holds @ ..] = self.get_all([key(repository, target), everything, of_branch, of_target]).await?;
        let head: Option<Head> = head.map(from_item).transpose()?;
        Ok((head.filter(|head| !head.deleted), interventions::held(holds.into_iter().flatten())?))
    }

    /// Every target's head, by name, without those that were deleted.
    pub async fn heads(&self, repository: &RepositoryName) -> Result<Vec<Head>, Error> {
        let items = self.partition(of_repository(repository), "TARGET#").await?;
        let mut heads: Vec<Head> = items.into_iter().map(from_item).collect::<Result<_, _>>()?;
        heads.retain(|head| !head.deleted);
        Ok(heads)
    }

    /// Notes that a sync concerns targets. A later sync's note stays, and so does how a target ended in this one: what is
    /// ready need not wait for it.
    pub async fn desire(&self, targets: &[TargetRecord]) -> Result<(), Error> {
        in_batches(targets.iter().map(|target| self.note(target, TargetStatus::Pending, None))).await.map(|_| ())
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
            .text("updated_at", clock::now());
        update = match outcome {
            Some(_) => update.if_absent_or_at_most("latest_sync", target.sync.as_str()),
            None => update.if_absent_or_below("latest_sync", target.sync.as_str()),
        };
        update = match &target.planned.location {
            home if home.is_home() => update.remove("location"),
            location => update.set("location", to_value(location)?),
        };
        update = match outcome.and_then(|outcome| outcome.reason.as_ref()) {
            Some(reason) => update.text("reason", reason),
            None => update.remove("reason"),
        };
        update = match &target.planned.service {
            Some(service) => update.text("service", service.as_str()),
            None => update.remove("service"),
        };
        let in_step = outcome.filter(|outcome| outcome.status.is_in_step());
        if in_step.is_some() && target.planned.action == Action::Delete {
            // It stays until it expires, so that an older sync that comes late cannot bring the target back.
            for attribute in [
                "successful_sync",
                "successful_stack",
                "successful_location",
                "successful_commit",
                "sources",
                "deployed",
                "outputs",
                "inputs",
                "depends_on",
            ] {
                update = update.remove(attribute);
            }
            update = update
                .set("deleted", AttributeValue::Bool(true))
                .set("expires_at", AttributeValue::N(self.expires_at().to_string()));
            return update.send().await.map(|_| ());
        }
        update = update.remove("deleted").remove("expires_at");
        let is_blocked = status == TargetStatus::Blocked;
        update = match outcome.and_then(|outcome| outcome.foreign.as_ref()).filter(|_| is_blocked) {
            Some(change) => update.text("blocked_by", change),
            None => update.remove("blocked_by"),
        };
        let is_deletion = target.planned.action == Action::Delete;
        update = match outcome {
            // CloudFormation may go on with it, and Syncline may have said how: that the stack is gone then is no surprise.
            Some(outcome) if is_deletion && !outcome.status.is_in_step() => {
                update.text("accepted", NewestOperation::GONE)
            }
            Some(Outcome { status: TargetStatus::Succeeded, .. }) => update.remove("accepted"),
            Some(Outcome { status: TargetStatus::Unchanged, foreign: Some(change), .. }) => {
                update.text("accepted", change)
            }
            _ => update,
        };
        if let Some(outcome) = in_step {
            update = update
                .set("inputs", to_value(&target.planned.inputs)?)
                .set("depends_on", to_value(&target.planned.depends_on)?)
                .text("successful_sync", target.sync.as_str())
                .text("successful_stack", target.planned.stack.as_str())
                .text("successful_commit", target.commit.as_str())
                .text("sources", target.planned.sources.as_str());
            update = match &target.planned.location {
                home if home.is_home() => update.remove("successful_location"),
                location => update.set("successful_location", to_value(location)?),
            };
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

pub(super) fn key(repository: &RepositoryName, target: &TargetName) -> (String, String) {
    (of_repository(repository), format!("TARGET#{target}"))
}
