//! Times for files and durations for people.

use jiff::Timestamp;

/// Now in RFC 3339, UTC, to the millisecond: `2026-01-02T03:04:05.678Z`. Such texts sort by time.
pub fn now() -> String {
    rfc3339(Timestamp::now())
}

/// What is finer than a millisecond is cut off.
fn rfc3339(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// The seconds from one time to another, both RFC 3339; 0 where one of them is no time.
pub(crate) fn seconds_between(from: &str, to: &str) -> f64 {
    match (from.parse::<Timestamp>(), to.parse::<Timestamp>()) {
        (Ok(from), Ok(to)) => to.duration_since(from).as_secs_f64(),
        _ => 0.0,
    }
}

/// The seconds from 1970 to a time in RFC 3339; 0 where it is no time.
pub(crate) fn unix_seconds(time: &str) -> f64 {
    time.parse::<Timestamp>().map_or(0.0, |time| time.as_millisecond() as f64 / 1000.0)
}

/// A duration for people: `12.4 s`, `3 min 05 s`, `2 h 07 min`.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..60 => format!("{:.1} s", seconds.max(0.0)),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_behind_the_second() {
        let at = |seconds: i64| rfc3339(Timestamp::new(seconds, 7_999_999).unwrap());
        assert_eq!(at(0), "1970-01-01T00:00:00.007Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.007Z");
        assert_eq!(at(1_000_000_000), "2001-09-09T01:46:40.007Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00.007Z");
        assert_eq!(rfc3339(Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn seconds_between_times() {
        assert_eq!(seconds_between("2026-01-02T23:59:58.500Z", "2026-01-03T00:00:00.000Z"), 1.5);
        assert_eq!(seconds_between("no time", "2026-01-03T00:00:00.000Z"), 0.0);
    }

    #[test]
    fn unix_time_counts_from_1970() {
        assert_eq!(unix_seconds("2001-09-09T01:46:40.250Z"), 1_000_000_000.25);
        assert_eq!(unix_seconds("no time"), 0.0);
    }

    #[test]
    fn durations_are_short() {
        assert_eq!(duration(12.44), "12.4 s");
        assert_eq!(duration(185.0), "3 min 05 s");
        assert_eq!(duration(7629.0), "2 h 07 min");
    }
}
