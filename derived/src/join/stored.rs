//! The buffers as bytes, behind the state in a snapshot. The same buffers are the same bytes.
//!
//! ```text
//!  waited u64 u64 | held u8 u8 | keys u32, and for each:
//!    length u32, key | for each side: newest i64, closed i64, last + 1 u64, rows u32, and for each:
//!      time i64, offset u64, index u32, append i64, joined u8, length u32, cells
//!  (numbers little-endian)
//! ```

use std::collections::BTreeMap;

use seismic_sql::Batch;

use super::buffers::Buffers;
use super::side::{KeySide, RowPosition, Waiting};
use crate::bytes::{self, flag, length, number, push_length, take};
use crate::cells;
use crate::clock::Clock;
use crate::definition::join::JoinDefinition;

impl Buffers {
    /// Appends them to `into`.
    pub fn encode(&self, into: &mut Vec<u8>) {
        for waited in self.waited {
            into.extend_from_slice(&waited.to_le_bytes());
        }
        into.extend(self.held.map(u8::from));
        push_length(self.keys.len(), into);
        for (key, sides) in &self.keys {
            bytes::push(key.as_bytes(), into);
            for KeySide { clock, rows } in sides {
                clock.encode(into);
                push_length(rows.len(), into);
                for ((time_ms, place), row) in rows {
                    into.extend_from_slice(&time_ms.to_le_bytes());
                    into.extend_from_slice(&place.offset.to_le_bytes());
                    into.extend_from_slice(&place.index.to_le_bytes());
                    into.extend_from_slice(&row.append_ms.to_le_bytes());
                    into.push(row.is_joined.into());
                    bytes::push(&row.cells, into);
                }
            }
        }
    }

    /// The buffers of a definition, given the widths of both sides; `None` when they are damaged.
    pub fn decode(
        definition: JoinDefinition,
        widths: [usize; 2],
        mut stored: &[u8],
    ) -> Option<Buffers> {
        let rest = &mut stored;
        let mut buffers = Buffers::new(definition);
        buffers.waited = [number(rest)?, number(rest)?];
        buffers.held = [flag(rest)?, flag(rest)?];
        for _ in 0..length(rest)? {
            let key = bytes::text(rest)?.into();
            let mut sides = [KeySide::default(), KeySide::default()];
            for (side, of_side) in sides.iter_mut().enumerate() {
                of_side.clock = Clock::decode(rest)?;
                of_side.rows = rows(rest, widths[side])?;
                buffers.rows[side] += of_side.rows.len() as u64;
                buffers.bytes[side] += of_side.rows.values().map(Waiting::bytes).sum::<u64>();
            }
            if buffers.keys.insert(key, sides).is_some() {
                return None;
            }
        }
        rest.is_empty().then_some(buffers)
    }
}

fn rows(rest: &mut &[u8], width: usize) -> Option<BTreeMap<(i64, RowPosition), Waiting>> {
    let mut rows = BTreeMap::new();
    for _ in 0..length(rest)? {
        let time_ms = number(rest)? as i64;
        let place = RowPosition { offset: number(rest)?, index: length(rest)? as u32 };
        let append_ms = number(rest)? as i64;
        let is_joined = flag(rest)?;
        let cells: Box<[u8]> = take(rest)?.into();
        if !cells::push_all(&cells, width, &mut Batch::new(width)) {
            return None;
        }
        let row = Waiting { append_ms, is_joined, cells };
        if rows.insert((time_ms, place), row).is_some() {
            return None;
        }
    }
    Some(rows)
}
