//! The position of a sink as JSON, for servers that keep documents or messages:
//!
//! ```text
//! store    id of the store whose rows these are
//! topic    the result topic
//! writer   which sink moved it last: no other has its name
//! parts    next, last_offset, last_append_ms, last_crc of each partition
//! ```

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use seismic_queue::{Fingerprint, Offset};
use serde::{Deserialize, Serialize};

use super::stored::{Position, StoredPosition};
use crate::Context;

/// The position as it is stored.
#[derive(Deserialize, Serialize)]
pub(crate) struct PositionDocument {
    store: String,
    topic: String,
    writer: String,
    parts: Vec<PartPosition>,
}

#[derive(Deserialize, Serialize)]
struct PartPosition {
    next: u64,
    #[serde(flatten)]
    last: Option<LastRow>,
}

#[derive(Deserialize, Serialize)]
struct LastRow {
    last_offset: u64,
    last_append_ms: i64,
    last_crc: u32,
}

impl PositionDocument {
    /// These positions, as `writer` has moved them.
    pub(crate) fn of(context: &Context, writer: &str, positions: &[Position]) -> Self {
        PositionDocument {
            store: context.store_id.clone(),
            topic: context.topic.clone(),
            writer: writer.to_owned(),
            parts: positions.iter().map(PartPosition::from).collect(),
        }
    }

    /// As bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("its keys are texts")
    }

    /// The positions, and who moved them last.
    pub(crate) fn read(self) -> (StoredPosition, String) {
        let PositionDocument { store, topic, writer, parts } = self;
        let positions = parts.into_iter().map(Position::from).collect();
        (StoredPosition { store, topic, positions }, writer)
    }
}

impl From<&Position> for PartPosition {
    fn from(position: &Position) -> Self {
        let last = position.last.map(|Fingerprint { offset, append_ms, crc }| LastRow {
            last_offset: offset.0,
            last_append_ms: append_ms,
            last_crc: crc,
        });
        PartPosition { next: position.next.0, last }
    }
}

impl From<PartPosition> for Position {
    fn from(part: PartPosition) -> Self {
        let last = part.last.map(|last| Fingerprint {
            offset: Offset(last.last_offset),
            append_ms: last.last_append_ms,
            crc: last.last_crc,
        });
        Position { next: Offset(part.next), last }
    }
}

/// A name that no other sink has, and that tells which process this is.
pub(crate) fn writer() -> String {
    static SINKS: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    let number = SINKS.fetch_add(1, Ordering::Relaxed);
    format!("process-{}-{now:x}-{number}", process::id())
}
