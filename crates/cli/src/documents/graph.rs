//! The graph of what waits on what, as it is drawn.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use syncline_core::names::{BranchName, RepositoryName, StackName, TargetKind, TargetName};

use super::PlanDocument;
use super::plan::WaitReason;

/// The graph of one branch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct GraphDocument {
    /// The repository.
    pub(crate) repository: RepositoryName,
    /// The branch.
    pub(crate) branch: BranchName,
    /// The targets in deployment order.
    pub(crate) targets: Vec<NodeDocument>,
    /// Who waits for whom.
    pub(crate) edges: Vec<EdgeDocument>,
    /// The longest chain of targets that wait for each other, the first to be deployed first.
    pub(crate) longest_path: Vec<TargetName>,
}

/// A target of a graph.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct NodeDocument {
    /// Its name.
    pub(crate) target: TargetName,
    /// What it is.
    pub(crate) kind: TargetKind,
    /// Its stack.
    pub(crate) stack: StackName,
}

/// One target waits for another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct EdgeDocument {
    /// The one that waits.
    pub(crate) waiter: TargetName,
    /// The one that is waited for.
    pub(crate) dependency: TargetName,
    /// Why.
    pub(crate) reason: WaitReason,
    /// The name that the one exports and the other imports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) import: Option<String>,
    /// The places of the two in `targets`: the one that is waited for, then the one that waits.
    #[serde(skip)]
    pub(crate) places: (usize, usize),
    /// Whether it is a step of the longest path.
    pub(crate) on_longest_path: bool,
}

impl GraphDocument {
    /// Whether a target is on the longest path.
    pub(crate) fn is_on_longest_path(&self, target: &TargetName) -> bool {
        self.longest_path.len() > 1 && self.longest_path.contains(target)
    }
}

impl From<PlanDocument> for GraphDocument {
    fn from(plan: PlanDocument) -> Self {
        let steps: BTreeSet<(&TargetName, &TargetName)> =
            plan.longest_path.iter().zip(plan.longest_path.iter().skip(1)).collect();
        let places: BTreeMap<&TargetName, usize> =
            plan.targets.iter().enumerate().map(|(place, target)| (&target.target, place)).collect();
        let mut edges = Vec::new();
        for (waiter, target) in plan.targets.iter().enumerate() {
            for wait in &target.waits_on {
                let Some(&dependency) = places.get(&wait.target) else { continue };
                edges.push(EdgeDocument {
                    waiter: target.target.clone(),
                    dependency: wait.target.clone(),
                    reason: wait.reason,
                    import: wait.import.clone(),
                    places: (dependency, waiter),
                    on_longest_path: steps.contains(&(&wait.target, &target.target)),
                });
            }
        }
        let node = |target: &super::plan::PlannedDocument| NodeDocument {
            target: target.target.clone(),
            kind: target.kind,
            stack: target.stack.clone(),
        };
        Self {
            targets: plan.targets.iter().map(node).collect(),
            edges,
            repository: plan.repository,
            branch: plan.branch,
            longest_path: plan.longest_path,
        }
    }
}
