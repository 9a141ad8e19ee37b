//! The seam through which `verify` reads rows of outputs that follow their input: what identifies
//! each row, and at which position of the input it was emitted.
//!
//! A kind with a row reader gets differences reported row by row, and a proof that can start after
//! the beginning of the log. Without one, rows are compared in order.

use std::fmt::Debug;

use compact_str::CompactString;
use seismic_queue::Offset;

/// By what a row is known within its partition of an output.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RowKey {
    /// What it is of, such as a sensor. Numbers only rise among the rows of one.
    pub of: CompactString,
    /// Its number among these.
    pub number: (i64, i32),
}

/// What a row says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowOrigin {
    /// By what it is known.
    pub key: RowKey,
    /// Offset of the first input at which it came to be. It never falls from one row to the next.
    pub at: Offset,
    /// Whether it came to be before the message at that offset had its effect.
    pub is_early: bool,
    /// Whether rows of what its key is of only rise by its numbers, as far as this says so, too.
    pub rises: bool,
    /// Records that it counts.
    pub records: u64,
}

/// Counts that do not add up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unaccounted {
    /// What was counted.
    pub what: String,
    /// What it should be.
    pub expected: String,
    /// What it is.
    pub found: String,
}

/// Reads the rows of the outputs that follow the input. Outputs are named by their place among
/// those of the job.
pub trait RowReader: Debug + Sync {
    /// What a row says of itself; `None` for bytes that no operator of the kind wrote.
    fn origin(&self, place: usize, row: &[u8]) -> Option<RowOrigin>;

    /// Whether rows of the output are records that count in no result.
    fn is_dead_letters(&self, place: usize) -> bool;

    /// A row as text, for a person who is to find it in `topic`.
    fn name(&self, place: usize, topic: &str, key: &RowKey) -> String;

    /// What a row holds, as text.
    fn show(&self, place: usize, row: &[u8]) -> String;

    /// Where two rows differ, as text for each.
    fn show_difference(&self, place: usize, expected: &[u8], found: &[u8]) -> (String, String);

    /// What does not add up between the note `before` the proof began, the note of the last commit,
    /// and the records in the rows that were found of each output since; `None` where retention has
    /// deleted some.
    fn unaccounted(
        &self,
        before: &[u8],
        noted: &[u8],
        found: &[(&str, Option<u64>)],
    ) -> Vec<Unaccounted>;
}
