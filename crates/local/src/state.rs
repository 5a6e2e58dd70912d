//! The state folder: who uses it, and at which addresses it can be reached.
//!
//! A lock on a file says whether somebody uses it, so a pid that was left behind is never mistaken for a running
//! process: the pid counts only while its lock is held, and the operating system lets go of the lock when the process
//! ends, however it ends.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::REGION;

/// A running local AWS, as its state file tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The process that started it and in which CodeCommit runs.
    pub pid: u32,
    /// The emulator's address.
    pub endpoint: String,
    /// CodeCommit's address.
    pub codecommit_endpoint: String,
    /// The emulator's process, and the id of its process group. It changes when the emulator is restarted.
    pub emulator_pid: u32,
}

impl Running {
    /// The environment in which AWS clients reach this local AWS and nothing else.
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", self.endpoint.as_str()),
            ("AWS_ENDPOINT_URL_CODECOMMIT", self.codecommit_endpoint.as_str()),
            // The emulator's root key, with which it allows everything.
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            // Nobody's own configuration, and no looking for a machine role.
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ("AWS_PAGER", ""),
            ("SAM_CLI_TELEMETRY", "0"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }
}

/// A claimed state folder. Nobody else can claim it until this is dropped.
#[derive(Debug)]
pub struct State {
    folder: PathBuf,
    _lock: File,
}

impl State {
    /// Claims the folder for this process, or says who has it.
    pub fn claim(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("failed to create the folder `{}`", folder.display()))?;
        match lock(folder)? {
            Some(lock) => Ok(Self { folder: folder.to_owned(), _lock: lock }),
            None => bail!("a local AWS already runs on `{}`", folder.display()),
        }
    }

    /// Writes down what runs, all of it or nothing.
    pub(crate) fn write(&self, running: &Running) -> Result<()> {
        write_atomically(&file(&self.folder), &serde_json::to_vec_pretty(running)?)
    }

    /// Forgets what ran and lets go of the folder.
    pub(crate) fn clear(self) {
        // A file that is left behind says nothing while nobody holds the lock.
        let _ = fs::remove_file(file(&self.folder));
    }

    /// What runs on the folder, if something does.
    pub fn running(folder: &Path) -> Result<Option<Running>> {
        if !folder.join(LOCK).exists() || lock(folder)?.is_some() {
            return Ok(None);
        }
        let path = file(folder);
        match fs::read(&path) {
            Ok(text) => {
                Ok(Some(serde_json::from_slice(&text).with_context(|| format!("failed to read `{}`", path.display()))?))
            }
            // Claimed, but not up yet, or just about to end.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("failed to read `{}`", path.display())),
        }
    }

    /// Whether somebody has claimed the folder, up or not.
    pub fn is_claimed(folder: &Path) -> Result<bool> {
        Ok(folder.join(LOCK).exists() && lock(folder)?.is_none())
    }
}

const LOCK: &str = "lock";

fn file(folder: &Path) -> PathBuf {
    folder.join("local.json")
}

fn lock(folder: &Path) -> Result<Option<File>> {
    let path = folder.join(LOCK);
    let context = || format!("failed to lock `{}`", path.display());
    let file = File::options().create(true).truncate(false).write(true).open(&path).with_context(context)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error).with_context(context),
    }
}

/// Writes a file so that a reader, or this process after a crash, sees the old text or the new one.
pub(crate) fn write_atomically(path: &Path, text: &[u8]) -> Result<()> {
    let context = || format!("failed to write `{}`", path.display());
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(context)?;
    file.write_all(text).with_context(context)?;
    file.persist(path).with_context(context)?;
    Ok(())
}
