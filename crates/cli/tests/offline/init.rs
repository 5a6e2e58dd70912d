//! `init` writes an example that is good, and overwrites nothing.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::repository::Repository;

fn names(folder: &Path) -> BTreeSet<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn what_it_writes_passes_check_on_both_branches() {
    for options in [&["--yes"][..], &["--app", "a-1", "--branch", "release/1.0", "--next", "yes"], &["--next", "é"]] {
        let repository = Repository::empty();
        repository.syncline(&[&["init"], options].concat()).ends(0, &["syncline.yaml", "syncline check", "git push"]);
        repository.syncline(&["check"]).ends(0, &["✓ no problems: 4 targets on 2 branches"]);
        let did = repository.syncline(&["render", "-t", "hello/prod"]);
        did.ends(0, &["MessageRetentionPeriod: 1209600"]);
    }
}

#[test]
fn defaults_come_from_the_folder_and_what_is_checked_out() {
    let repository = Repository::empty();
    repository.git(&["init", "--quiet", "--initial-branch=trunk"]);
    let did = repository.syncline(&["init", "--output", "json"]);
    did.ends(0, &[]);
    let document = did.json();
    assert_eq!((&document["branch"], &document["next"]), (&"trunk".into(), &"prod".into()));
    assert_eq!(document["written"].as_array().unwrap().len(), 10);
    repository.syncline(&["init", "new/My_app"]).ends(0, &["syncline plan new/My_app -b main"]);
    repository.syncline(&["plan", "new/My_app", "-b", "main"]).ends(0, &["My-app-hello-beta"]);
}

#[test]
fn the_next_branch_is_made_before_the_first_push() {
    let repository = Repository::empty();
    repository.git(&["init", "--quiet", "--initial-branch=main"]);
    let first =
        "  git commit --allow-empty -m Begin && git push origin main && git branch prod && git push origin prod ";
    repository.syncline(&["init", "--yes"]).ends(0, &[first]);
    repository.commit("an example");
    repository.git(&["branch", "stage"]);
    let did = repository.syncline(&["init", "--yes", "--next", "stage", "other"]);
    did.ends(0, &["  git -C other push origin main && git -C other push origin stage "]);
    assert!(!did.stderr.contains("git branch"), "{did:#?}");
    repository.git(&["update-ref", "refs/remotes/origin/main", "main"]);
    let third = "  git -C third branch prod && git -C third push origin prod ";
    repository.syncline(&["init", "--yes", "third"]).ends(0, &[third]);
    repository.git(&["update-ref", "refs/remotes/origin/prod", "main"]);
    let did = repository.syncline(&["init", "--yes", "fourth"]);
    assert!(!did.stderr.contains("origin prod"), "{did:#?}");
}

#[test]
fn nothing_is_overwritten_or_written_beside_what_is_there() {
    let outside = Repository::empty();
    for put in ["syncline.yaml", "hello", "hello/spec.yaml", "proton-ops.yml", "environments"] {
        let repository = Repository::empty();
        if put == "environments" {
            symlink(outside.path(), repository.at(put)).unwrap();
        } else {
            repository.write(put, "mine");
        }
        let before = names(repository.path());
        repository.syncline(&["init"]).ends(1, &["nothing was written", &format!("\n  {put}\n")]);
        assert_eq!(names(repository.path()), before, "{put}");
    }
    assert_eq!(names(outside.path()), BTreeSet::new());
}

#[test]
fn names_that_cannot_be_are_wrong_usage() {
    let repository = Repository::empty();
    for options in [["--app", "1"], ["--branch", "a b"], ["--next", "a..b"], ["--branch", "prod"]] {
        repository.syncline(&[&["init"][..], &options].concat()).ends(2, &["error: "]);
        assert_eq!(names(repository.path()), BTreeSet::new(), "{options:?}");
    }
}
