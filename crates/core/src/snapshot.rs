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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::files::Want;

    fn path(text: &str) -> RepoPath {
        RepoPath::parse(text).unwrap()
    }

    /// What stands at a path of a repository with these files.
    fn entry(repository: &BTreeMap<String, u8>, path: &str) -> Entry {
        if let Some(content) = repository.get(path) {
            return Entry::Text(content.to_string());
        }
        let below = if path.is_empty() { String::new() } else { format!("{path}/") };
        let (mut files, mut folders) = (BTreeSet::new(), BTreeSet::new());
        for rest in repository.keys().filter_map(|known| known.strip_prefix(&below)) {
            match rest.split_once('/') {
                Some((folder, _)) => folders.insert(folder.to_owned()),
                None => files.insert(rest.to_owned()),
            };
        }
        if files.is_empty() && folders.is_empty() { Entry::Absent } else { Entry::Folder { files, folders } }
    }

    fn differences(before: &BTreeMap<String, u8>, after: &BTreeMap<String, u8>) -> Vec<Change> {
        let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let changed = paths.into_iter().filter(|path| before.get(*path) != after.get(*path));
        let change = |text: &String| Change {
            path: path(text),
            comes_or_goes: before.contains_key(text) != after.contains_key(text),
        };
        changed.map(change).collect()
    }

    /// Files of a small repository. Where one is in the way of another, the longer path stands.
    fn repository() -> impl Strategy<Value = BTreeMap<String, u8>> {
        let path = prop::sample::select(vec!["a", "a/b", "a/b/c", "a/d", "a/e/f", "g", "g/h", "i/j/k", "l"]);
        prop::collection::btree_map(path.prop_map(str::to_owned), 0..3_u8, 0..7).prop_map(|files| {
            let is_folder = |path: &str| files.keys().any(|other| other.starts_with(&format!("{path}/")));
            files.iter().filter(|(path, _)| !is_folder(path)).map(|(path, content)| (path.clone(), *content)).collect()
        })
    }

    proptest! {
        #[test]
        fn what_is_still_known_is_what_stands_there(before in repository(), after in repository()) {
            let paths = ["a", "a/b", "a/b/c", "a/d", "a/e", "a/e/f", "g", "g/h", "i", "i/j", "i/j/k", "l", "m"];
            let mut files = Files::default();
            for text in paths.iter().chain(&[""]) {
                let path = if text.is_empty() { RepoPath::root() } else { path(text) };
                files.insert(path.clone(), entry(&before, text));
                files.want(Want::File(path));
            }
            let kept = Snapshot::of(CommitId::new("1"), &files);
            let mut later = kept.at(&differences(&before, &after));
            for text in paths.iter().chain(&[""]) {
                let path = if text.is_empty() { RepoPath::root() } else { path(text) };
                if let Some(known) = later.want(Want::File(path)) {
                    prop_assert_eq!(known, &entry(&after, text), "at {:?}", text);
                }
            }
        }
    }

    #[test]
    fn only_what_changed_is_read_again_and_only_what_was_asked_for_is_kept() {
        let mut files = Files::default();
        for text in ["a", "b/c", "b/d"] {
            files.insert_text(path(text), text);
            files.want(Want::File(path(text)));
        }
        files.insert(
            path("b"),
            Entry::Folder { files: BTreeSet::from(["c".into(), "d".into()]), folders: BTreeSet::new() },
        );
        files.want(Want::Folder(path("b")));
        let change = Change { path: path("b/c"), comes_or_goes: false };
        let mut later = Snapshot::of(CommitId::new("1"), &files).at(&[change]);
        for text in ["b", "b/c", "b/d"] {
            later.want(Want::File(path(text)));
        }
        assert_eq!(later.take_wanted(), BTreeSet::from([Want::File(path("b/c"))]));
        let kept = Snapshot::of(CommitId::new("2"), &later);
        assert_eq!(kept.entries.keys().map(RepoPath::as_str).collect::<Vec<_>>(), ["b", "b/d"]);
    }
}
