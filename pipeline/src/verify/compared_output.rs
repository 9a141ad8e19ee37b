//! An output whose rows are compared by their keys.

use crate::engine::row_reader::RowReader;

/// An output, and the reader of its rows.
#[derive(Clone, Debug)]
pub(super) struct ComparedOutput {
    pub reader: &'static dyn RowReader,
    /// Place of the output among those of the job.
    pub place: usize,
    pub topic: String,
}
