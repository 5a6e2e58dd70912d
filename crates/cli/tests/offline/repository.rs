//! A repository that a test makes, and the command run on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A good manifest of two branches.
pub(crate) const MANIFEST: &str = "\
app: shop
sync:
  environments:
    beta: {branch: main, spec: beta.yaml}
    prod: {branch: prod, spec: beta.yaml}
  services:
    web:
      template: web@1
      beta: {branch: main, spec: web.yaml}
      prod: {branch: prod, spec: web.yaml}
  publish: {from: main, to: prod}
";

const QUEUE: &str = "Resources: {Queue: {Type: 'AWS::SQS::Queue'}}\n";

const FILES: [(&str, &str); 7] = [
    ("syncline.yaml", MANIFEST),
    ("beta.yaml", "template-file-path: queue.yaml\ntags: {team: platform}\n"),
    ("queue.yaml", QUEUE),
    (
        "web.yaml",
        "proton: ServiceSpec\ninstances:\n  - {name: beta, environment: beta}\n  - {name: prod, environment: prod}\n",
    ),
    (
        "service-templates/web/v1/schema/schema.yaml",
        "schema:\n  format: {openapi: '3.0.0'}\n  service_input_type: T\n  types: {T: {type: object}}\n",
    ),
    (
        "service-templates/web/v1/instance_infrastructure/manifest.yaml",
        "infrastructure:\n  templates: [{file: c.yaml, rendering_engine: jinja, template_language: cloudformation}]\n",
    ),
    (
        "service-templates/web/v1/instance_infrastructure/c.yaml",
        "Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n    Metadata: {{ environment.outputs.Arn }}, {{ environment.account_id }}\n",
    ),
];

/// A folder that goes when the test ends.
pub(crate) struct Repository {
    folder: tempfile::TempDir,
}

/// What the command did.
#[derive(Debug)]
pub(crate) struct Did {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Repository {
    /// Nothing in it.
    pub(crate) fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A good one: an environment and an instance in it, for each of two branches.
    pub(crate) fn good() -> Self {
        let repository = Self::empty();
        for (path, text) in FILES {
            repository.write(path, text);
        }
        repository
    }

    /// The same, committed on `main` and `prod`, with `main` checked out.
    pub(crate) fn committed() -> Self {
        let repository = Self::good();
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.commit("all of it");
        repository.git(&["branch", "prod"]);
        repository
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), text).unwrap();
    }

    /// The text of a file.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap()
    }

    pub(crate) fn git(&self, arguments: &[&str]) {
        let mut git = Command::new("git");
        git.arg("-C").arg(self.path()).args(["-c", "user.name=t", "-c", "user.email=t@example.com"]);
        let output = git.args(["-c", "commit.gpgsign=false"]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    /// Runs `syncline` there, with no AWS to ask: nothing in the environment but the path to `git`.
    pub(crate) fn syncline(&self, arguments: &[&str]) -> Did {
        command(Path::new(env!("CARGO_BIN_EXE_syncline")), self.path(), arguments).output().unwrap().into()
    }
}

pub(crate) fn command(program: &Path, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).current_dir(folder).args(arguments).stdin(Stdio::null());
    command
}

impl From<Output> for Did {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Did {
    /// It ended with this status, and said this somewhere.
    #[track_caller]
    pub(crate) fn ends(&self, status: i32, says: &[&str]) {
        assert_eq!(self.status, Some(status), "{self:#?}");
        for text in says {
            assert!(self.stdout.contains(text) || self.stderr.contains(text), "does not say `{text}`: {self:#?}");
        }
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
    }

    /// Its standard output as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}
