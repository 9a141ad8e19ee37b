//! Times as people write them: numbers since 1970 UTC in some unit, or ISO 8601.

use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{Timestamp, fmt::temporal::DateTimeParser};
use seismic_proto::validity::EVENT_MS;

use super::number::Decimal;
use super::refusal::Refusal;
use crate::Hint;

/// The unit of times that are numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimeUnit {
    /// Seconds, with or without decimals.
    Seconds,
    /// Milliseconds.
    #[default]
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

impl TimeUnit {
    /// All of them, with their names and the power of ten of a second that they are.
    pub const ALL: [(TimeUnit, &'static str, i32); 4] = [
        (TimeUnit::Seconds, "s", 0),
        (TimeUnit::Milliseconds, "ms", -3),
        (TimeUnit::Microseconds, "us", -6),
        (TimeUnit::Nanoseconds, "ns", -9),
    ];

    fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    fn power(self) -> i32 {
        Self::ALL[self as usize].2
    }

    /// The unit in which such a number is a time of an instrument: 1973 to 5138.
    fn guessed(number: i128) -> Option<TimeUnit> {
        let units =
            Self::ALL.into_iter().map(|(unit, _, power)| (unit, 10i128.pow(power.unsigned_abs())));
        let fits =
            |second: i128| (100_000_000 * second..100_000_000_000 * second).contains(&number);
        units.into_iter().find(|&(_, second)| fits(second)).map(|(unit, _)| unit)
    }
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for TimeUnit {
    type Err = UnknownUnit;

    fn from_str(text: &str) -> Result<Self, UnknownUnit> {
        let text = if text == "µs" { "us" } else { text };
        let found = Self::ALL.into_iter().find(|(_, name, _)| *name == text);
        found.map(|(unit, _, _)| unit).ok_or_else(|| UnknownUnit(text.to_owned()))
    }
}

/// A text that names no unit of time.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a unit of time; known are s, ms, us and ns")]
pub struct UnknownUnit(String);

/// How times are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TimeFormat {
    /// `None`: milliseconds, and numbers that look like another unit are refused. A unit that is
    /// named is believed as far as its times are of the years that a pipeline takes.
    pub(crate) unit: Option<TimeUnit>,
    /// Whether ISO times without an offset are UTC.
    pub(crate) is_utc: bool,
}

impl TimeFormat {
    /// Milliseconds since 1970 UTC, floored.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(crate) fn parse(self, text: &str) -> Result<i64, Refusal> {
        match Decimal::parse(text) {
            Some(number) => self.number(text, number),
            None => self.iso(text),
        }
    }

    fn number(self, text: &str, number: Decimal) -> Result<i64, Refusal> {
        if number.is_scientific && number.digits < 10 {
            return Err(format!("{text} has too few digits for a time; write all of them").into());
        }
        let unit = self.unit.unwrap_or_default();
        let ms = number.shifted(3 + unit.power()).and_then(|(ms, _)| i64::try_from(ms).ok());
        let is_believed = self.unit.is_some() && ms.is_some_and(|ms| EVENT_MS.contains(&ms));
        let guessed = number.shifted(0).and_then(|(whole, _)| TimeUnit::guessed(whole));
        if let Some(guessed) = guessed.filter(|guessed| !is_believed && *guessed != unit) {
            let what = format!("{text} is no time in {unit} of our days; it looks like {guessed}");
            return Err(Refusal::hinting(what, Hint::TimeUnit(guessed.name())));
        }
        ms.ok_or_else(|| format!("{text:?} is no time in {unit}").into())
    }

    fn iso(self, text: &str) -> Result<i64, Refusal> {
        let no_time = || format!("{text:?} is neither a number nor an ISO 8601 time");
        let named = ["UTC", "GMT"].iter().find_map(|zone| text.strip_suffix(zone));
        let (text, is_utc) = match named.or_else(|| text.strip_suffix(['Z', 'z'])) {
            Some(text) => (text.trim_end(), true),
            None => (text, false),
        };
        if !text.contains(':') && !text.contains(['T', 't', '-']) {
            return Err(no_time().into());
        }
        // The parser takes a leap second for the second before it; POSIX, for the one after it.
        let leap_ms = if is_leap_second(text) { 1_000 } else { 0 };
        let ms = |time: Timestamp| {
            let ms = i64::try_from(time.as_nanosecond().div_euclid(1_000_000));
            ms.map(|ms| ms + leap_ms).map_err(|_| no_time().into())
        };
        if !is_utc && let Ok(time) = PARSER.parse_timestamp(text) {
            return ms(time);
        }
        // Also refuses an offset behind the time.
        let civil: DateTime = match has_time_of_day(text).then(|| PARSER.parse_datetime(text)) {
            Some(Ok(civil)) => civil,
            _ => return Err(no_time().into()),
        };
        if !is_utc && !self.is_utc {
            let what = format!("{text} has no offset from UTC (as Z or +02:00)");
            return Err(Refusal::hinting(what, Hint::Utc));
        }
        ms(Offset::UTC.to_timestamp(civil).map_err(|_| no_time())?)
    }
}

