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
use super::side::{KeySide, Place, Waiting};
use crate::cells;
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
            push_length(key.len(), into);
            into.extend_from_slice(key.as_bytes());
            for KeySide { newest_ms, closed_ms, last, rows } in sides {
                into.extend_from_slice(&newest_ms.to_le_bytes());
                into.extend_from_slice(&closed_ms.to_le_bytes());
                into.extend_from_slice(&last.map_or(0, |last| last + 1).to_le_bytes());
                push_length(rows.len(), into);
                for ((time_ms, place), row) in rows {
                    into.extend_from_slice(&time_ms.to_le_bytes());
                    into.extend_from_slice(&place.offset.to_le_bytes());
                    into.extend_from_slice(&place.index.to_le_bytes());
                    into.extend_from_slice(&row.append_ms.to_le_bytes());
                    into.push(row.is_joined.into());
                    push_length(row.cells.len(), into);
                    into.extend_from_slice(&row.cells);
                }
            }
        }
    }

    /// The buffers of a definition, given the widths of both sides; `None` when they are damaged.
    pub fn decode(
        definition: JoinDefinition,
        widths: [usize; 2],
        mut bytes: &[u8],
    ) -> Option<Buffers> {
        let rest = &mut bytes;
        let mut buffers = Buffers::new(definition);
        buffers.waited = [number(rest)?, number(rest)?];
        buffers.held = [flag(rest)?, flag(rest)?];
        for _ in 0..length(rest)? {
            let key = str::from_utf8(take(rest)?).ok()?.into();
            let mut sides = [KeySide::default(), KeySide::default()];
            for (side, of_side) in sides.iter_mut().enumerate() {
                of_side.newest_ms = number(rest)? as i64;
                of_side.closed_ms = number(rest)? as i64;
                of_side.last = number(rest)?.checked_sub(1);
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

fn rows(rest: &mut &[u8], width: usize) -> Option<BTreeMap<(i64, Place), Waiting>> {
    let mut rows = BTreeMap::new();
    for _ in 0..length(rest)? {
        let time_ms = number(rest)? as i64;
        let place = Place { offset: number(rest)?, index: length(rest)? as u32 };
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

fn push_length(length: usize, into: &mut Vec<u8>) {
    into.extend_from_slice(&(length as u32).to_le_bytes());
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let (bytes, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(u64::from_le_bytes(*bytes))
}

fn length(rest: &mut &[u8]) -> Option<usize> {
    let (bytes, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(u32::from_le_bytes(*bytes) as usize)
}

fn flag(rest: &mut &[u8]) -> Option<bool> {
    let (byte, behind) = rest.split_first()?;
    *rest = behind;
    (*byte < 2).then_some(*byte == 1)
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = length(rest)?;
    let (bytes, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(bytes)
}
