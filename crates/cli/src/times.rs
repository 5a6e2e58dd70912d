//! Times and durations: reading what the table stores, and writing it for people.
//!
//! The clock is not read here; where the present time matters it is handed in.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The seconds from one stored time to another, to the millisecond; nothing where one is no time. Never negative: the
/// two may come from two clocks.
pub(crate) fn seconds_between(from: &str, to: &str) -> Option<f64> {
    Some(seconds(read(from)?, read(to)?))
}

/// The seconds from a stored time to this moment.
pub(crate) fn seconds_until(from: &str, moment: OffsetDateTime) -> Option<f64> {
    Some(seconds(read(from)?, moment))
}

fn read(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

fn seconds(from: OffsetDateTime, to: OffsetDateTime) -> f64 {
    ((to - from).as_seconds_f64().max(0.0) * 1000.0).round() / 1000.0
}

/// A duration in one word: `1.2s`, `2m05s`, `1h02m`.
pub(crate) fn duration(seconds: f64) -> String {
    // What would round up to a minute is a minute.
    if seconds < 59.95 {
        return format!("{seconds:.1}s");
    }
    let whole = seconds.round() as u64;
    if whole < 3600 {
        return format!("{}m{:02}s", whole / 60, whole % 60);
    }
    format!("{}h{:02}m", whole / 3600, whole % 3600 / 60)
}

/// A stored time without its fraction: `2026-11-22T10:00:00Z`.
pub(crate) fn to_the_second(text: &str) -> String {
    match text.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_one_word() {
        for (seconds, expected) in [
            (0.0, "0.0s"),
            (1.24, "1.2s"),
            (59.94, "59.9s"),
            (59.96, "1m00s"),
            (125.0, "2m05s"),
            (3599.4, "59m59s"),
            (3599.6, "1h00m"),
            (3720.0, "1h02m"),
        ] {
            assert_eq!(duration(seconds), expected);
        }
    }

    #[test]
    fn times_are_read_as_they_are_stored() {
        assert_eq!(seconds_between("2026-11-22T10:00:00.100Z", "2026-11-22T10:00:01.350Z"), Some(1.25));
        assert_eq!(seconds_between("2026-11-22T10:00:01.350Z", "2026-11-22T10:00:00.100Z"), Some(0.0));
        assert_eq!(seconds_between("yesterday", "2026-11-22T10:00:00.100Z"), None);
        assert_eq!(to_the_second("2026-11-22T10:00:00.123Z"), "2026-11-22T10:00:00Z");
        assert_eq!(to_the_second("2026-11-22T10:00:00Z"), "2026-11-22T10:00:00Z");
    }
}
