//! What `verify` reads of rows and dead letters.

use std::fmt;

use seismic_pipeline::{RowIdentity, RowKey, RowOrigin, RowReader, Unaccounted};
use seismic_proto::{Message as _, SeismicDeadLetter, Shown};
use seismic_queue::{Offset, Partition};

use crate::output::json_row;
use crate::state::State;

/// Place of the dead letters among the outputs.
const DEAD_PLACE: usize = 1;

/// Bits of a key's number for the record in a message: one of 16 MiB has less than 2^23 lines.
const INDEX_BITS: u32 = 23;

/// Reads them.
#[derive(Debug)]
pub struct StatementRows;

fn identity(place: usize, row: &[u8]) -> Option<RowIdentity> {
    if place != DEAD_PLACE {
        return json_row::identity(row);
    }
    let letter = SeismicDeadLetter::decode(row).ok()?;
    Some(RowIdentity {
        input: 0,
        partition: Partition(letter.input_partition as u32),
        offset: Offset(letter.input_offset as u64),
        index: letter.index as u32,
        number: 0,
    })
}

/// The offset and the record of a key.
fn parts(key: &RowKey) -> (i64, i64) {
    (key.number.0 >> INDEX_BITS, key.number.0 & ((1 << INDEX_BITS) - 1))
}

impl RowReader for StatementRows {
    fn origin(&self, place: usize, row: &[u8]) -> Option<RowOrigin> {
        let RowIdentity { partition, offset, index, number, .. } = identity(place, row)?;
        let at = i64::try_from(offset.0).ok()?.checked_mul(1 << INDEX_BITS)?;
        let number = (at | i64::from(index), i32::try_from(number).unwrap_or(i32::MAX));
        let key = RowKey { of: partition.0.to_string().into(), number };
        Some(RowOrigin { key, at: offset, is_early: false, rises: true, records: 1 })
    }

    fn is_dead_letters(&self, place: usize) -> bool {
        place == DEAD_PLACE
    }

    fn name(&self, place: usize, topic: &str, key: &RowKey) -> String {
        let (offset, index) = parts(key);
        let of = &key.of;
        match place {
            DEAD_PLACE => {
                format!("dead letter of record {index} of message {of}/{offset} in {topic}")
            }
            _ => {
                let number = key.number.1;
                format!("row {number} of record {index} of message {of}/{offset} in {topic}")
            }
        }
    }

    fn show(&self, place: usize, row: &[u8]) -> String {
        if place == DEAD_PLACE
            && let Ok(letter) = SeismicDeadLetter::decode(row)
        {
            return format!("{}: {}", letter.reason, Shown(&letter.detail));
        }
        Shown(&String::from_utf8_lossy(row)).to_string()
    }

    fn show_difference(&self, place: usize, expected: &[u8], found: &[u8]) -> (String, String) {
        (self.show(place, expected), self.show(place, found))
    }

    fn unaccounted(
        &self,
        before: &[u8],
        noted: &[u8],
        found: &[(&str, Option<u64>)],
    ) -> Vec<Unaccounted> {
        let counts =
            |note: &[u8]| State::decode(note).map(|it| it.state.counts).unwrap_or_default();
        let (before, noted) = (counts(before), counts(noted));
        let rows = noted.rows.saturating_sub(before.rows);
        let letters = noted.dead_letters().saturating_sub(before.dead_letters());
        let mut unaccounted = Vec::new();
        for (expected, (topic, found)) in [rows, letters].into_iter().zip(found) {
            let Some(found) = found.filter(|found| *found != expected) else { continue };
            let what = format!("rows of {topic}");
            unaccounted.push(Unaccounted { what, expected: said(expected), found: said(found) });
        }
        unaccounted
    }
}

fn said(number: impl fmt::Display) -> String {
    number.to_string()
}
