//! The seam through which losses are counted: which values of the outputs are records that count in
//! no result, and why.

use std::fmt::{self, Debug};

use seismic_queue::Offset;

/// Why a record counts in no result. Reasons are ordered as their kind tests for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LossReason {
    order: usize,
    name: &'static str,
}

impl LossReason {
    /// The reason of that name, the `order`-th that its kind tests for.
    #[must_use]
    pub fn new(order: usize, name: &'static str) -> Self {
        LossReason { order, name }
    }

    /// Its name in dead letters, metrics and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }
}

impl fmt::Display for LossReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Reads the rows and the dead letters of a kind. Both have the sensor as their key, and both say
/// at which offset of the first input they were written.
pub trait LossReader: Debug + Sync {
    /// Place of the output whose rows count records.
    fn rows_place(&self) -> usize;

    /// Place of the output with dead letters.
    fn letters_place(&self) -> usize;

    /// The records that a row counts; `None` for bytes that no operator of the kind wrote.
    fn row(&self, value: &[u8]) -> Option<(u64, Offset)>;

    /// Why the record of a dead letter was rejected; `None` as above.
    fn letter(&self, value: &[u8]) -> Option<(LossReason, Offset)>;

    /// The record of a dead letter as text, as far as it can be read.
    fn example(&self, value: &[u8]) -> String;
}
