//! A CodeCommit in this process, a client for it, and `git` without anybody's configuration.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_codecommit::Client;
use aws_sdk_codecommit::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_codecommit::error::ProvideErrorMetadata;
use syncline_local::codecommit::events::{Event, Recorded};
use syncline_local::codecommit::server::CodeCommit;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub(crate) struct Server {
    pub(crate) folder: TempDir,
    pub(crate) codecommit: CodeCommit,
    pub(crate) client: Client,
    recorded: Arc<Recorded>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::on(tempfile::tempdir().unwrap())
    }

    /// The same repositories behind a new server.
    pub(crate) async fn restart(self) -> Self {
        let Self { folder, codecommit, .. } = self;
        codecommit.stop();
        Self::on(folder)
    }

    fn on(folder: TempDir) -> Self {
        let recorded = Arc::new(Recorded::default());
        let codecommit = CodeCommit::start(&folder.path().join("data"), None, recorded.clone()).unwrap();
        let client = client(&codecommit.endpoint());
        Self { folder, codecommit, client, recorded }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn url(&self, repository: &str) -> String {
        self.codecommit.clone_url(repository)
    }

    /// Creates a repository over the API and clones it.
    pub(crate) async fn repository_with_clone(&self, name: &str) -> PathBuf {
        let created = self.client.create_repository().repository_name(name).send().await.unwrap();
        let url = created.repository_metadata.unwrap().clone_url_http.unwrap();
        git(self.folder.path(), &["clone", "-q", &url, name]);
        let clone = self.folder.path().join(name);
        git(&clone, &["checkout", "-q", "-b", "main"]);
        clone
    }

    /// Waits until so many events have come, and no more.
    pub(crate) async fn events(&self, count: usize) -> Vec<Event> {
        let started = Instant::now();
        while self.recorded.events().len() < count && started.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let events = self.recorded.events();
        assert_eq!(events.len(), count, "{events:#?}");
        events
    }

    /// The status of a GET whose path is sent as it is.
    pub(crate) async fn status_of(&self, path: &str) -> u16 {
        let address = self.codecommit.endpoint().replace("http://", "");
        let mut connection = tokio::net::TcpStream::connect(&address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).split(' ').nth(1).unwrap().parse().unwrap()
    }
}

/// The SDK's client for a CodeCommit.
pub(crate) fn client(endpoint: &str) -> Client {
    let config = aws_sdk_codecommit::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .build();
    Client::from_conf(config)
}

/// Commits a file, pushes the branch and returns the commit's id.
pub(crate) fn commit(clone: &Path, file: &str, content: &str, branch: &str) -> String {
    std::fs::write(clone.join(file), content).unwrap();
    git(clone, &["add", "."]);
    git(clone, &["commit", "-q", "-m", file]);
    git(clone, &["push", "-q", "origin", &format!("HEAD:{branch}")]);
    git(clone, &["rev-parse", "HEAD"])
}

/// The name of the exception.
pub(crate) fn code(error: &impl ProvideErrorMetadata) -> &str {
    error.code().unwrap_or_default()
}

/// Runs `git`, which must succeed, and returns what it printed.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .envs(["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"].map(|name| (name, "Ada")))
        .envs(["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"].map(|name| (name, "ada@example.com")))
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
