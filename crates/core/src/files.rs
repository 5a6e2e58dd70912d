//! The files of a repository at one commit, as far as they were read.
//!
//! The core does no I/O. Where it needs a file that is not here yet, it says so ([`Files::want`]), whoever called
//! it reads what is wanted and calls again: each round reads side by side, and a repository is read no
//! further than a manifest reaches into it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::diagnostic::Diagnostic;
use crate::names::RepoPath;
use crate::yaml::{self, Node};

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// A file's text.
    Text(String),
    /// A file that is not text, or larger than we read; what is wrong with it.
    Unreadable(String),
    /// A folder: the names of the files and of the folders in it.
    Folder {
        /// Files.
        files: BTreeSet<String>,
        /// Folders.
        folders: BTreeSet<String>,
    },
    /// Nothing.
    Absent,
}

/// What the core asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    /// The text of a file.
    File(RepoPath),
    /// The names in a folder.
    Folder(RepoPath),
}

/// The entries read so far, and those wanted next.
#[derive(Clone, Debug, Default)]
pub struct Files {
    entries: BTreeMap<RepoPath, Entry>,
    /// What is known from before, until somebody asks for it.
    known: BTreeMap<RepoPath, Entry>,
    wanted: BTreeSet<Want>,
    /// Whether anything was read that was not known from before.
    has_news: bool,
    trees: BTreeMap<RepoPath, Tree>,
}

/// A YAML file's tree, or why it has none. Many targets may be made from one file.
pub type Tree = Arc<Result<Node, Diagnostic>>;

impl Files {
    /// The largest file that is read, in bytes: CodeCommit's own limit on `GetFile`. Each format has a limit of its own
    /// below it; a manifest may be as large as this.
    ///
    /// <https://docs.aws.amazon.com/codecommit/latest/userguide/limits.html>
    pub const MAX_FILE_BYTES: usize = 6 << 20;

    /// Files of which some are known from before.
    pub(crate) fn with_known(known: BTreeMap<RepoPath, Entry>) -> Self {
        Self { known, ..Self::default() }
    }

    /// What was asked for and is here.
    pub(crate) fn asked_for(&self) -> impl Iterator<Item = (&RepoPath, &Entry)> {
        self.entries.iter()
    }

    /// Adds a file by its bytes.
    pub fn insert_bytes(&mut self, path: RepoPath, bytes: Vec<u8>) {
        let entry = if bytes.len() > Self::MAX_FILE_BYTES {
            Entry::Unreadable(format!("larger than {} bytes", Self::MAX_FILE_BYTES))
        } else {
            match String::from_utf8(bytes) {
                Ok(text) => Entry::Text(text),
                Err(error) => Entry::Unreadable(format!("not UTF-8 at byte {}", error.utf8_error().valid_up_to())),
            }
        };
        self.insert(path, entry);
    }

    /// Adds a file by its text.
    pub fn insert_text(&mut self, path: RepoPath, text: impl Into<String>) {
        self.insert(path, Entry::Text(text.into()));
    }

    /// Adds whatever stands at a path.
    pub fn insert(&mut self, path: RepoPath, entry: Entry) {
        self.trees.remove(&path);
        self.has_news = true;
        self.entries.insert(path, entry);
    }

    /// Whether anything was read that was not known from before.
    pub fn has_news(&self) -> bool {
        self.has_news
    }

    /// What stands at a path, as far as that was read.
    pub fn get(&self, path: &RepoPath) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// The text of a file that was read.
    pub fn text(&self, path: &RepoPath) -> Option<&str> {
        match self.entries.get(path) {
            Some(Entry::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The tree of a file that was read, parsed once; nothing where it was not read.
    pub fn tree(&mut self, path: &RepoPath) -> Option<Tree> {
        if let Some(tree) = self.trees.get(path) {
            return Some(tree.clone());
        }
        let tree = Arc::new(yaml::parse(path, self.text(path)?));
        self.trees.insert(path.clone(), tree.clone());
        Some(tree)
    }

    /// The entry at a path; where it was not read yet, it is noted as wanted.
    pub fn want(&mut self, want: Want) -> Option<&Entry> {
        let (Want::File(path) | Want::Folder(path)) = &want;
        if !self.entries.contains_key(path) {
            let Some(entry) = self.known.remove(path) else {
                self.wanted.insert(want);
                return None;
            };
            self.entries.insert(path.clone(), entry);
        }
        let (Want::File(path) | Want::Folder(path)) = &want;
        self.entries.get(path)
    }

    /// What to read before the next round. Empty when nothing is missing.
    pub fn take_wanted(&mut self) -> BTreeSet<Want> {
        std::mem::take(&mut self.wanted)
    }
}
