//! A join of two inputs by a key, within a bound of event time.

use serde::{Deserialize, Serialize};

use super::event_time::{TimeDefinition, TimeFormat};
use super::input::InputDefinition;

/// What the statement calls the rows that are joined.
pub const PAIRS: &str = "pairs";

/// A join. The input of the definition is its left side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinDefinition {
    /// The right side.
    pub right: InputDefinition,
    /// What becomes of rows that find no other.
    pub kind: JoinKind,
    /// The columns that are equal, of the left and of the right side.
    pub key: [String; 2],
    /// The columns with the event time, ms since 1970 UTC unless the input says more.
    pub time: [String; 2],
    /// How much later the right side is than the left one, at least and at most, ms.
    pub within_ms: [i64; 2],
    /// How far rows of one key and side may be out of order in event time, ms.
    pub lateness_ms: i64,
    /// How far an event time may be ahead of the append time of its message, ms.
    pub max_ahead_ms: i64,
}

/// What becomes of rows that find no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JoinKind {
    /// They give nothing.
    Inner,
    /// One of the left side gives a row with NULLs.
    Left,
}

impl JoinDefinition {
    /// Where the event time of an input at that side is: ms in its column, unless the input says more.
    #[must_use]
    pub fn time_of(&self, side: usize, input: &InputDefinition) -> TimeDefinition {
        let of_column = || {
            let (column, format) = (self.time[side].clone(), TimeFormat::MS);
            TimeDefinition { column, format }
        };
        input.time.clone().unwrap_or_else(of_column)
    }

    /// The latest event time that a row of the other side can have that is joined with one of this
    /// side and that time.
    #[must_use]
    pub fn last_mate_ms(&self, side: usize, time_ms: i64) -> i64 {
        match side {
            0 => time_ms.saturating_add(self.within_ms[1]),
            _ => time_ms.saturating_sub(self.within_ms[0]),
        }
    }

    /// The earliest one.
    #[must_use]
    pub fn first_mate_ms(&self, side: usize, time_ms: i64) -> i64 {
        match side {
            0 => time_ms.saturating_add(self.within_ms[0]),
            _ => time_ms.saturating_sub(self.within_ms[1]),
        }
    }
}
