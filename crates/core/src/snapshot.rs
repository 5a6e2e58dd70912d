//! What was read of a repository at one commit, kept for the next: a file that no commit since has changed is not read again.
//!
//! So the cost of reading follows the size of the change. Where a snapshot is kept, and how it is found out which paths
//! changed, is for whoever calls.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::files::{Entry, Files};
use crate::names::{CommitId, RepoPath};

/// What stood at some paths at a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The commit.
    pub commit: CommitId,
    entries: BTreeMap<RepoPath, Entry>,
}

/// A path at which two commits differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The path of a file.
    pub path: RepoPath,
    /// Whether the file is there at one of the two only: folders change then too.
    pub comes_or_goes: bool,
}

impl Snapshot {
    /// What was read at a commit.
    pub fn of(commit: CommitId, files: &Files) -> Self {
        Self { commit, entries: files.asked_for().map(|(path, entry)| (path.clone(), entry.clone())).collect() }
    }

    /// How many paths it knows.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What stands at those paths at a commit that differs in these ones, as far as that is still known.
    pub fn at(mut self, changes: &[Change]) -> Files {
        for Change { path, comes_or_goes } in changes {
            self.entries.remove(path);
            if !comes_or_goes {
                continue;
            }
            // Each folder that it is in names something else, or begins or ceases to be; the root has no parent.
            let mut folder = path.parent();
            while folder != RepoPath::root() {
                self.entries.remove(&folder);
                folder = folder.parent();
            }
            self.entries.remove(&folder);
            // And where a file has come, there may have been a folder.
            let below = format!("{path}/");
            let gone: Vec<RepoPath> =
                self.entries.keys().filter(|known| known.as_str().starts_with(&below)).cloned().collect();
            for known in gone {
                self.entries.remove(&known);
            }
        }
        Files::with_known(self.entries)
    }
}
