//! What a job writes: JSON rows, each with what it was made of, and dead letters.

pub mod answers;
pub mod json_row;
pub mod reason;

use seismic_proto::{Message as _, SeismicDeadLetter};
use seismic_queue::{Block, Offset};
use sha2::{Digest as _, Sha256};

use self::reason::Reason;
use crate::limits;

/// A record of the input, and where it was.
#[derive(Clone, Copy, Debug)]
pub struct Record<'m> {
    /// Offset of its message.
    pub offset: Offset,
    /// Its number in the message.
    pub index: u32,
    /// When the message was appended, ms since 1970 UTC.
    pub append_ms: i64,
    /// Key of the message.
    pub key: &'m [u8],
    /// Its bytes.
    pub bytes: &'m [u8],
}

/// Writes dead letters of a partition of a topic.
#[derive(Debug)]
pub struct DeadLetters {
    /// What waits.
    pub block: Block,
    letter: SeismicDeadLetter,
    bytes: Vec<u8>,
}

impl DeadLetters {
    /// Of that partition.
    pub fn new(topic: &str, partition: u32) -> Self {
        let letter = SeismicDeadLetter {
            input_topic: topic.to_owned(),
            input_partition: partition as i32,
            ..SeismicDeadLetter::default()
        };
        DeadLetters { block: Block::default(), letter, bytes: Vec::new() }
    }

    /// From here on they are of records of this topic.
    pub fn set_topic(&mut self, topic: &str) {
        if self.letter.input_topic != topic {
            topic.clone_into(&mut self.letter.input_topic);
        }
    }

    /// Writes one.
    pub fn push(&mut self, record: &Record<'_>, reason: Reason, why: &str) {
        let letter = &mut self.letter;
        letter.reason.clear();
        letter.reason.push_str(reason.name());
        letter.input_offset = record.offset.0 as i64;
        letter.index = record.index as i32;
        letter.append_ms = record.append_ms;
        let kept = record.bytes.len().min(limits::DEAD_LETTER_BYTES);
        letter.bytes.clear();
        letter.bytes.extend_from_slice(&record.bytes[..kept]);
        letter.original_len = record.bytes.len() as i64;
        letter.sha256.clear();
        letter.sha256.extend_from_slice(&Sha256::digest(record.bytes));
        letter.detail.clear();
        letter.detail.push_str(&why[..why.floor_char_boundary(limits::DETAIL_BYTES)]);
        self.bytes.clear();
        letter.encode_raw(&mut self.bytes);
        let key = &record.key[..record.key.len().min(limits::KEY_BYTES)];
        self.block
            .push(key, &self.bytes)
            .expect("the original is cut and the rest is small, so it is below the limit");
    }
}
