//! What is wrong with a repository's files.

use serde::Serialize;
use syncline_core::names::{BranchName, RepositoryName};

use crate::problems::ProblemDocument;

/// Everything that is wrong with a repository's files.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct CheckDocument {
    /// The repository.
    pub(crate) repository: RepositoryName,
    /// The manifest's path; `null` where it could not be told which it is.
    pub(crate) manifest: Option<String>,
    /// The branches that the manifest maps, in its order.
    pub(crate) branches: Vec<BranchName>,
    /// How many targets they have together.
    pub(crate) targets: usize,
    /// How many errors there are.
    pub(crate) errors: usize,
    /// How many warnings there are.
    pub(crate) warnings: usize,
    /// The problems, in the order of files and places.
    pub(crate) diagnostics: Vec<ProblemDocument>,
}
