//! What is wrong is said, with the right exit status, and nothing hangs, panics or reads what it must not.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::repository::{Did, Repository, command};

#[test]
fn a_folder_that_is_not_there_is_wrong_usage() {
    let repository = Repository::good();
    for given in ["nowhere", "beta.yaml", "--", "-x"] {
        assert_eq!(repository.syncline(&["check", given, "extra", "more"]).status, Some(2), "{given}");
    }
    repository.syncline(&["check", "nowhere"]).ends(2, &["there is no folder `nowhere`"]);
    repository.syncline(&["check", "beta.yaml"]).ends(2, &["`beta.yaml` is not a folder"]);
}

#[test]
fn no_manifest_and_two_are_errors() {
    let repository = Repository::good();
    fs::create_dir(repository.at("web")).unwrap();
    repository.syncline(&["check", "web"]).ends(2, &["there is no manifest in `web`", "name that folder"]);
    repository.syncline(&["check", "--manifest", "ops.yaml"]).ends(2, &["there is no file `ops.yaml`"]);
    repository.syncline(&["check", "--manifest", "../x"]).ends(2, &["does not name a file in the repository"]);
    repository.syncline(&["check", "--manifest", "./syncline.yaml"]).ends(0, &["no problems"]);
    repository.write(".proton-ops.yaml", "");
    for command in [&["check"][..], &["plan", "-b", "main"], &["graph"], &["render", "-t", "beta"]] {
        repository.syncline(command).ends(1, &["more than one manifest: `syncline.yaml`, `.proton-ops.yaml`"]);
    }
    repository.syncline(&["init", "-y"]).ends(1, &["in the way", ".proton-ops.yaml"]);
}

#[test]
fn links_pipes_and_large_files_are_told_and_not_read() {
    let repository = Repository::good();
    let secret = Repository::empty();
    secret.write("secret", "proton: Secret\n");
    let bad = |why: &str| {
        let did = repository.syncline(&["check"]);
        did.ends(1, &[&format!("error: web.yaml: cannot be read: {why}")]);
        assert!(!did.stdout.contains("Secret"), "{did:#?}");
        fs::remove_file(repository.at("web.yaml")).unwrap();
    };
    fs::remove_file(repository.at("web.yaml")).unwrap();
    symlink("web.yaml", repository.at("web.yaml")).unwrap();
    bad("too many levels of symbolic links");
    symlink(secret.at("secret"), repository.at("web.yaml")).unwrap();
    bad("a symbolic link that leads out of the repository");
    assert!(Command::new("mkfifo").arg(repository.at("web.yaml")).status().unwrap().success());
    bad("not a file");
    File::create(repository.at("web.yaml")).unwrap().set_len(1 << 40).unwrap();
    bad("larger than 6291456 bytes");
    symlink("/dev/zero", repository.at("web.yaml")).unwrap();
    bad("a symbolic link that leads out of the repository");
    fs::write(repository.at("web.yaml"), b"\xff").unwrap();
    bad("not UTF-8 at byte 0");
    fs::remove_dir_all(repository.at("service-templates")).unwrap();
    symlink(secret.path(), repository.at("service-templates")).unwrap();
    repository.write("web.yaml", "proton: ServiceSpec\ninstances: [{name: beta, environment: beta}]\n");
    repository.write("syncline.yaml", "sync: {services: {web: {beta: {branch: main, spec: web.yaml}}}}\n");
    repository
        .syncline(&["check"])
        .ends(1, &["cannot read the folder `service-templates`: a symbolic link that leads"]);
}

/// As somebody who may not read everything: root may, whatever the permissions.
fn as_nobody(repository: &Repository, arguments: &[&str]) -> Did {
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if !is_root {
        return repository.syncline(arguments);
    }
    let place = tempfile::tempdir().unwrap();
    let program = place.path().join("syncline");
    // Copied by another process: a program that this one holds open for writing, if only in a child that another test
    // is just starting, cannot be run.
    assert!(Command::new("cp").arg(env!("CARGO_BIN_EXE_syncline")).arg(&program).status().unwrap().success());
    for folder in [place.path(), repository.path()] {
        fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    }
    command(&program, repository.path(), arguments).uid(65_534).gid(65_534).output().unwrap().into()
}

#[test]
fn what_may_not_be_read_is_no_empty_folder() {
    let repository = Repository::good();
    // The bundle is not named, so that the folder is looked into.
    repository.write("syncline.yaml", "sync: {services: {web: {beta: {branch: main, spec: web.yaml}}}}\n");
    let mode = |path: &str, mode| fs::set_permissions(repository.at(path), Permissions::from_mode(mode)).unwrap();
    mode("service-templates", 0o000);
    let did = as_nobody(&repository, &["check"]);
    mode("service-templates", 0o755);
    did.ends(1, &["cannot read the folder `service-templates`: permission denied"]);
    mode("web.yaml", 0o000);
    as_nobody(&repository, &["check"]).ends(1, &["web.yaml: cannot be read: permission denied"]);
}

