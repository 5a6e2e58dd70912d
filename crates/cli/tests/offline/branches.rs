//! `--git`: each branch is read as it is committed, the manifest as it lies there.

use crate::repository::Repository;

const OTHER: &str = "template-file-path: queue.yaml\ntags: {team: another}\n";

#[test]
fn each_target_is_read_from_its_own_branch() {
    let repository = Repository::committed();
    repository.git(&["checkout", "--quiet", "prod"]);
    repository.write("beta.yaml", OTHER);
    repository.commit("another team");
    repository.git(&["checkout", "--quiet", "main"]);
    repository.write("beta.yaml", "not committed");
    repository.syncline(&["check"]).ends(1, &["beta.yaml"]);
    repository.syncline(&["check", "--git"]).ends(0, &["4 targets on 2 branches"]);
    repository.syncline(&["render", "-t", "beta", "--git"]).ends(0, &["team = platform"]);
    repository.syncline(&["render", "-t", "prod", "--git"]).ends(0, &["team = another"]);
    let document = repository.syncline(&["plan", "-b", "prod", "--git", "--output", "json"]).json();
    assert_eq!(document["commit"].as_str().unwrap().len(), 40);
}

#[test]
fn a_problem_says_on_which_branch_it_is() {
    let repository = Repository::committed();
    repository.git(&["checkout", "--quiet", "prod"]);
    repository.write("beta.yaml", "template-file-path: none.yaml\n");
    repository.commit("a template that is not there");
    repository.git(&["checkout", "--quiet", "main"]);
    repository.syncline(&["check", "--git"]).ends(1, &["as committed on branch `prod` at ", "none.yaml", "✗ 1 error"]);
    let document = repository.syncline(&["check", "--git", "--output", "json"]).json();
    assert_eq!(document["diagnostics"][0]["branch"], "prod");
    // The manifest is on no branch: it is the working copy's.
    repository.write("syncline.yaml", &crate::repository::MANIFEST.replace("    web:", "    none: {}\n    web:"));
    let document = repository.syncline(&["plan", "-b", "prod", "--git", "--output", "json"]).json();
    let branches: Vec<_> = document["diagnostics"].as_array().unwrap().iter().map(|one| &one["branch"]).collect();
    assert_eq!(branches, [&serde_json::Value::Null, &"prod".into()]);
}

#[test]
fn a_branch_that_is_behind_origin_is_pointed_out() {
    let repository = Repository::committed();
    repository.git(&["update-ref", "refs/remotes/origin/prod", "prod"]);
    let ahead = "at `origin` it is ahead";
    let did = repository.syncline(&["plan", "-b", "prod", "--git"]);
    assert!(!did.stderr.contains(ahead), "{did:#?}");
    repository.git(&["rm", "--quiet", "beta.yaml"]);
    repository.git(&["commit", "--quiet", "--message", "without it"]);
    repository.git(&["update-ref", "refs/remotes/origin/prod", "main"]);
    let catch_up = "`git update-ref refs/heads/prod refs/remotes/origin/prod` catches up";
    repository.syncline(&["plan", "-b", "prod", "--git"]).ends(0, &[ahead, catch_up]);
    // What is not there says where it was looked for, and where here is ahead nothing is to be said.
    let did = repository.syncline(&["check", "--git"]);
    did.ends(1, &["there is no file `beta.yaml` on branch `main` at ", ahead]);
    repository.git(&["update-ref", "refs/heads/prod", "main"]);
    repository.git(&["update-ref", "refs/remotes/origin/prod", "prod~1"]);
    assert!(!repository.syncline(&["check", "--git"]).stderr.contains(ahead));
}

#[test]
fn the_manifest_is_the_working_copys() {
    let repository = Repository::committed();
    repository.write("syncline.yaml", "app: shop\nsync: {environments: {new: {branch: prod, spec: beta.yaml}}}\n");
    repository.syncline(&["plan", "--git"]).ends(0, &["new", "branch prod"]);
}

#[test]
fn a_branch_that_is_only_at_origin_is_read_there_and_one_that_is_nowhere_is_told() {
    let repository = Repository::committed();
    repository.git(&["update-ref", "refs/remotes/origin/prod", "prod"]);
    repository.git(&["branch", "--quiet", "-D", "prod"]);
    repository.syncline(&["plan", "-b", "prod", "--git"]).ends(0, &["shop-web-prod"]);
    repository.git(&["update-ref", "-d", "refs/remotes/origin/prod"]);
    repository.syncline(&["plan", "-b", "prod", "--git"]).ends(2, &["there is no branch `prod` here, nor at `origin`"]);
    let did = repository.syncline(&["check", "--git"]);
    did.ends(1, &["there is no branch `prod` here, nor at `origin`, and `prod` is on it", "syncline.yaml:5:5"]);
}

#[test]
fn a_branch_that_is_called_like_an_option_is_refused_before_git_is_asked() {
    let repository = Repository::committed();
    let manifest = crate::repository::MANIFEST.replace("branch: prod", "branch: '--output=x'");
    repository.write("syncline.yaml", &manifest);
    repository.git(&["update-ref", "refs/heads/--output=x", "main"]);
    for arguments in [&["plan", "--git", "--branch=--output=x"][..], &["check", "--git"]] {
        repository.syncline(arguments).ends(1, &["`--output=x` cannot be the name of a branch"]);
    }
    assert!(!repository.at("x").exists());
}

#[test]
fn where_git_cannot_read_it_says_so() {
    let repository = Repository::good();
    repository.syncline(&["check", "--git"]).ends(2, &["git cannot read", "not a git repository", "leave out `--git`"]);
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_syncline"));
    let mut command = crate::repository::command(program, repository.path(), &["check", "--git"]);
    let did: crate::repository::Did = command.env("PATH", "").output().unwrap().into();
    did.ends(1, &["cannot run `git`: no such file or directory", "install Git"]);
}
