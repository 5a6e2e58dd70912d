//! Ctrl-C, and being asked to end in another way: a closed terminal, `kill`.
//!
//! A command that only reads ends at once, with the cursor shown again that a prompt may have hidden. One that works on
//! something says so first ([`heed`]), hears of it ([`came`]) and ends in order; the second time it ends at once too.

use std::process;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use console::Term;
use tokio::sync::watch;

use crate::failure::Failure;

/// The exit status of a command that was interrupted: that of a shell for SIGINT.
pub(crate) const STATUS: u8 = 130;

static IS_HEEDED: AtomicBool = AtomicBool::new(false);
static CAME: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));

/// Listens from now on.
pub(crate) fn listen() -> Result<(), Failure> {
    let listening = ctrlc::set_handler(|| {
        let came_before = CAME.send_replace(true);
        if came_before || !IS_HEEDED.load(Ordering::SeqCst) {
            let _ = Term::stderr().show_cursor();
            process::exit(i32::from(STATUS));
        }
    });
    listening.map_err(|error| Failure::unexplained(format!("cannot listen for Ctrl-C: {error}")))
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
