//! Messages of a topic as rows of a table.

use std::fmt;

use seismic_proto::{Row, Schema, ValueRef};

use super::rows::{TableRow, Value};
use super::text::{near, of_object};
use crate::definition::InputFormat;
use crate::definition::column::Column;

/// The rows that messages are, each with its place.
///
/// # Errors
/// Which message is none, and why; or the column that no message has.
pub fn topic_rows<'m, P: fmt::Display>(
    format: InputFormat,
    messages: impl Iterator<Item = (P, &'m [u8])>,
    columns: &[Column],
) -> Result<Vec<TableRow>, String> {
    let named = |place: P, why: String| format!("message {place}: {why}");
    match format {
        InputFormat::Json => {
            let mut were_seen = vec![false; columns.len()];
            let rows: Result<Vec<_>, _> = messages
                .map(|(place, message)| {
                    let object = serde_json::from_slice(message)
                        .map_err(|_| "it is no JSON object".to_owned());
                    let row = object.and_then(|it| of_object(&it, columns, &mut were_seen));
                    row.map_err(|why| named(place, why))
                })
                .collect();
            let rows = rows?;
            match columns.iter().zip(were_seen).find(|(_, was_seen)| !was_seen) {
                Some((column, _)) if !rows.is_empty() => {
                    Err(format!("none of its messages has a key {}", column.name))
                }
                _ => Ok(rows),
            }
        }
        InputFormat::Windows => {
            let places = places_of_windows(columns)?;
            let mut row = Row::new(Schema::windows());
            let one = |(place, message): (P, &[u8])| {
                row.decode(Schema::windows(), message)
                    .map_err(|_| "it is no row of window statistics".to_owned())
                    .and_then(|()| of_window(&row, &places, columns))
                    .map_err(|why| named(place, why))
            };
            messages.map(one).collect()
        }
    }
}

/// Where each column is in a row of window statistics.
fn places_of_windows(columns: &[Column]) -> Result<Vec<usize>, String> {
    let all = Schema::windows().columns();
    let place = |column: &Column| {
        let found = all.iter().position(|it| it.name.eq_ignore_ascii_case(&column.name));
        found.ok_or_else(|| {
            let near = near(&column.name, all.iter().map(|it| &*it.name));
            format!("rows of windows have no column {}{near}", column.name)
        })
    };
    columns.iter().map(place).collect()
}

fn of_window(row: &Row, places: &[usize], columns: &[Column]) -> Result<TableRow, String> {
    let values: Vec<ValueRef<'_>> = row.values().collect();
    let value = |(place, column): (&usize, &Column)| {
        let value = match values[*place] {
            ValueRef::Null => Value::Null,
            ValueRef::Bool(value) => Value::Integer(value.into()),
            ValueRef::Int32(value) => Value::Integer(value.into()),
            ValueRef::UInt32(value) => Value::Integer(value.into()),
            ValueRef::Int64(value) => Value::Integer(value),
            ValueRef::Float32(value) => Value::Real(value.into()),
            ValueRef::Float64(value) => Value::Real(value),
            ValueRef::Text(text) => Value::Text(text.to_owned()),
            ValueRef::Enum(value) => {
                Value::Text(Schema::windows().columns()[*place].word(value).to_owned())
            }
        };
        value.of_column(column)
    };
    places.iter().zip(columns).map(value).collect()
}

#[cfg(test)]
mod tests {
    use seismic_proto::{Message as _, SeismicAggRecord};

    use super::*;
    use crate::definition::column::ColumnKind;

    fn column(name: &str, kind: ColumnKind) -> Column {
        Column { name: name.to_owned(), kind }
    }

    fn of(format: InputFormat, all: &[&[u8]], columns: &[Column]) -> Result<Vec<TableRow>, String> {
        topic_rows(format, (0..).zip(all.iter().copied()), columns)
    }

    #[test]
    fn objects_are_rows_and_what_is_none_is_named() {
        let columns = [column("Type", ColumnKind::Int), column("Value", ColumnKind::Real)];
        let rows = of(
            InputFormat::Json,
            &[br#"{"Type":1,"Value":0.5,"_id":"x"}"#, br#"{"type":2}"#],
            &columns,
        );
        let wanted =
            vec![vec![Value::Integer(1), Value::Real(0.5)], vec![Value::Integer(2), Value::Null]];
        assert_eq!(rows.unwrap(), wanted);
        assert_eq!(of(InputFormat::Json, &[], &columns).unwrap(), Vec::<TableRow>::new());
        for (message, why) in [
            (&b"x"[..], "message 1: it is no JSON object"),
            (b"[1]", "message 1: it is no JSON object"),
            (br#"{"Type":"one"}"#, "message 1: Type is to be int"),
        ] {
            let refused = of(InputFormat::Json, &[br#"{"Type":1,"Value":1}"#, message], &columns);
            let refused = refused.unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
        let none = of(InputFormat::Json, &[br#"{"Type":1}"#], &columns).unwrap_err();
        assert!(none.contains("none of its messages has a key Value"), "{none}");
    }

    #[test]
    fn rows_of_windows_have_the_columns_that_are_asked_for() {
        let row = SeismicAggRecord {
            sensor_id: "S1".to_owned(),
            max_amplitude: 1.5,
            record_count: 10,
            ..SeismicAggRecord::default()
        };
        let message = row.encode_to_vec();
        let columns = [
            column("sensor_id", ColumnKind::Text),
            column("max_amplitude", ColumnKind::Real),
            column("record_count", ColumnKind::Int),
        ];
        let rows = of(InputFormat::Windows, &[&message], &columns).unwrap();
        let wanted = vec![Value::Text("S1".to_owned()), Value::Real(1.5), Value::Integer(10)];
        assert_eq!(rows, [wanted]);
        let strange = [column("max_amplitud", ColumnKind::Real)];
        let why = of(InputFormat::Windows, &[&message], &strange).unwrap_err();
        assert!(why.contains("no column max_amplitud; did you mean max_amplitude?"), "{why}");
        assert!(of(InputFormat::Windows, &[b"\xff"], &columns).unwrap_err().contains("message 0"));
    }
}
