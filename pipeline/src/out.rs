//! What an engine emits: rows and dead letters, encoded, waiting for their commit.

use seismic_proto::{ClosedBy, Message, SeismicAggRecord, SeismicDeadLetter};
use seismic_queue::{Block, Offset};
use sha2::{Digest, Sha256};

use crate::Reason;
use crate::interval::Interval;
use crate::limits;
use crate::window::Window;

/// Encoded output of one partition. The commit takes the two blocks; scratch memory stays.
#[derive(Debug, Default)]
pub struct Out {
    /// Result rows, keyed by sensor.
    pub rows: Block,
    /// Dead letters, keyed by sensor where it is known.
    pub dead: Block,
    row: SeismicAggRecord,
    letter: SeismicDeadLetter,
    bytes: Vec<u8>,
}

/// Where an engine's input comes from, for the names in its output.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub topic: String,
    pub partition: u32,
}

/// What a row says beside its window.
pub(crate) struct Closing<'a> {
    pub sensor: &'a str,
    pub interval: Interval,
    pub closed_by: ClosedBy,
    pub input: &'a Input,
    pub offset: Offset,
}

impl Out {
    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.dead.is_empty()
    }

    /// Bytes that wait.
    #[must_use]
    pub fn size(&self) -> usize {
        self.rows.bytes().len() + self.dead.bytes().len()
    }

    /// Throws away what waits, as a replay does.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.dead.clear();
    }

    pub(crate) fn row(&mut self, window: &Window, window_ms: i64, closing: &Closing<'_>) {
        let &Closing { sensor, interval, closed_by, input, offset } = closing;
        let row = &mut self.row;
        window.fill(row, window_ms);
        row.sensor_id.clear();
        row.sensor_id.push_str(sensor);
        row.closed_by = closed_by.into();
        row.input_partition = input.partition as i32;
        row.closing_offset = offset.0 as i64;
        row.sample_interval_ms = interval.ms();
        row.gap_fraction = interval.gap(window.count(), window_ms);
        self.bytes.clear();
        self.row.encode_raw(&mut self.bytes);
        self.rows
            .push(sensor.as_bytes(), &self.bytes)
            .expect("a row is a sensor id and some numbers, far below the limit of a message");
    }

    pub(crate) fn dead_letter(&mut self, record: Buried<'_>, input: &Input) {
        let kept = record.bytes.len().min(limits::DEAD_LETTER_BYTES);
        let letter = &mut self.letter;
        letter.reason.clear();
        letter.reason.push_str(record.reason.name());
        letter.input_topic.clear();
        letter.input_topic.push_str(&input.topic);
        letter.input_partition = input.partition as i32;
        letter.input_offset = record.offset.0 as i64;
        letter.index = record.index;
        letter.append_ms = record.append_ms;
        letter.bytes.clear();
        letter.bytes.extend_from_slice(&record.bytes[..kept]);
        letter.original_len = record.bytes.len() as i64;
        letter.sha256.clear();
        letter.sha256.extend_from_slice(&Sha256::digest(record.bytes));
        self.bytes.clear();
        letter.encode_raw(&mut self.bytes);
        let key = &record.sensor[..record.sensor.len().min(limits::SENSOR_ID_BYTES)];
        self.dead
            .push(key, &self.bytes)
            .expect("the original is cut and the rest is small, so it is below the limit");
    }
}

/// A record on its way to the dead letters.
pub(crate) struct Buried<'a> {
    pub reason: Reason,
    pub offset: Offset,
    pub index: i32,
    pub append_ms: i64,
    pub sensor: &'a [u8],
    pub bytes: &'a [u8],
}
