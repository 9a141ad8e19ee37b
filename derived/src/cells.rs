//! Cells of a row as bytes, one after the other:
//!
//! ```text
//!  0 NULL | 1 i64 | 2 f64 | 3 length as u32, UTF-8     (numbers little-endian)
//! ```

use seismic_sql::{Batch, Cell};

/// Appends a cell. Inputs and tables have no columns of bytes; one would be NULL.
pub fn push(cell: Cell<'_>, into: &mut Vec<u8>) {
    match cell {
        Cell::Null | Cell::Blob(_) => into.push(0),
        Cell::Integer(value) => {
            into.push(1);
            into.extend_from_slice(&value.to_le_bytes());
        }
        Cell::Real(value) => {
            into.push(2);
            into.extend_from_slice(&value.to_le_bytes());
        }
        Cell::Text(text) => {
            into.push(3);
            into.extend_from_slice(&(text.len() as u32).to_le_bytes());
            into.extend_from_slice(text.as_bytes());
        }
    }
}

/// Takes the next cell; `None` when it is damaged.
pub fn pop<'a>(rest: &mut &'a [u8]) -> Option<Cell<'a>> {
    let (kind, behind) = rest.split_first()?;
    let (cell, behind) = match kind {
        0 => (Cell::Null, behind),
        1 => {
            let (bytes, behind) = behind.split_first_chunk()?;
            (Cell::Integer(i64::from_le_bytes(*bytes)), behind)
        }
        2 => {
            let (bytes, behind) = behind.split_first_chunk()?;
            (Cell::Real(f64::from_bits(u64::from_le_bytes(*bytes))), behind)
        }
        3 => {
            let (bytes, behind) = behind.split_first_chunk()?;
            let (text, behind) = behind.split_at_checked(u32::from_le_bytes(*bytes) as usize)?;
            (Cell::Text(str::from_utf8(text).ok()?), behind)
        }
        _ => return None,
    };
    *rest = behind;
    Some(cell)
}

/// Appends so many cells to a batch. Whether they are all there, and nothing behind them.
pub fn push_all(mut bytes: &[u8], count: usize, into: &mut Batch) -> bool {
    for _ in 0..count {
        let Some(cell) = pop(&mut bytes) else { return false };
        into.push(cell);
    }
    bytes.is_empty()
}
