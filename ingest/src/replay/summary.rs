//! The summary of a replay.

use serde::Serialize;

/// What a replay did. Serialises to the object that `--json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReplaySummary {
    /// Messages that are durable in the topic; those of an earlier attempt included.
    pub messages: u64,
    /// Messages that were in the topic already, from an earlier replay at full speed.
    pub recognised: u64,
    /// By how much records were moved in time, ms; 0 without `shift_time`.
    pub shift_ms: i64,
    /// The longest delay of a message after it was due, ms.
    pub behind_ms_max: u64,
    /// Whether a stop ended it early.
    pub stopped: bool,
    /// How long it took.
    pub seconds: f64,
    /// `messages / seconds`.
    pub messages_per_second: f64,
    /// The topic that was played.
    pub from_topic: String,
    /// Where its messages went.
    pub topic: String,
}
