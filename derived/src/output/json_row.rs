//! An output row: a JSON object with every declared column in order, and behind them `_id`, which
//! says what the row was made of: `partition/offset/index/number`, that is partition and offset of
//! the message, the record in it and the row among those of the record, each from 0.
//!
//! Numbers are written in the shortest form that reads back to the same bits.

use std::fmt::Write as _;

use seismic_pipeline::RowIdentity;
use seismic_queue::{Offset, Partition};
use seismic_sql::Cell;

use super::reason::Reason;
use crate::definition::column::{Column, ColumnKind};
use crate::limits;

/// Behind the columns of a row.
const ID: &str = ",\"_id\":\"";

/// Appends `{"column":value` for the column's cell, or `,"column":value`.
///
/// # Errors
/// Why the value cannot stand there.
pub fn push_cell(
    column: &Column,
    cell: Cell<'_>,
    is_first: bool,
    into: &mut String,
) -> Result<(), (Reason, String)> {
    let wrong = |found: String| {
        let Column { name, kind } = column;
        Err((
            Reason::WrongOutput,
            format!("{name} is to be {kind}, and the statement gives {found}"),
        ))
    };
    into.push(if is_first { '{' } else { ',' });
    push_text(&column.name, into);
    into.push(':');
    match (column.kind, cell) {
        (_, Cell::Null) => into.push_str("null"),
        (ColumnKind::Int, Cell::Integer(value)) => {
            let _ = write!(into, "{value}");
        }
        (ColumnKind::Real, Cell::Real(value)) if value.is_finite() => {
            let _ = write!(into, "{value:?}");
        }
        (ColumnKind::Real, Cell::Real(value)) => {
            return wrong(format!("{value}, for which JSON has no number"));
        }
        (ColumnKind::Real, Cell::Integer(value)) if value as f64 as i128 == i128::from(value) => {
            let _ = write!(into, "{:?}", value as f64);
        }
        (ColumnKind::Text, Cell::Text(text)) => push_text(text, into),
        (_, Cell::Integer(value)) => return wrong(format!("the integer {value}")),
        (_, Cell::Real(value)) => return wrong(format!("the real number {value:?}")),
        (_, Cell::Text(_)) => return wrong("text".to_owned()),
        (_, Cell::Blob(_)) => return wrong("bytes".to_owned()),
    }
    Ok(())
}

/// A value as the key of a message.
///
/// # Errors
/// When it is NULL, or too long.
pub fn push_key(
    column: &Column,
    cell: Cell<'_>,
    into: &mut String,
) -> Result<(), (Reason, String)> {
    let from = into.len();
    match cell {
        Cell::Null => {
            return Err((Reason::NullKey, format!("{} is NULL, and is the key", column.name)));
        }
        Cell::Text(text) => into.push_str(text),
        Cell::Integer(value) => {
            let _ = write!(into, "{value}");
        }
        Cell::Real(value) => {
            let _ = write!(into, "{value:?}");
        }
        Cell::Blob(_) => {}
    }
    if into.len() - from > limits::KEY_BYTES {
        let why =
            format!("{} is the key, and longer than {} bytes", column.name, limits::KEY_BYTES);
        return Err((Reason::WrongOutput, why));
    }
    Ok(())
}

/// Writes the end of a row into `into`, which is cleared first.
pub fn write_end(identity: &RowIdentity, into: &mut String) {
    let RowIdentity { partition, offset, index, number, .. } = identity;
    into.clear();
    let _ = write!(into, "{ID}{}/{}/{index}/{number}\"}}", partition.0, offset.0);
}

/// Writes the end of a row of two records, of which the right one may be missing, into `into`, which
/// is cleared first: `partition/offset/index/offset/index/number`, first of the left side.
pub fn write_end_of_pair(
    partition: Partition,
    [left, right]: [Option<(u64, u32)>; 2],
    number: usize,
    into: &mut String,
) {
    into.clear();
    let _ = write!(into, "{ID}{}", partition.0);
    for place in [left, right] {
        match place {
            Some((offset, index)) => {
                let _ = write!(into, "/{offset}/{index}");
            }
            None => into.push_str("/-/-"),
        }
    }
    let _ = write!(into, "/{number}\"}}");
}

