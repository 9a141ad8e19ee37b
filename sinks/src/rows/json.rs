//! Rows that are JSON objects, as those of jobs with a statement in SQL.

use seismic_proto::{ColumnType, Row, Schema, ValueRef};
use serde_json::Value;

/// Replaces the row by the one that `bytes` are. Keys that are no columns are left out.
///
/// # Errors
/// What they are instead. The row's values then mean nothing.
pub(super) fn decode<E>(
    row: &mut Row,
    schema: &Schema,
    bytes: &[u8],
) -> Result<Result<(), E>, &'static str> {
    let Ok(Value::Object(object)) = serde_json::from_slice(bytes) else {
        return Err("it is no JSON object");
    };
    *row = Row::new(schema);
    for (place, column) in schema.columns().iter().enumerate() {
        let value = match (object.get(&*column.name), column.kind) {
            (None | Some(Value::Null), _) => continue,
            (Some(Value::String(text)), ColumnType::Text) => ValueRef::Text(text),
            (Some(Value::Number(number)), ColumnType::Int64) => {
                ValueRef::Int64(number.as_i64().ok_or("a whole number is beyond 64 bits")?)
            }
            (Some(Value::Number(number)), ColumnType::Float64) => {
                ValueRef::Float64(number.as_f64().ok_or("a number is beyond 64 bits")?)
            }
            _ => return Err("a value is not of its column's type"),
        };
        row.set(schema, place, value);
    }
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use seismic_proto::Column;

    use super::*;

    #[test]
    fn an_object_becomes_a_row_and_what_is_none_says_why() {
        let column = |number, name, kind| Column::new(number, name, kind).nullable();
        let schema = Schema::new(vec![
            column(1, "JobName", ColumnType::Text),
            column(2, "Alert", ColumnType::Int64),
            column(3, "Ratio", ColumnType::Float64),
        ])
        .unwrap();
        let mut row = Row::new(&schema);
        let mut of = |text: &str| {
            let decoded = decode::<()>(&mut row, &schema, text.as_bytes());
            decoded.map(|_| {
                schema
                    .columns()
                    .iter()
                    .enumerate()
                    .map(|(at, it)| it.show(row.get(at)))
                    .collect::<Vec<_>>()
                    .join(" ")
            })
        };
        let text = "{\"JobName\":\"web\",\"Alert\":1,\"Ratio\":0.5,\"_id\":\"0/0/0/0\"}";
        assert_eq!(of(text), Ok("web 1 0.5".to_owned()));
        assert!(of("{\"Alert\":null}").is_ok());
        assert_eq!(of("{\"Alert\":1.5}"), Err("a whole number is beyond 64 bits"));
        assert_eq!(of("{\"Alert\":\"1\"}"), Err("a value is not of its column's type"));
        assert_eq!(of("[1]"), Err("it is no JSON object"));
    }
}