#[test]
fn what_is_not_in_the_manifest_is_wrong_usage() {
    let repository = Repository::good();
    repository.syncline(&["plan", "-b", "mian"]).ends(2, &["from branch `mian`", "did you mean `main`?"]);
    repository.syncline(&["plan"]).ends(2, &["no branch was named", "`main` and `prod`"]);
    let help = "`--env NAME` with `--all`, or with `--name NAME` for some of it; there is `beta` and `prod`";
    repository.syncline(&["deploy"]).ends(2, &["nothing was named to deploy", help]);
    repository.syncline(&["graph", "--branch=--help"]).ends(2, &["from branch `--help`"]);
    repository.syncline(&["graph", "-b", "main", "--format", "png"]).ends(2, &["mermaid, dot, svg"]);
    repository.syncline(&["render"]).ends(2, &["--target"]);
    repository.syncline(&["render", "-t", "web/bta"]).ends(2, &["did you mean `web/beta`?"]);
    repository.syncline(&["render", "-t", "x"]).ends(2, &["there is `beta`, `prod`, `web/beta` and `web/prod`"]);
    repository.syncline(&["render", "-t", "web/beta", "-b", "prod"]).ends(2, &["`web/beta` is on branch `main`"]);
    repository.syncline(&["check", "-r", "no name"]).ends(2, &["`no name` is no repository's name"]);
    repository.syncline(&["check", "--account", "12"]).ends(2, &["12 digits"]);
}

#[test]
fn problems_in_files_end_every_command_with_one_and_one_document() {
    let repository = Repository::good();
    repository.write("web.yaml", "proton: ServiceSpec\ninstances: [{name: beta, environment: beta, spec: {a: 1}}]\n");
    for arguments in [&["check"][..], &["plan", "-b", "main"], &["graph", "-b", "main"], &["render", "-t", "web/beta"]]
    {
        let did = repository.syncline(arguments);
        did.ends(1, &["error: ", "web.yaml:2:"]);
        let did = repository.syncline(&[arguments, &["--output", "json"]].concat());
        did.ends(1, &[]);
        assert_eq!(did.json()["diagnostics"][0]["path"], "web.yaml", "{did:#?}");
        assert_eq!(did.stderr, "");
    }
    // What another target's files hold is no hindrance to this one.
    repository.syncline(&["render", "-t", "beta"]).ends(0, &["Queue"]);
}

#[test]
fn what_is_held_is_held_for_a_reason() {
    let repository = Repository::good();
    for command in [&["pause", "--all"][..], &["resume", "--all"], &["resolve", "web/beta"]] {
        for reason in ["", " "] {
            let did = repository.syncline(&[command, &["--reason", reason]].concat());
            did.ends(2, &["say why, in a few words"]);
        }
    }
    repository.syncline(&["pause", "--help"]).ends(0, &["Everything that this branch deploys"]);
    repository.syncline(&["resolve", "web/beta", "-b", "main", "--reason", "x"]).ends(2, &["unexpected argument '-b'"]);
}

#[test]
fn every_failure_is_one_document_too() {
    let repository = Repository::good();
    repository.write("empty/file", "");
    for (arguments, status) in [
        (&["plan", "-b", "mian"][..], 2),
        (&["render", "-t", "x"], 2),
        (&["check", "empty"], 2),
        (&["check", "nowhere"], 2),
        (&["init", "--yes"], 1),
        (&["status"], 1),
    ] {
        let did = repository.syncline(&[arguments, &["--output", "json"]].concat());
        assert_eq!(did.status, Some(status), "{did:#?}");
        let document = did.json();
        let message = document["error"]["message"].as_str().unwrap();
        assert!(did.stderr.starts_with(&format!("error: {message}\nhelp: ")), "{did:#?}");
        assert!(document["error"]["help"].is_string(), "{document:#}");
    }
}

#[test]
fn a_manifest_with_errors_does_not_hide_those_in_specs() {
    let repository = Repository::good();
    repository.write("syncline.yaml", &crate::repository::MANIFEST.replace("template: web@1", "templat: web@1"));
    repository.write("beta.yaml", "template-file-path: nowhere.yaml\n");
    repository.syncline(&["check"]).ends(1, &["unknown key `templat`", "there is no template `nowhere.yaml`"]);
    repository.syncline(&["plan", "-b", "main"]).ends(1, &["unknown key `templat`", "1 error"]);
}

#[test]
fn outputs_that_cannot_be_read_are_told() {
    let repository = Repository::good();
    let render = ["render", "-t", "web/beta", "--env-outputs"];
    let with = |file: &str| repository.syncline(&[&render[..], &[file]].concat());
    with("nowhere.yaml").ends(2, &["there is no file `nowhere.yaml`"]);
    with("service-templates").ends(1, &["cannot read `service-templates`: is a directory"]);
    repository.write("outputs", "{");
    with("outputs").ends(1, &["neither YAML nor JSON"]);
    repository.write("outputs", "[1]");
    with("outputs").ends(1, &["no `OutputKey`"]);
    repository.write("outputs", "Other: x");
    with("outputs").ends(1, &["Arn", "add what is missing to `outputs`, which has `Other`"]);
}

#[test]
fn nobody_listening_is_no_error() {
    let repository = Repository::good();
    for arguments in [&["plan", "-b", "main"][..], &["render", "-t", "beta"], &["check", "nowhere"]] {
        let program = Path::new(env!("CARGO_BIN_EXE_syncline"));
        let mut child = command(program, repository.path(), arguments);
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        drop(child.stderr.take());
        let expected = if arguments[0] == "check" { 2 } else { 0 };
        assert_eq!(child.wait().unwrap().code(), Some(expected), "{arguments:?}");
    }
}