/// Writes the end of a row of a window into `into`, which is cleared first: `partition/wSTART/number`,
/// where START is the first ms of the window, and behind it `/KEY` where rows have one.
pub fn write_end_of_window(
    (partition, start_ms): (Partition, i64),
    key: &str,
    number: usize,
    into: &mut String,
) {
    into.clear();
    let _ = write!(into, "{ID}{}/w{start_ms}/{number}", partition.0);
    if !key.is_empty() {
        // As a text of JSON, without its quotes.
        into.push('/');
        let from = into.len();
        push_text(&key[..key.floor_char_boundary(limits::KEY_BYTES)], into);
        into.pop();
        into.remove(from);
    }
    into.push_str("\"}");
}

/// What a row was made of; `None` for bytes that no job wrote.
pub fn identity(row: &[u8]) -> Option<RowIdentity> {
    let text = str::from_utf8(row).ok()?;
    let (_, id) = text.strip_suffix("\"}")?.rsplit_once(ID)?;
    let mut parts = id.split('/');
    let partition = Partition(parts.next()?.parse().ok()?);
    let offset = Offset(parts.next()?.parse().ok()?);
    let (index, number) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    match parts.next() {
        None => Some(RowIdentity { input: 0, partition, offset, index, number }),
        Some(_) => None,
    }
}

/// A text with quotes, as JSON has it.
fn push_text(text: &str, into: &mut String) {
    into.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        into.push_str(&text[from..at]);
        match byte {
            b'"' => into.push_str("\\\""),
            b'\\' => into.push_str("\\\\"),
            b'\n' => into.push_str("\\n"),
            b'\r' => into.push_str("\\r"),
            b'\t' => into.push_str("\\t"),
            _ => {
                let _ = write!(into, "\\u{byte:04x}");
            }
        }
        from = at + 1;
    }
    into.push_str(&text[from..]);
    into.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(kind: ColumnKind, cell: Cell<'_>) -> Result<String, String> {
        let column = Column { name: "Alert".to_owned(), kind };
        let mut row = String::new();
        push_cell(&column, cell, true, &mut row)
            .map_err(|(reason, why)| format!("{reason:?}: {why}"))?;
        let mut end = String::new();
        let at = RowIdentity {
            input: 0,
            partition: Partition(3),
            offset: Offset(u64::MAX),
            index: 7,
            number: u32::MAX,
        };
        write_end(&at, &mut end);
        assert_eq!(identity(format!("{row}{end}").as_bytes()), Some(at));
        Ok(row + &end)
    }

    proptest! {
        #[test]
        fn a_row_is_json_with_the_same_values(text: String, real: f64, whole: i64) {
            let read = |kind, cell: Cell<'_>| {
                serde_json::from_str::<serde_json::Value>(&written(kind, cell).unwrap()).unwrap()
            };
            let found = read(ColumnKind::Text, Cell::Text(&text));
            prop_assert_eq!(found["Alert"].as_str(), Some(&*text));
            prop_assert_eq!(read(ColumnKind::Int, Cell::Integer(whole))["Alert"].as_i64(), Some(whole));
            if real.is_finite() {
                let found = read(ColumnKind::Real, Cell::Real(real))["Alert"].as_f64().unwrap();
                prop_assert_eq!(found.to_bits(), real.to_bits());
            }
        }

        #[test]
        fn bytes_that_no_job_wrote_have_no_identity(bytes: Vec<u8>) {
            prop_assert_eq!(identity(&bytes), None);
        }
    }

    #[test]
    fn a_value_of_another_type_is_named_and_never_cast() {
        for (kind, cell, why) in [
            (
                ColumnKind::Int,
                Cell::Real(1.0),
                "Alert is to be int, and the statement gives the real",
            ),
            (ColumnKind::Int, Cell::Text("1"), "gives text"),
            (ColumnKind::Text, Cell::Integer(1), "gives the integer 1"),
            (ColumnKind::Real, Cell::Real(f64::INFINITY), "inf, for which JSON has no number"),
            (ColumnKind::Real, Cell::Integer(i64::MAX), "gives the integer 9223372036854775807"),
            (ColumnKind::Real, Cell::Blob(b"x"), "gives bytes"),
        ] {
            let found = written(kind, cell).unwrap_err();
            assert!(found.contains(why), "{found}");
        }
        let exact = written(ColumnKind::Real, Cell::Integer(3)).unwrap();
        assert!(exact.starts_with("{\"Alert\":3.0,"), "{exact}");
    }
}
