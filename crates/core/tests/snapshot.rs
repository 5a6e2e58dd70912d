//! What was read of a repository at one commit, and is still known at another: never anything but what stands there.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[allow(dead_code, reason = "each test uses a part of it")]
mod support;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use support::{Repository, insert};
use syncline_core::files::{Files, Want};
use syncline_core::names::{CommitId, RepoPath};
use syncline_core::snapshot::{Change, Snapshot};

fn path(text: &str) -> RepoPath {
    if text.is_empty() { RepoPath::root() } else { RepoPath::parse(text).unwrap() }
}

/// What is read there of a repository.
fn read(repository: &Repository, wanted: &[Want]) -> Files {
    let mut files = Files::default();
    for want in wanted {
        insert(repository, want.clone(), &mut files);
        files.want(want.clone());
    }
    files
}

fn differences(before: &Repository, after: &Repository) -> Vec<Change> {
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changed = paths.into_iter().filter(|path| before.get(*path) != after.get(*path));
    let change = |text: &String| Change {
        path: path(text),
        comes_or_goes: before.contains_key(text) != after.contains_key(text),
    };
    changed.map(change).collect()
}

/// Files of a small repository. Where one is in the way of another, the longer path stands.
fn repository() -> impl Strategy<Value = Repository> {
    let path = prop::sample::select(vec!["a", "a/b", "a/b/c", "a/d", "a/e/f", "g", "g/h", "i/j/k", "l"]);
    let content = prop::sample::select(vec!["0", "1", "2"]).prop_map(str::to_owned);
    prop::collection::btree_map(path.prop_map(str::to_owned), content, 0..7).prop_map(|files| {
        let is_folder = |path: &str| files.keys().any(|other| other.starts_with(&format!("{path}/")));
        let stands = |(path, _): &(&String, &String)| !is_folder(path);
        files.iter().filter(stands).map(|(path, content)| (path.clone(), content.clone())).collect::<BTreeMap<_, _>>()
    })
}

proptest! {
    #[test]
    fn what_is_still_known_is_what_stands_there(before in repository(), after in repository()) {
        let paths = ["", "a", "a/b", "a/b/c", "a/d", "a/e", "a/e/f", "g", "g/h", "i", "i/j", "i/j/k", "l", "m"];
        for want in [Want::File, Want::Folder] {
            let wanted: Vec<Want> = paths.iter().map(|text| want(path(text))).collect();
            let kept = Snapshot::of(CommitId::new("1"), &read(&before, &wanted));
            let mut later = kept.at(&differences(&before, &after));
            let mut stands = read(&after, &wanted);
            for want in wanted {
                if let Some(known) = later.want(want.clone()) {
                    prop_assert_eq!(Some(known), stands.want(want.clone()), "at {:?}", want);
                }
            }
        }
    }
}

#[test]
fn only_what_changed_is_read_again_and_only_what_was_asked_for_is_kept() {
    let repository: Repository = ["a", "b/c", "b/d"].map(|text| (text.to_owned(), text.to_owned())).into();
    let of_b = [Want::Folder(path("b")), Want::File(path("b/c")), Want::File(path("b/d"))];
    let files = read(&repository, &[&of_b[..], &[Want::File(path("a"))]].concat());
    let change = Change { path: path("b/c"), comes_or_goes: false };
    let mut later = Snapshot::of(CommitId::new("1"), &files).at(&[change]);
    for want in &of_b {
        later.want(want.clone());
    }
    assert_eq!(later.take_wanted(), BTreeSet::from([Want::File(path("b/c"))]));
    assert_eq!(Snapshot::of(CommitId::new("2"), &later).len(), 2, "`a` was not asked for, `b/c` is not read yet");
}
