//! The span of a roll-up as options and job files write it, which also names its topic.

use std::fmt;
use std::str::FromStr;

use super::time_span::{TimeSpan, TimeSpanError};

/// A roll-up: its length, and the words for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollupSpan {
    span: TimeSpan,
    written: String,
}

impl RollupSpan {
    /// Its length, ms.
    #[must_use]
    pub fn ms(&self) -> i64 {
        self.span.ms()
    }

    /// The topic of its rows, beside windows that go to `result_topic`: with the length as it was
    /// written behind it, `seismic-agg-topic-5m`.
    #[must_use]
    pub fn topic(&self, result_topic: &str) -> String {
        format!("{result_topic}-{}", self.written)
    }
}

impl FromStr for RollupSpan {
    type Err = TimeSpanError;

    fn from_str(text: &str) -> Result<Self, TimeSpanError> {
        Ok(RollupSpan { span: text.parse()?, written: text.to_owned() })
    }
}

impl fmt::Display for RollupSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_called_as_its_span_was_written() {
        for (text, ms) in [("60s", 60_000), ("1m", 60_000), ("1d", 86_400_000)] {
            let rollup: RollupSpan = text.parse().unwrap();
            assert_eq!(rollup.ms(), ms);
            assert_eq!(rollup.topic("rows"), format!("rows-{text}"));
        }
    }
}
