//! The emulator's process: its environment, its start, its health and its end.
//!
//! What it does differently from plain MiniStack is in `emulator/serve.py`; here is only how it is run. It runs in a
//! process group of its own, together with the functions that it starts, so both can be ended and nothing else can.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::{Faults, REGION};

/// The wrapper around MiniStack, carried in the binary so that it needs no file beside it.
const SERVE: &str = include_str!("../emulator/serve.py");

/// Two seconds are usual; a machine that is busy building takes its time.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How long the emulator may take to end politely, which includes writing what it keeps.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// What the emulator is started with, and started again with.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) python: PathBuf,
    pub(crate) state_dir: PathBuf,
    pub(crate) port: u16,
    pub(crate) codecommit_endpoint: String,
    pub(crate) enforce_iam: bool,
    pub(crate) persist: bool,
    pub(crate) record_calls: bool,
    /// What functions call AWS through, where faults are wanted.
    pub(crate) faults: Option<Faults>,
}

impl Settings {
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.state_dir.join("emulator.log")
    }

    /// The emulator's environment, which the functions that it runs inherit.
    fn environment(&self) -> Vec<(&'static str, String)> {
        let flag = |on: bool| if on { "1" } else { "0" }.to_owned();
        let folder = |name: &str| self.state_dir.join(name).display().to_string();
        let local = |port: u16| format!("http://127.0.0.1:{port}");
        let (endpoint, codecommit) = match &self.faults {
            Some(faults) => (local(faults.emulator), local(faults.codecommit)),
            None => (self.endpoint(), self.codecommit_endpoint.clone()),
        };
        let proxies = self.faults.map(|faults| {
            let (emulator, codecommit) = (self.endpoint(), &self.codecommit_endpoint);
            format!("{}={emulator} {}={codecommit}", faults.emulator, faults.codecommit)
        });
        vec![
            // A port and what lies behind it, for each proxy.
            ("FAULT_PROXIES", proxies.unwrap_or_default()),
            ("BIND_HOST", "127.0.0.1".to_owned()),
            ("GATEWAY_PORT", self.port.to_string()),
            // Functions call AWS where these point.
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_ENDPOINT_URL_CODECOMMIT", codecommit),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("AUTH", self.enforce_iam.to_string()),
            ("CLOUDTRAIL_RECORDING", flag(self.record_calls)),
            ("CLOUDTRAIL_MAX_EVENTS", "1000000".to_owned()),
            ("PERSIST_STATE", flag(self.persist)),
            ("S3_PERSIST", flag(self.persist)),
            ("STATE_DIR", folder("emulator")),
            ("S3_DATA_DIR", folder("emulator-s3")),
            ("TMPDIR", folder("tmp")),
            // Calls of the API that wait for a function wait on these threads, and a function calls the API again.
            ("MINISTACK_WORKER_THREADS", "256".to_owned()),
            // Listeners at fixed ports, which two emulators on one machine would fight over.
            ("SFTP_ENABLED", "0".to_owned()),
            ("IOT_MTLS_ENABLED", "0".to_owned()),
            // Functions are processes here. With a Docker daemon in reach it would also look after containers.
            ("DOCKER_HOST", format!("unix://{}", folder("no-docker"))),
            ("PYTHONUNBUFFERED", "1".to_owned()),
            ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
        ]
    }
}

/// The Python that has MiniStack.
pub(crate) fn python(tools_dir: &Path) -> PathBuf {
    tools_dir.join("emulator/bin/python")
}

/// A running emulator. Dropping it kills its process group.
#[derive(Debug)]
pub(crate) struct Emulator {
    child: Child,
    group: Pid,
}

impl Emulator {
    /// Starts the emulator and waits until it answers.
    pub(crate) async fn start(settings: &Settings) -> Result<Self> {
        let python = &settings.python;
        if !python.is_file() {
            bail!("the emulator is not installed: `{}` does not exist", python.display());
        }
        if TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port)).is_err() {
            // Whoever listens there might even answer as an emulator would.
            bail!("port {} of 127.0.0.1 is in use", settings.port);
        }
        let emulator = Self::spawn(settings)?;
        let started = Instant::now();
        loop {
            let has_proxies = async || match &settings.faults {
                Some(faults) => faults.are_healthy().await,
                None => true,
            };
            if is_healthy(settings.port).await && has_proxies().await {
                return Ok(emulator);
            }
            if emulator.has_ended() {
                bail!("the emulator ended at start{}", end_of_log(&settings.log()));
            }
            if started.elapsed() > START_TIMEOUT {
                let seconds = START_TIMEOUT.as_secs();
                bail!("the emulator does not answer after {seconds} s{}", end_of_log(&settings.log()));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn spawn(settings: &Settings) -> Result<Self> {
        fs::create_dir_all(settings.state_dir.join("tmp")).context("failed to create the emulator's folder")?;
        let serve = settings.state_dir.join("serve.py");
        fs::write(&serve, SERVE).with_context(|| format!("failed to write `{}`", serve.display()))?;
        let path = settings.log();
        let log = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("failed to open `{}`", path.display()))?;
        let mut command = Command::new(&settings.python);
        // Whoever starts this may have credentials and profiles of a real account. None of them may get in.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
            command.env_remove(name);
        }
        let child = command
            .arg(&serve)
            .envs(settings.environment())
            .current_dir(&settings.state_dir)
            // The emulator ends when this pipe closes; nothing is ever written to it.
            .stdin(Stdio::piped())
            .stdout(log.try_clone().context("failed to open the emulator's log")?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| format!("failed to run `{}`", settings.python.display()))?;
        let group = Pid::from_child(&child);
        Ok(Self { child, group })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process has ended. It is left unreaped, so that its id, which is the group's, stays taken.
    pub(crate) fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.group), options), Ok(None))
    }

    /// Ends the emulator politely, then kills whatever is left of its group.
    pub(crate) async fn stop(self) {
        if self.has_ended() || kill_process(self.group, Signal::TERM).is_err() {
            return;
        }
        let started = Instant::now();
        while !self.has_ended() && started.elapsed() < STOP_TIMEOUT {
            sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Nobody else can have been given the group's id: the emulator, dead or alive, is not reaped before `wait`.
        let _ = kill_process_group(self.group, Signal::KILL);
        let _ = self.child.wait();
    }
}

async fn is_healthy(port: u16) -> bool {
    timeout(Duration::from_secs(2), ask_health(port)).await.is_ok_and(|answer| answer.unwrap_or(false))
}

/// One request by hand, which spares an HTTP client.
async fn ask_health(port: u16) -> std::io::Result<bool> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET /_ministack/health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await?;
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}

fn end_of_log(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(15)..];
    format!("; the end of `{}`:\n  {}", path.display(), last.join("\n  "))
}
