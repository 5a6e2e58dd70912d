//! A connected repository of a test: an example copied under another name, pushed with `git`, its syncs awaited.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use syncline_aws::table::{SyncRecord, Table, TargetRecord};
use syncline_core::names::{BranchName, CommitId, RepositoryName, SyncId, TargetName};
use syncline_core::status::{SyncStatus, TargetStatus};

use super::world::{World, root, world};

/// How long a sync is waited for where nobody says otherwise. None takes a tenth of it on an idle machine, where nothing goes wrong.
const PATIENCE: Duration = Duration::from_secs(150);

/// A connected repository and a clone of it.
pub(crate) struct Repository {
    pub(crate) world: &'static World,
    pub(crate) name: String,
    pub(crate) table: Table,
    /// How long a sync is waited for.
    pub(crate) patience: Duration,
    clone: tempfile::TempDir,
}

impl Repository {
    /// An example, with `shop` replaced by `name` everywhere, so that no two tests share a stack or an export. It has the
    /// branches `main` and `prod`; nothing is pushed to `main` yet.
    pub(crate) async fn of_example(example: &str, name: &str) -> Self {
        Self::of_example_in(world().await, example, name).await
    }

    /// The same in a local AWS of its own.
    pub(crate) async fn of_example_in(world: &'static World, example: &str, name: &str) -> Self {
        let repository = Self::empty_in(world, name).await;
        copy(&root().join("examples").join(example), repository.path(), name);
        repository
    }

    /// A repository with the branches `main` and `prod`, both at an empty commit; `prod` was there before it was connected.
    pub(crate) async fn empty(name: &str) -> Self {
        Self::empty_in(world().await, name).await
    }

    async fn empty_in(world: &'static World, name: &str) -> Self {
        world.codecommit().await.create_repository().repository_name(name).send().await.unwrap();
        let repository = Self {
            world,
            name: name.to_owned(),
            table: world.table().await,
            patience: PATIENCE,
            clone: tempfile::tempdir().unwrap(),
        };
        repository.git(&["init", "--quiet", "--initial-branch", "main"]);
        repository.git(&["remote", "add", "origin", &world.clone_url(name)]);
        repository.git(&["commit", "--quiet", "--allow-empty", "--message", "Begin"]);
        repository.git(&["branch", "prod"]);
        repository.git(&["push", "--quiet", world.bare_repository(name).to_str().unwrap(), "prod"]);
        repository
    }

    /// A repository whose services have one instance each, `<service>/i`, of `main`: its template, `t<service>.yaml`, is still to
    /// be written. The second of a pair is what the first depends on.
    pub(crate) async fn of_services(name: &str, services: &[(&str, Option<&str>)]) -> Self {
        let repository = Self::empty(name).await;
        let mut manifest = format!("app: {name}\nsync:\n  services:\n");
        for (service, dependency) in services {
            let depends_on = dependency.map(|dependency| format!("depends_on: {dependency}, ")).unwrap_or_default();
            manifest.push_str(&format!("    {service}: {{{depends_on}i: {{branch: main, spec: {service}.yaml}}}}\n"));
            repository.write(&format!("{service}.yaml"), &format!("template-file-path: t{service}.yaml\n"));
        }
        repository.write("syncline.yaml", &manifest);
        repository
    }

    /// The clone's folder.
    pub(crate) fn path(&self) -> &Path {
        self.clone.path()
    }

