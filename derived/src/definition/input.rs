//! An input of a definition.

use serde::{Deserialize, Serialize};

use super::column::Column;
use super::event_time::TimeDefinition;

/// Where rows come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputDefinition {
    /// Name of the table in the statement.
    pub name: String,
    /// The topic.
    pub topic: String,
    /// Group of the job of whose store the topic is; `None`: it is one of the queue.
    pub of: Option<String>,
    /// What messages look like.
    pub format: InputFormat,
    /// Columns of JSON lines; those of window rows are known.
    pub columns: Vec<Column>,
    /// The column with the key by whose clock rows are late, of a job with event times. `None`: all rows
    /// of a partition have one clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Where the event time is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeDefinition>,
}

/// What messages of an input look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InputFormat {
    /// One JSON object in each line.
    Json,
    /// A row of window statistics.
    Windows,
}
