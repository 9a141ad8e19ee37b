//! An output whose rows are compared by what they say of themselves.

use crate::engine::row_reader::RowReader;

/// Which output it is, and who reads its rows.
#[derive(Clone, Debug)]
pub(super) struct ComparedOutput {
    pub reader: &'static dyn RowReader,
    /// Place of the output among those of the job.
    pub place: usize,
    pub topic: String,
}