    /// Writes a file of the clone.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Changes a file of the clone.
    pub(crate) fn replace(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path().join(path)).unwrap();
        assert!(text.contains(from), "`{from}` is not in {path}");
        self.write(path, &text.replace(from, to));
    }

    /// Commits everything and pushes it to `main`.
    pub(crate) fn push(&self, message: &str) -> CommitId {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["push", "--quiet", "origin", "main"]);
        CommitId::new(self.git(&["rev-parse", "HEAD"]).trim())
    }

    /// Runs `git` in the clone.
    pub(crate) fn git(&self, words: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=Tester", "-c", "user.email=tester@shop.example", "-c", "commit.gpgsign=false"])
            .args(words)
            .current_dir(self.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(crate) fn repository_name(&self) -> RepositoryName {
        RepositoryName::new(&self.name)
    }

    /// The newest sync of a branch at a commit, once it is over.
    pub(crate) async fn sync_of(&self, branch: &str, commit: &CommitId) -> SyncRecord {
        self.await_sync(branch, &format!("a sync of {commit} that is over"), |sync| {
            sync.commit == *commit && sync.status.is_terminal()
        })
        .await
    }

    /// The newest sync of a branch that is as wanted, as soon as there is one.
    pub(crate) async fn await_sync(
        &self,
        branch: &str,
        what: &str,
        is_wanted: impl Fn(&SyncRecord) -> bool,
    ) -> SyncRecord {
        let began = Instant::now();
        loop {
            let syncs =
                self.table.syncs_of_branch(&self.repository_name(), &BranchName::new(branch), 50).await.unwrap();
            if let Some(sync) = syncs.iter().find(|sync| is_wanted(sync)) {
                return self.table.sync(&sync.sync).await.unwrap().unwrap();
            }
            if began.elapsed() > self.patience {
                let mut seen = Vec::new();
                for sync in &syncs {
                    seen.push(format!("{} {} {:?}", sync.commit.short(), sync.status, self.statuses(&sync.sync).await));
                }
                panic!("waited in vain for {what} on `{branch}`; there are {seen:#?}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Pushes and waits until its sync is over.
    pub(crate) async fn push_and_wait(&self, message: &str) -> SyncRecord {
        let commit = self.push(message);
        self.sync_of("main", &commit).await
    }

    /// Every target that a sync deployed, by name.
    pub(crate) async fn targets(&self, sync: &SyncId) -> BTreeMap<String, TargetRecord> {
        let targets = self.table.targets(sync).await.unwrap();
        targets.into_iter().map(|target| (target.planned.name.to_string(), target)).collect()
    }

    /// Every target's status in a sync, those that it left alone included.
    pub(crate) async fn statuses(&self, sync: &SyncId) -> BTreeMap<String, TargetStatus> {
        let mut statuses: BTreeMap<String, TargetStatus> =
            self.targets(sync).await.into_iter().map(|(name, target)| (name, target.status)).collect();
        let verdict = self.table.verdict(sync).await.unwrap();
        statuses
            .extend(verdict.unchanged.into_iter().map(|name: TargetName| (name.to_string(), TargetStatus::Unchanged)));
        statuses
    }

    /// Asserts that a sync succeeded, and says why where it did not.
    pub(crate) async fn assert_succeeded(&self, sync: &SyncRecord) {
        if sync.status != SyncStatus::Succeeded {
            let reasons: Vec<_> = self
                .targets(&sync.sync)
                .await
                .into_iter()
                .map(|(name, target)| (name, target.status, target.reason))
                .collect();
            panic!("the sync is {}: {:?} {:#?} {reasons:#?}", sync.status, sync.reason, sync.diagnostics);
        }
    }

    /// The open pull requests of the repository.
    pub(crate) async fn open_pull_requests(&self) -> Vec<String> {
        let client = self.world.codecommit().await;
        let status = aws_sdk_codecommit::types::PullRequestStatusEnum::Open;
        let found =
            client.list_pull_requests().repository_name(&self.name).pull_request_status(status).send().await.unwrap();
        found.pull_request_ids().to_vec()
    }

    /// The names of the stacks that begin so.
    pub(crate) async fn stacks(&self, prefix: &str) -> Vec<String> {
        let client = aws_sdk_cloudformation::Client::new(&self.world.configuration().await);
        let found = client.describe_stacks().into_paginator().items().send();
        let stacks: Vec<_> = found.try_collect().await.unwrap();
        stacks
            .iter()
            .filter_map(|stack| stack.stack_name())
            .filter(|name| name.starts_with(prefix))
            .map(str::to_owned)
            .collect()
    }
}

/// Copies a folder's files, replacing `shop` by `name` in each.
fn copy(from: &Path, to: &Path, name: &str) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target: PathBuf = to.join(entry.file_name().to_string_lossy().replace("shop", name));
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target, name);
        } else {
            fs::write(target, fs::read_to_string(entry.path()).unwrap().replace("shop", name)).unwrap();
        }
    }
}

/// A template with one parameter of SSM. Its description can have it take its time or fail: `sleep=3`, `fail=no room`.
pub(crate) fn parameter(value: &str, description: &str) -> String {
    format!(
        "Resources:\n  P: {{Type: AWS::SSM::Parameter, Properties: {{Type: String, Value: {value}, Description: {description}}}}}\n"
    )
}
