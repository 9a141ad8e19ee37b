//! Parsing and formatting times.

use jiff::Timestamp;
use seismic_pipeline::StartFrom;

use crate::job::time_span::TimeSpan;

/// ms since 1970 UTC of an RFC 3339 time.
pub fn parse_ms(text: &str) -> Result<i64, String> {
    let time: Timestamp =
        text.parse().map_err(|_| format!("{text:?} is not a time like 2020-06-23T15:29:05Z"))?;
    Ok(time.as_millisecond())
}

/// An RFC 3339 time, `now`, or a time before now such as `now-1h`, as ms since 1970 UTC.
pub fn parse_moment(text: &str) -> Result<i64, String> {
    moment(text, now_ms)
}

fn moment(text: &str, now_ms: fn() -> i64) -> Result<i64, String> {
    let wrong = || format!("{text:?} is not a time like 2020-06-23T15:29:05Z, now or now-1h");
    match text.strip_prefix("now") {
        None => parse_ms(text).map_err(|_| wrong()),
        Some("") => Ok(now_ms()),
        Some(rest) => {
            let span = rest.strip_prefix('-').and_then(|span| span.parse::<TimeSpan>().ok());
            Ok(now_ms().saturating_sub(span.ok_or_else(wrong)?.ms()))
        }
    }
}

/// `earliest`, `latest`, an offset or a time as [`parse_moment`] takes it.
pub fn parse_from(text: &str) -> Result<StartFrom, String> {
    text.parse().or_else(|_| {
        parse_moment(text).map(StartFrom::Time).map_err(|_| {
            format!(
                "{text:?} is none of: earliest, latest, an offset, a time like \
                 2020-06-23T15:29:05Z or now-1h"
            )
        })
    })
}

/// RFC 3339 with ms, or the number where no calendar reaches.
pub fn show_ms(ms: i64) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(time) => format!("{time:.3}"),
        Err(_) => format!("{ms}ms"),
    }
}

/// Now, ms since 1970 UTC.
pub fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// A length of time in the largest unit that is not too coarse: 90 s, 5 min, 3 h, 2 days.
pub fn show_span(ms: i64) -> String {
    let s = ms / 1_000;
    match s {
        ..120 => format!("{s} s"),
        120..7_200 => format!("{} min", s / 60),
        7_200..172_800 => format!("{} h", s / 3_600),
        _ => format!("{} days", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_shown_in_utc() {
        assert_eq!(parse_ms("2020-06-23T15:29:05.250Z"), Ok(1_592_926_145_250));
        assert_eq!(parse_ms("2020-06-23T10:29:05-05:00"), Ok(1_592_926_145_000));
        assert_eq!(show_ms(1_592_926_145_250), "2020-06-23T15:29:05.250Z");
        assert_eq!(show_ms(i64::MAX), format!("{}ms", i64::MAX));
    }

    #[test]
    fn spans_are_shown_in_a_unit_that_fits() {
        let shown = [0, 119_999, 120_000, 7_200_000, 172_800_000].map(show_span);
        assert_eq!(shown, ["0 s", "119 s", "2 min", "2 h", "2 days"]);
    }

    #[test]
    fn from_is_a_word_an_offset_or_a_time() {
        assert_eq!(parse_from("earliest"), Ok(StartFrom::Earliest));
        assert_eq!(parse_from("latest"), Ok(StartFrom::Latest));
        assert_eq!(parse_from("17"), Ok(StartFrom::Offset(17)));
        assert_eq!(parse_from("1970-01-01T00:00:01Z"), Ok(StartFrom::Time(1_000)));
        assert!(matches!(parse_from("now-1h"), Ok(StartFrom::Time(_))));
        assert!(parse_from("yesterday").is_err());
    }

    #[test]
    fn a_moment_may_be_counted_back_from_now() {
        let now_ms = || 86_400_000;
        assert_eq!(moment("now", now_ms), Ok(86_400_000));
        assert_eq!(moment("now-1h", now_ms), Ok(82_800_000));
        assert_eq!(moment("now-1d", now_ms), Ok(0));
        assert_eq!(moment("1970-01-01T00:00:01Z", now_ms), Ok(1_000));
        for wrong in ["now+1h", "now-", "now-1", "now 1h", "nowhere"] {
            assert!(moment(wrong, now_ms).is_err(), "{wrong}");
        }
    }
}
