//! A length of time as options and job files write it: `250ms`, `1s`, `5m`, `24h`, `7d`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Units, the largest first, with their length in ms.
const UNITS: [(&str, i64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A length of time in whole ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeSpan {
    ms: i64,
}

impl TimeSpan {
    /// This many ms; negative ones are refused where the span is used, with the allowed range.
    #[must_use]
    pub const fn from_ms(ms: i64) -> Self {
        TimeSpan { ms }
    }

    /// In ms.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.ms
    }

    /// As the standard library has it; a negative span is zero.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_millis(u64::try_from(self.ms).unwrap_or(0))
    }
}

/// Why a text is no length of time.
#[derive(Debug, PartialEq, Eq)]
pub struct TimeSpanError(String);

impl fmt::Display for TimeSpanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.0;
        write!(f, "{text:?} is not a duration: write a whole number and a unit, as in ")?;
        f.write_str("250ms, 10s, 5m, 24h or 7d")
    }
}

impl std::error::Error for TimeSpanError {}

impl FromStr for TimeSpan {
    type Err = TimeSpanError;

    fn from_str(text: &str) -> Result<Self, TimeSpanError> {
        if text == "0" {
            return Ok(TimeSpan { ms: 0 });
        }
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let unit_ms = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, ms)| *ms);
        let ms = unit_ms.and_then(|ms| number.parse::<i64>().ok()?.checked_mul(ms));
        ms.map(TimeSpan::from_ms).ok_or_else(|| TimeSpanError(text.to_owned()))
    }
}

/// In the largest unit in which it is a whole number.
impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, ms)| self.ms != 0 && self.ms % ms == 0);
        let (unit, unit_ms) = unit.copied().unwrap_or(("ms", 1));
        write!(f, "{}{unit}", self.ms / unit_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_whole_number_and_its_unit() {
        for (text, ms) in
            [("1500ms", 1_500), ("10s", 10_000), ("5m", 300_000), ("24h", 86_400_000), ("0", 0)]
        {
            assert_eq!(text.parse(), Ok(TimeSpan::from_ms(ms)));
        }
        for text in ["", "s", "10", "-1s", "1.5s", "10 s", "10S", "9999999999999999h"] {
            assert!(text.parse::<TimeSpan>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_span_reads_back_as_written_in_its_largest_unit() {
        for text in ["1ms", "1500ms", "1s", "90s", "5m", "36h", "7d", "0ms"] {
            assert_eq!(text.parse::<TimeSpan>().unwrap().to_string(), text);
        }
        assert_eq!("86400000ms".parse::<TimeSpan>().unwrap().to_string(), "1d");
    }
}
