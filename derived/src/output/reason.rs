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
    /// By event time: older than what is closed of its key.
    Late,
    /// By event time: it is too far ahead of its append time.
    Ahead,
    /// By event time: it has none, or one that cannot be read.
    NullTime,
    /// By event time: its key belongs in another partition.
    WrongPartition,
    /// By event time: there are too many keys.
    TooManyKeys,
    /// Its window has as many rows as may be.
    TooManyRows,
    /// The open windows take as many bytes as may be.
    TooManyBytes,
}

impl Reason {
    /// All of them, as they are tested for.
    pub const ALL: [Reason; 13] = [
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
        Reason::TooManyRows,
        Reason::TooManyBytes,
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
            Reason::TooManyRows => "too_many_rows",
            Reason::TooManyBytes => "too_many_bytes",
        }
    }
}
