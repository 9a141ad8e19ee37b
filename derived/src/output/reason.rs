//! Why a record is a dead letter.

use serde::{Deserialize, Serialize};

/// Why a record is no row, or gives none, in words.
pub type Fault = (Reason, String);

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It is no JSON object, or no row.
    Unparseable,
    /// A value is of another type than its column.
    WrongType,
    /// The statement failed for it.
    SqlError,
    /// A value of the output is of another type than its column, or too long.
    WrongOutput,
    /// The key of the output is NULL.
    NullKey,
    /// A table has no row for it.
    MissingKey,
    /// In a join: older than what its key and side has closed.
    Late,
    /// In a join: its event time is too far ahead of its append time.
    Ahead,
    /// In a join: it has no event time.
    NullTime,
    /// In a join: its key belongs in another partition.
    WrongPartition,
    /// In a join: there are too many keys.
    TooManyKeys,
}

impl Reason {
    /// All of them, as they are tested for.
    pub const ALL: [Reason; 11] = [
        Reason::Unparseable,
        Reason::WrongType,
        Reason::SqlError,
        Reason::WrongOutput,
        Reason::NullKey,
        Reason::MissingKey,
        Reason::Late,
        Reason::Ahead,
        Reason::NullTime,
        Reason::WrongPartition,
        Reason::TooManyKeys,
    ];

    /// Its name in dead letters, metrics and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Reason::Unparseable => "unparseable",
            Reason::WrongType => "wrong_type",
            Reason::SqlError => "sql_error",
            Reason::WrongOutput => "wrong_output",
            Reason::NullKey => "null_key",
            Reason::MissingKey => "missing_key",
            Reason::Late => "late",
            Reason::Ahead => "ahead",
            Reason::NullTime => "null_time",
            Reason::WrongPartition => "wrong_partition",
            Reason::TooManyKeys => "too_many_keys",
        }
    }
}
