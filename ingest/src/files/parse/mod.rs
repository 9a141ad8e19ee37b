//! Parses lines of foreign files: the record of a line, or why it is refused.

pub(crate) mod csv;
pub(crate) mod csv_fields;
pub(crate) mod csv_header;
pub(crate) mod event_time;
pub(crate) mod field;
pub(crate) mod format;
pub(crate) mod item;
pub(crate) mod jsonl;
pub(crate) mod number;
pub(crate) mod read_options;
pub(crate) mod reader;
pub(crate) mod refusal;
pub(crate) mod refusals;
