//! The content of one line of a file, whatever its format.

use seismic_proto::SeismicRecord;

use super::field::Defaulted;
use super::refusal::Refusal;
use crate::codec::{encode, for_each_record};

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    /// A record; its sensor id becomes the key.
    Record(SeismicRecord),
    /// A message with its key.
    Message { key: Vec<u8>, value: Vec<u8> },
}

impl Item {
    /// Adds the bytes that tell this item from others: of its key, a zero, and its value.
    pub(crate) fn identity(&self, into: &mut Vec<u8>) {
        match self {
            Item::Record(record) => {
                into.extend_from_slice(record.sensor_id.as_bytes());
                into.push(0);
                encode(record, into);
            }
            Item::Message { key, value } => {
                into.extend_from_slice(key);
                into.push(0);
                into.extend_from_slice(value);
            }
        }
    }

    /// Event time of its first record; `None` for a message that is not records.
    pub(crate) fn time_ms(&self) -> Option<i64> {
        match self {
            Item::Record(record) => Some(record.collect_timestamp),
            Item::Message { value, .. } => {
                let mut first = None;
                for_each_record(value, |record| {
                    first = first.or(Some(record.collect_timestamp));
                })?;
                first
            }
        }
    }
}

/// A line that was read.
pub(crate) struct ParsedLine {
    /// Its number, from 1.
    pub(crate) number: u64,
    /// Whether it ends with the end of a line: else more of it may come.
    pub(crate) is_whole: bool,
    /// What it says, or what is wrong with it.
    pub(crate) item: Result<Item, Refusal>,
    /// What it does not say.
    pub(crate) defaulted: Defaulted,
}

impl ParsedLine {
    pub(crate) fn new(number: u64, is_whole: bool, item: Result<Item, Refusal>) -> Self {
        ParsedLine { number, is_whole, item, defaulted: Defaulted::default() }
    }
}

/// What comes next of a file.
pub(crate) enum Next {
    Line(ParsedLine),
    /// Nothing for now.
    Pending,
    /// Nothing more.
    End,
}