static PARSER: DateTimeParser = DateTimeParser::new();

/// A date alone is no time of a sample.
fn has_time_of_day(text: &str) -> bool {
    text.contains(['T', 't', ' '])
}

/// Whether its second is the 60th.
fn is_leap_second(text: &str) -> bool {
    let Some((_, time)) = text.split_once(['T', 't', ' ']) else { return false };
    let clock: String = time.chars().take_while(|c| c.is_ascii_digit() || *c == ':').collect();
    let digits: String = clock.chars().filter(char::is_ascii_digit).collect();
    digits.len() == 6 && digits.ends_with("60")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(unit: Option<TimeUnit>, is_utc: bool, text: &str) -> Result<i64, Refusal> {
        TimeFormat { unit, is_utc }.parse(text)
    }

    #[test]
    fn numbers_are_times_of_their_unit() {
        let unit = |name: &str| Some(name.parse().unwrap());
        for (of, text, ms) in [
            (None, "1600000000040", 1_600_000_000_040),
            (None, "1600000000040.9", 1_600_000_000_040),
            (None, "-1", -1),
            (None, "40", 40),
            (unit("s"), "1600000000", 1_600_000_000_000),
            (unit("s"), "1600000000.0409", 1_600_000_000_040),
            (unit("s"), "-0.0001", -1),
            (unit("s"), "1.600000000040000000e+09", 1_600_000_000_040),
            (unit("us"), "1600000000040999", 1_600_000_000_040),
            (unit("ns"), "1600000000040999999", 1_600_000_000_040),
            (unit("ms"), "1600000000", 1_600_000_000),
        ] {
            assert_eq!(parse(of, false, text), Ok(ms), "{text}");
        }
    }

    #[test]
    fn numbers_that_look_like_another_unit_are_refused_with_it() {
        for (text, unit) in [
            ("1600000000", TimeUnit::Seconds),
            ("1600000000.5", TimeUnit::Seconds),
            ("1600000000040999", TimeUnit::Microseconds),
            ("1600000000040999999", TimeUnit::Nanoseconds),
        ] {
            let refusal = parse(None, false, text).unwrap_err();
            assert_eq!(refusal.hint, Some(Hint::TimeUnit(unit.name())), "{text}");
        }
        // A unit that is named is no reason to put a record into the year 52670.
        for (of, text, unit) in [
            (TimeUnit::Seconds, "1600000000040", TimeUnit::Milliseconds),
            (TimeUnit::Milliseconds, "1600000000040999", TimeUnit::Microseconds),
            (TimeUnit::Microseconds, "1600000000040999999", TimeUnit::Nanoseconds),
            (TimeUnit::Seconds, "1600000000040999999", TimeUnit::Nanoseconds),
        ] {
            let refusal = parse(Some(of), false, text).unwrap_err();
            assert_eq!(refusal.hint, Some(Hint::TimeUnit(unit.name())), "{of} {text}");
        }
        assert!(parse(None, false, "1.6e12").unwrap_err().what.contains("digits"));
    }

    #[test]
    fn iso_times_have_an_offset_or_are_said_to_be_utc() {
        for text in [
            "2020-09-13T12:26:40.080Z",
            "2020-09-13T14:26:40.080+02:00",
            "2020-09-13 14:26:40.0809+0200",
            "2020-09-13T12:26:40,080Z",
            "2020-09-13 12:26:40.080 UTC",
            "20200913T122640.080Z",
        ] {
            assert_eq!(parse(None, false, text), Ok(1_600_000_000_080), "{text}");
        }
        let civil = "2020-09-13 12:26:40.080";
        assert_eq!(parse(None, false, civil).unwrap_err().hint, Some(Hint::Utc));
        assert_eq!(parse(None, true, civil), Ok(1_600_000_000_080));
        assert_eq!(parse(Some(TimeUnit::Seconds), true, civil), Ok(1_600_000_000_080));
        assert_eq!(parse(None, true, "1969-12-31T23:59:59.9999"), Ok(-1));
        for (leap, ms) in [
            ("2016-12-31T23:59:60Z", 1_483_228_800_000),
            ("2016-12-31T23:59:60.25Z", 1_483_228_800_250),
            ("20161231T235960Z", 1_483_228_800_000),
            ("2017-01-01T01:59:60+02:00", 1_483_228_800_000),
            ("2016-12-31 23:59:60", 1_483_228_800_000),
        ] {
            assert_eq!(parse(None, true, leap), Ok(ms), "{leap}");
        }
        for wrong in ["2020-09-13", "12:26:40", "", "x", "2020-13-01T00:00:00Z", "T", "-", "Z"] {
            assert!(parse(None, true, wrong).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_again(ms in -2_000_000_000_000i64..9_000_000_000_000) {
            let text = Timestamp::from_millisecond(ms).unwrap().to_string();
            prop_assert_eq!(parse(None, false, &text), Ok(ms));
        }

        #[test]
        fn any_text_is_a_time_or_not(text in "[0-9TZ:+. -]{0,30}", other: String) {
            let _ = (parse(None, true, &text), parse(None, true, &other));
        }
    }
}
