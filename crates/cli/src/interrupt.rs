//! Ctrl-C, and being asked to end in another way: a closed terminal, `kill`.
//!
//! A command that only reads ends at once, with the cursor shown again that a prompt may have hidden. One that works on
//! something says so first ([`heed`]), hears of it ([`came`]) and ends in order; the second time it ends at once too.

use std::process;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use console::Term;
use tokio::sync::watch;

use self::signals::Signals;
use crate::failure::Failure;

/// The exit status of a command that was interrupted: that of a shell for SIGINT.
pub(crate) const STATUS: u8 = 130;

/// What is said where a question was interrupted.
const NOTHING_DONE: &str = "interrupted: nothing was done";

/// What is said where whoever works ends it in order.
const NOTHING_MORE: &str = "interrupted: nothing more was done";

/// How long whoever was asking waits for the thread that listens to end the command.
const PATIENCE: Duration = Duration::from_secs(1);

static IS_ASKING: AtomicBool = AtomicBool::new(false);
static IS_HEEDED: AtomicBool = AtomicBool::new(false);
static CAME: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));

/// Listens from now on, on a thread of its own, since a prompt holds the one that works.
pub(crate) fn listen() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    thread::Builder::new().name("interrupts".to_owned()).spawn(move || {
        runtime.block_on(async {
            let mut signals = Signals::new();
            while signals.next().await.is_some() {
                let came_before = CAME.send_replace(true);
                if came_before || !IS_HEEDED.load(Ordering::SeqCst) {
                    let terminal = Term::stderr();
                    let _ = terminal.show_cursor();
                    if IS_ASKING.load(Ordering::SeqCst) {
                        // It stands behind the question.
                        let _ = terminal.write_line(&format!("\nerror: {NOTHING_DONE}"));
                    }
                    process::exit(i32::from(STATUS));
                }
            }
        });
    })?;
    Ok(())
}

/// Somebody is asked, until this is dropped: who is interrupted then has done nothing.
pub(crate) fn asking() -> impl Drop {
    struct Asking;
    impl Drop for Asking {
        fn drop(&mut self) {
            IS_ASKING.store(false, Ordering::SeqCst);
        }
    }
    IS_ASKING.store(true, Ordering::SeqCst);
    Asking
}

/// What a question that was interrupted ends with. It hears of it before or after the thread that listens, which ends the command
/// unless somebody ends it in order: only one of them is to say so.
pub(crate) fn of_question() -> Failure {
    if IS_HEEDED.load(Ordering::SeqCst) {
        // It stands behind the question.
        let _ = Term::stderr().write_line("");
        return Failure::interrupted(NOTHING_MORE);
    }
    thread::sleep(PATIENCE);
    Failure::interrupted(NOTHING_DONE)
}

/// From now on whoever works ends it in order.
pub(crate) fn heed() {
    IS_HEEDED.store(true, Ordering::SeqCst);
}

/// Waits for it. It is heard whenever it came.
pub(crate) async fn came() {
    let mut came = CAME.subscribe();
    // The sender is never dropped.
    let _ = came.wait_for(|came| *came).await;
}

/// Errors: it came.
pub(crate) fn check() -> Result<(), Failure> {
    if *CAME.borrow() { Err(Failure::interrupted(NOTHING_MORE)) } else { Ok(()) }
}

#[cfg(unix)]
mod signals {
    use std::fs;

    use tokio::signal::unix::{Signal, SignalKind, signal};

    /// Those that ask a program to end.
    pub(super) struct Signals([Option<Signal>; 3]);

    impl Signals {
        /// Hears them from now on, but for one that whoever started this wanted to be ignored, as `nohup` does.
        pub(super) fn new() -> Self {
            let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
            Self(kinds.map(|kind| (!is_ignored(kind)).then(|| signal(kind).ok()).flatten()))
        }

        /// Waits for the next one. Nothing where none can be heard.
        pub(super) async fn next(&mut self) -> Option<()> {
            let [interrupt, terminate, hangup] = &mut self.0;
            tokio::select! {
                Some(()) = heard(interrupt) => Some(()),
                Some(()) = heard(terminate) => Some(()),
                Some(()) = heard(hangup) => Some(()),
                else => None,
            }
        }
    }

    async fn heard(signal: &mut Option<Signal>) -> Option<()> {
        signal.as_mut()?.recv().await
    }

    /// Whether the process was started with a signal ignored: where the system tells, in a line of `/proc/self/status`.
    fn is_ignored(kind: SignalKind) -> bool {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
        mask.is_some_and(|mask| mask >> (kind.as_raw_value() - 1) & 1 == 1)
    }
}

#[cfg(not(unix))]
mod signals {
    /// Ctrl-C.
    pub(super) struct Signals;

    impl Signals {
        pub(super) fn new() -> Self {
            Self
        }

        pub(super) async fn next(&mut self) -> Option<()> {
            tokio::signal::ctrl_c().await.ok()
        }
    }
}
