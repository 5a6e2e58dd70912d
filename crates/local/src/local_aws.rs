//! [`LocalAws`]: CodeCommit and the emulator, started and stopped as one.
//!
//! It does not deploy anything into them and does not know what Syncline is.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};

use crate::codecommit::calls::Call;
use crate::codecommit::events::EventBridge;
use crate::codecommit::server::CodeCommit;
use crate::emulator::{self, Emulator};
use crate::faults::Faults;
use crate::state::{Running, State};

/// How often another free port is tried when somebody else took the one that was free a moment ago.
const PORT_ATTEMPTS: usize = 3;

/// What a local AWS is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where repositories, kept state and logs go. One local AWS at a time may use it.
    pub state_dir: PathBuf,
    /// The folder whose `emulator` is the Python environment with MiniStack in it.
    pub tools_dir: PathBuf,
    /// The emulator's port; a free one if none.
    pub gateway_port: Option<u16>,
    /// CodeCommit's port; a free one if none.
    pub codecommit_port: Option<u16>,
    /// Whether the emulator refuses what a role does not allow, as AWS does.
    pub enforce_iam: bool,
    /// Whether the emulator keeps its state over a restart. Repositories are always kept.
    pub persist: bool,
    /// Whether the emulator records each API call for CloudTrail's LookupEvents.
    pub record_calls: bool,
    /// Whether functions call AWS through proxies that can be told to make faults.
    pub faults: bool,
}

impl Options {
    /// Free ports, IAM enforced, nothing kept, calls recorded.
    pub fn new(state_dir: impl Into<PathBuf>, tools_dir: impl Into<PathBuf>) -> Self {
        Self {
            state_dir: state_dir.into(),
            tools_dir: tools_dir.into(),
            gateway_port: None,
            codecommit_port: None,
            enforce_iam: true,
            persist: false,
            record_calls: true,
            faults: false,
        }
    }

    /// The tools folder: what `SYNCLINE_TOOLS` names, else `.tools` under the project's root.
    pub fn default_tools_dir(project_root: &Path) -> PathBuf {
        std::env::var_os("SYNCLINE_TOOLS").map_or_else(|| project_root.join(".tools"), PathBuf::from)
    }

    /// Whether the emulator is installed in the tools folder.
    pub fn emulator_is_installed(&self) -> bool {
        emulator::python(&self.tools_dir).is_file()
    }
}

/// A running local AWS. Dropping it kills what it started.
///
/// It depends on no async runtime of the caller's: CodeCommit has its own, so one instance can serve many tests.
#[derive(Debug)]
pub struct LocalAws {
    codecommit: CodeCommit,
    // Locked only to take or put back the handle, never across an await.
    emulator: Mutex<Option<Emulator>>,
    settings: emulator::Settings,
    state: State,
}

impl LocalAws {
    /// Starts CodeCommit and the emulator and waits until both answer.
    pub async fn start(options: Options) -> Result<Self> {
        let state_dir = absolute(&options.state_dir)?;
        let state = State::claim(&state_dir)?;
        for attempt in 1.. {
            let gateway = options.gateway_port.map_or_else(free_port, Ok)?;
            let endpoint = format!("http://127.0.0.1:{gateway}");
            let events = Arc::new(EventBridge::new(&endpoint));
            let codecommit = CodeCommit::start(&state_dir.join("codecommit"), options.codecommit_port, events)
                .context("failed to start the local CodeCommit")?;
            let settings = emulator::Settings {
                python: emulator::python(&absolute(&options.tools_dir)?),
                state_dir: state_dir.clone(),
                port: gateway,
                codecommit_endpoint: codecommit.endpoint(),
                enforce_iam: options.enforce_iam,
                persist: options.persist,
                record_calls: options.record_calls,
                faults: match options.faults {
                    true => Some(Faults { emulator: free_port()?, codecommit: free_port()? }),
                    false => None,
                },
            };
            match Emulator::start(&settings).await {
                Ok(emulator) => {
                    let running = Running {
                        pid: std::process::id(),
                        endpoint,
                        codecommit_endpoint: codecommit.endpoint(),
                        emulator_pid: emulator.pid(),
                    };
                    state.write(&running)?;
                    return Ok(Self { codecommit, emulator: Mutex::new(Some(emulator)), settings, state });
                }
                Err(error) if attempt < PORT_ATTEMPTS && options.gateway_port.is_none() && is_taken(gateway) => {
                    drop(error);
                }
                Err(error) => return Err(error),
            }
        }
        unreachable!("the loop returns on its last attempt")
    }

    /// The emulator's address, for every service but CodeCommit.
    pub fn endpoint(&self) -> String {
        self.settings.endpoint()
    }

    /// CodeCommit's address.
    pub fn codecommit_endpoint(&self) -> String {
        self.codecommit.endpoint()
    }

    /// What `git clone` takes.
    pub fn clone_url(&self, repository: &str) -> String {
        self.codecommit.clone_url(repository)
    }

    /// The emulator's log.
    pub fn emulator_log(&self) -> PathBuf {
        self.settings.log()
    }

    /// The proxies between functions and AWS, where it was started with them.
    pub fn faults(&self) -> Option<Faults> {
        self.settings.faults
    }

    /// The environment in which the AWS CLI, SAM, the SDKs and Syncline itself reach this local AWS and nothing else.
    pub fn environment(&self) -> Vec<(String, String)> {
        self.running().environment()
    }

    /// Every call of CodeCommit's API so far, oldest first.
    pub fn codecommit_calls(&self) -> Vec<Call> {
        self.codecommit.calls()
    }

    /// Stops the emulator and starts it again at the same port. It comes back with its state if `persist` was set, and
    /// empty otherwise. CodeCommit goes on meanwhile, and events that it puts are put again until the emulator is back.
    pub async fn restart_emulator(&self) -> Result<()> {
        let running = self.take_emulator();
        if let Some(emulator) = running {
            emulator.stop().await;
        }
        let emulator = Emulator::start(&self.settings).await?;
        *self.emulator.lock().unwrap_or_else(PoisonError::into_inner) = Some(emulator);
        self.state.write(&self.running())
    }

    /// Waits until the emulator has ended by itself, which it should not.
    pub async fn emulator_ended(&self) {
        loop {
            let ended = match self.emulator.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
                Some(emulator) => emulator.has_ended(),
                None => false,
            };
            if ended {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
    }

    /// Stops everything that was started: the emulator politely, so that it writes what it keeps, then whatever is left
    /// of its functions, then CodeCommit.
    pub async fn stop(self) {
        if let Some(emulator) = self.take_emulator() {
            emulator.stop().await;
        }
        let Self { codecommit, state, .. } = self;
        codecommit.stop();
        state.clear();
    }

    fn take_emulator(&self) -> Option<Emulator> {
        self.emulator.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn running(&self) -> Running {
        Running {
            pid: std::process::id(),
            endpoint: self.endpoint(),
            codecommit_endpoint: self.codecommit_endpoint(),
            emulator_pid: self
                .emulator
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .as_ref()
                .map_or(0, Emulator::pid),
        }
    }
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("failed to find a free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

fn is_taken(port: u16) -> bool {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_err()
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("failed to make `{}` absolute", path.display()))
}
