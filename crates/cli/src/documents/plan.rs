//! What a branch would deploy.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use syncline_core::assembly::Assembly;
use syncline_core::location::Location;
use syncline_core::manifest::{Edge, Manifest, Publish, Reason};
use syncline_core::names::{BranchName, CommitId, RepositoryName, StackName, TargetKind, TargetName};

use crate::problems::ProblemDocument;

/// The targets of one branch, as they would be deployed if nothing of them was.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct PlanDocument {
    /// The repository.
    pub(crate) repository: RepositoryName,
    /// The branch.
    pub(crate) branch: BranchName,
    /// The commit that specs and templates were read at; `null` for the working copy.
    pub(crate) commit: Option<CommitId>,
    /// The manifest's path.
    pub(crate) manifest: String,
    /// The targets in deployment order: each after all that it waits for.
    pub(crate) targets: Vec<PlannedDocument>,
    /// The pull requests that follow when all is in step.
    pub(crate) publish: Vec<Publish>,
    /// The longest chain of targets that wait for each other, the first to be deployed first.
    pub(crate) longest_path: Vec<TargetName>,
    /// What is worth a look.
    pub(crate) diagnostics: Vec<ProblemDocument>,
}

/// A target of a plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct PlannedDocument {
    /// Its name.
    pub(crate) target: TargetName,
    /// What it is.
    pub(crate) kind: TargetKind,
    /// Its stack.
    pub(crate) stack: StackName,
    /// Where that is, where it is not where Syncline is.
    #[serde(skip_serializing_if = "Location::is_home")]
    pub(crate) location: Location,
    /// The targets that it waits for, and why.
    pub(crate) waits_on: Vec<WaitDocument>,
    /// Whose outputs its template shows, which only AWS knows: environments, and for a pipeline instances.
    pub(crate) shows_outputs_of: Vec<String>,
    /// The files that it is made from.
    pub(crate) reads: Vec<String>,
}

/// Something that is waited for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct WaitDocument {
    /// The target that is waited for.
    pub(crate) target: TargetName,
    /// Why.
    pub(crate) reason: WaitReason,
    /// The manifest's line that says so.
    pub(crate) line: Option<usize>,
    /// The column in that line.
    pub(crate) column: Option<usize>,
    /// The name that the one exports and the other imports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) import: Option<String>,
}

/// Why something is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WaitReason {
    /// The manifest says so: `depends_on`.
    Written,
    /// It is the environment.
    Environment,
    /// It is an instance of the service whose pipeline waits.
    Pipeline,
    /// It exports what the other's template imports.
    Import,
}

impl WaitReason {
    /// Why, in words: with the name where it is that of an import.
    pub(crate) fn with_name(self, import: Option<&String>) -> String {
        import.map_or_else(|| self.to_string(), |name| format!("{self} {name}"))
    }

    /// Whether nobody wrote it: it follows from what the targets are.
    pub(crate) fn is_inferred(self) -> bool {
        self != Self::Written
    }
}

impl fmt::Display for WaitReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Written => "written",
            Self::Environment => "environment",
            Self::Pipeline => "pipeline",
            Self::Import => "import",
        })
    }
}

impl PlanDocument {
    /// From what was assembled.
    pub(crate) fn new(
        repository: RepositoryName,
        branch: BranchName,
        commit: Option<CommitId>,
        manifest: &Manifest,
        assembly: &Assembly,
        diagnostics: Vec<ProblemDocument>,
    ) -> Self {
        let mut edges: BTreeMap<&TargetName, Vec<&Edge>> = BTreeMap::new();
        for edge in &assembly.edges {
            edges.entry(&edge.waiter).or_default().push(edge);
        }
        let targets = assembly.targets.iter().map(|target| {
            let edges = edges.get(&target.entry.name).into_iter().flatten();
            PlannedDocument {
                target: target.entry.name.clone(),
                kind: target.entry.kind,
                stack: target.entry.stack.clone(),
                location: target.entry.location.clone(),
                waits_on: edges.map(|edge| WaitDocument::new(&edge.dependency, &edge.reason)).collect(),
                shows_outputs_of: target.prepared.shows.iter().cloned().collect(),
                reads: target.prepared.reads.iter().map(ToString::to_string).collect(),
            }
        });
        Self {
            repository,
            branch,
            commit,
            manifest: manifest.path.to_string(),
            targets: targets.collect(),
            publish: assembly.publish.clone(),
            longest_path: assembly.longest_path.clone(),
            diagnostics,
        }
    }
}

impl WaitDocument {
    fn new(target: &TargetName, why: &Reason) -> Self {
        let (reason, span) = match why {
            Reason::Written(span) => (WaitReason::Written, Some(span)),
            Reason::Environment => (WaitReason::Environment, None),
            Reason::Pipeline => (WaitReason::Pipeline, None),
            Reason::Import(_) => (WaitReason::Import, None),
        };
        let import = match why {
            Reason::Import(name) => Some(name.clone()),
            _ => None,
        };
        let (line, column) = (span.map(|span| span.line), span.map(|span| span.column));
        Self { target: target.clone(), reason, line, column, import }
    }
}
