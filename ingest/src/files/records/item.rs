//! What one line of a file says, whatever its format.

use seismic_proto::SeismicRecord;

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    /// A record; its sensor id becomes the key.
    Record(SeismicRecord),
    /// A message with its key.
    Message { key: Vec<u8>, value: Vec<u8> },
}

/// A line that was read.
pub(crate) struct ParsedLine {
    /// Its number, from 1; that of the first line when several belong together.
    pub(crate) number: u64,
    /// What it says, or what is wrong with it.
    pub(crate) item: Result<Item, String>,
}
