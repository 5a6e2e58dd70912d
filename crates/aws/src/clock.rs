//! The time and new ids: what the core is not allowed to know.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use syncline_core::names::SyncId;
use ulid::Ulid;

/// The present time as RFC 3339 in UTC with milliseconds: `2026-11-22T10:00:00.123Z`.
pub fn now() -> String {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let whole = DateTime::from_secs(i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX));
    let text = whole.fmt(DateTimeFormat::DateTime).unwrap_or_default();
    format!("{}.{:03}Z", text.trim_end_matches('Z'), since_epoch.subsec_millis())
}

/// The time so far from now, in seconds since 1970: what DynamoDB's time to live wants.
pub(crate) fn epoch_seconds_in(duration: Duration) -> u64 {
    (SystemTime::now() + duration).duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A new sync's id: its order is that of time, and it comes after the last one even where that one's clock was ahead.
pub fn sync_id_after(last: Option<&SyncId>) -> SyncId {
    let now = Ulid::generate();
    let after = last.and_then(|last| Ulid::from_string(last.as_str()).ok()).and_then(|last| last.increment().ok());
    SyncId::new(after.map_or(now, |after| after.max(now)).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_after_the_last_one_whatever_the_clock_says() {
        let first = sync_id_after(None);
        assert!(sync_id_after(Some(&first)) > first);
        let ahead = SyncId::new("7ZZZZZZZZZ0000000000000000");
        assert_eq!(sync_id_after(Some(&ahead)), SyncId::new("7ZZZZZZZZZ0000000000000001"));
        assert_eq!(sync_id_after(Some(&SyncId::new("no ulid"))).as_str().len(), first.as_str().len());
    }
}
