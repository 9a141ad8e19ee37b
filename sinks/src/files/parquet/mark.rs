//! The mark of a folder, `rows.mark`: how much of the spool counts, and up to which rows.
//!
//! Two lines of text. The first names the format, its version and the CRC-32 of the second, which is
//! JSON:
//!
//! ```text
//! seismic-parquet-mark 1 5b2a9c1d
//! {"store":"b1946ac9","topic":"seismic-agg-topic","spool":2,"bytes":8192,"parts":[[40,null],[0,null]]}
//! ```
//!
//! `spool` is the number of the spool; files of lower numbers count whole. `parts` has the next row of
//! each partition of the result topic, and the fingerprint of the row before it.

#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // It parses foreign bytes.

use seismic_queue::{Fingerprint, Offset};
use serde::{Deserialize, Serialize};

use crate::position::stored::Position;

const MAGIC: &str = "seismic-parquet-mark";

/// Layout that this program writes.
pub(super) const VERSION: u32 = 1;

/// How far a folder counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) store: String,
    pub(super) topic: String,
    pub(super) spool: u64,
    pub(super) bytes: u64,
    pub(super) positions: Vec<Position>,
}

/// Why bytes are not a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// They are whole, but of a version that came later.
    Newer(u32),
    /// They are not what was written.
    Damaged(&'static str),
}

/// Next row, and offset, append time and CRC of the row before it.
type Part = (u64, Option<(u64, i64, u32)>);

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Json {
    store: String,
    topic: String,
    spool: u64,
    bytes: u64,
    parts: Vec<Part>,
}

impl Mark {
    pub(super) fn encode(&self) -> Vec<u8> {
        let part = |position: &Position| -> Part {
            let last = position.last.map(|it| (it.offset.0, it.append_ms, it.crc));
            (position.next.0, last)
        };
        let json = Json {
            store: self.store.clone(),
            topic: self.topic.clone(),
            spool: self.spool,
            bytes: self.bytes,
            parts: self.positions.iter().map(part).collect(),
        };
        let body = serde_json::to_string(&json).expect("text and numbers are always JSON") + "\n";
        format!("{MAGIC} {VERSION} {:08x}\n{body}", crc32fast::hash(body.as_bytes())).into_bytes()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Mark, Refused> {
        let text = str::from_utf8(bytes).map_err(|_| Refused::Damaged("it is not text"))?;
        let split = || {
            let (head, body) = text.split_once('\n')?;
            let (version, sum) = head.strip_prefix(MAGIC)?.strip_prefix(' ')?.split_once(' ')?;
            Some((version.parse::<u32>().ok()?, sum, body))
        };
        let head = "its first line is not that of a mark";
        let (version, sum, body) = split().ok_or(Refused::Damaged(head))?;
        if version > VERSION {
            return Err(Refused::Newer(version));
        }
        if format!("{:08x}", crc32fast::hash(body.as_bytes())) != sum {
            return Err(Refused::Damaged("its checksum does not fit"));
        }
        let json: Json =
            serde_json::from_str(body).map_err(|_| Refused::Damaged("its fields do not fit"))?;
        let position = |(next, last): Part| Position {
            next: Offset(next),
            last: last.map(|(offset, append_ms, crc)| Fingerprint {
                offset: Offset(offset),
                append_ms,
                crc,
            }),
        };
        let mark = Mark {
            store: json.store,
            topic: json.topic,
            spool: json.spool,
            bytes: json.bytes,
            positions: json.parts.into_iter().map(position).collect(),
        };
        if mark.encode() != bytes {
            return Err(Refused::Damaged("it is not written as we write it"));
        }
        Ok(mark)
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        let last = Some(Fingerprint { offset: Offset(39), append_ms: 5, crc: 7 });
        let positions = vec![Position { next: Offset(40), last }, Position::beginning(Offset(0))];
        let (store, topic) = ("b1946ac9".to_owned(), "rows".to_owned());
        Mark { store, topic, spool: 2, bytes: 8192, positions }
    }

    #[test]
    fn what_was_written_is_read_and_every_change_of_a_byte_is_refused() {
        let bytes = mark().encode();
        assert_eq!(Mark::decode(&bytes), Ok(mark()));
        for at in 0..bytes.len() {
            for flip in [1, 2, 64, 255] {
                let mut other = bytes.clone();
                other[at] ^= flip;
                assert!(Mark::decode(&other).is_err(), "byte {at} ^ {flip}");
            }
            assert!(Mark::decode(&bytes[..at]).is_err(), "{at} bytes");
        }
    }

    #[test]
    fn a_mark_of_a_newer_version_is_told_from_a_damaged_one() {
        let text = String::from_utf8(mark().encode()).unwrap().replacen(" 1 ", " 2 ", 1);
        assert_eq!(Mark::decode(text.as_bytes()), Err(Refused::Newer(2)));
    }
}
