//! A limit on how long somebody may go on acting without being sure of the lease.
//!
//! A sync that is carried out by hand ends, and its lease goes on, when its heartbeats cease; a process that slept
//! meanwhile does not know. So no stack is touched unless a heartbeat was heard a short while ago.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::Error;
use crate::workflow::HEARTBEAT;

/// How long a heartbeat counts: well below the six after which the state machine gives up, so that a call which is on its
/// way arrives before that.
const MAX_AGE: Duration = Duration::from_secs(HEARTBEAT.as_secs() * 4);

/// What lets calls pass as long as heartbeats are heard. Its copies are one.
#[derive(Clone, Debug)]
pub struct Fence {
    /// When the last one was sent that was heard, in milliseconds since 1970: the clock that goes on while a machine sleeps.
    heard: Arc<AtomicU64>,
}

impl Fence {
    /// One that lets calls pass from now on.
    pub fn new() -> Self {
        let fence = Self { heard: Arc::default() };
        fence.renew(SystemTime::now());
        fence
    }

    /// Notes that a heartbeat was heard that was sent at this time.
    pub fn renew(&self, sent: SystemTime) {
        self.heard.store(milliseconds(sent), Ordering::SeqCst);
    }

    /// Errors: no heartbeat was heard for too long. That may pass: whoever tries again asks first who has the lease.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.check_at(SystemTime::now())
    }

    fn check_at(&self, now: SystemTime) -> Result<(), Error> {
        // A clock that was set back says nothing.
        let age = milliseconds(now).checked_sub(self.heard.load(Ordering::SeqCst));
        if age.is_some_and(|age| u128::from(age) <= MAX_AGE.as_millis()) {
            return Ok(());
        }
        let message = "no heartbeat was heard for too long: somebody else may work on the stack by now".to_owned();
        Err(Error::Unavailable { action: "states:SendTaskHeartbeat", message })
    }
}

impl Default for Fence {
    fn default() -> Self {
        Self::new()
    }
}

fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_pass_for_a_while_after_a_heartbeat() {
        let (fence, now) = (Fence::new(), SystemTime::now());
        fence.renew(now);
        assert!(fence.check_at(now + MAX_AGE).is_ok());
        let late = now + MAX_AGE + Duration::from_millis(1);
        assert!(fence.check_at(late).is_err_and(|error| error.may_pass()));
        assert!(fence.check_at(now - Duration::from_secs(60)).is_err(), "the clock was set back");
        fence.renew(late);
        assert!(fence.clone().check_at(late).is_ok());
    }
}
