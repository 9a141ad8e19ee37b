//! A row of any schema, and its bytes.
//!
//! On the wire a row is a protobuf message: column `number` is its field number, text is
//! length-delimited, floats are fixed, everything else is a varint. So any protobuf program that
//! knows the columns can read the rows of a topic, and [`SeismicAggRecord`] is the row of
//! [`Schema::windows`]: this encoding gives exactly its bytes (a property test checks this).
//!
//! In a column that is not nullable, a zero or empty value is omitted, as in proto3. In a nullable
//! column an omitted value is null, and zero is written. Fields that the schema does not have are
//! skipped, so old readers can read rows of newer writers.

#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // It parses foreign bytes.

use prost::bytes::Buf;
use prost::encoding::{self, DecodeContext, WireType};

use crate::column::{Column, ColumnType};
use crate::row_fields::ACCESS;
use crate::schema::{Form, Schema};
use crate::value::{Value, ValueRef};
use crate::{DecodeError, Message, SeismicAggRecord};

/// A row of a schema.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// A row of [`Schema::windows`].
    Window(SeismicAggRecord),
    /// A value for each column of another schema.
    Values(Vec<Value>),
}

impl Row {
    /// A row without values: each is zero, empty or missing.
    #[must_use]
    pub fn new(schema: &Schema) -> Self {
        match schema.form {
            Form::Window => Row::Window(SeismicAggRecord::default()),
            Form::Values => {
                Row::Values(schema.columns().iter().map(Column::default_value).collect())
            }
        }
    }

    /// The value of a column, by its place in the schema.
    ///
    /// # Panics
    /// When the schema has no such column.
    #[must_use]
    pub fn get(&self, column: usize) -> ValueRef<'_> {
        let there = "a column of the row's schema";
        match self {
            Row::Window(row) => (ACCESS.get(column).expect(there).get)(row),
            Row::Values(values) => values.get(column).expect(there).as_ref(),
        }
    }

    /// Every value, in the order of the columns.
    pub fn values(&self) -> impl Iterator<Item = ValueRef<'_>> {
        let (window, values) = match self {
            Row::Window(row) => (Some(row), None),
            Row::Values(values) => (None, Some(values)),
        };
        let of_window = window.into_iter().flat_map(SeismicAggRecord::values);
        of_window.chain(values.into_iter().flatten().map(Value::as_ref))
    }

    /// Sets the value of a column, by its place in the schema; `false` when the value is not of
    /// the column's type, or there is no such column. The row is then unchanged.
    pub fn set(&mut self, schema: &Schema, column: usize, value: ValueRef<'_>) -> bool {
        let Some(of) = schema.columns().get(column).filter(|of| of.accepts(value)) else {
            return false;
        };
        debug_assert!(matches!(of.kind, ColumnType::Text) || !matches!(value, ValueRef::Text(_)));
        match self {
            Row::Window(row) => ACCESS.get(column).is_some_and(|access| (access.set)(row, value)),
            Row::Values(values) => {
                values.get_mut(column).map(|slot| *slot = value.to_value()).is_some()
            }
        }
    }

    /// Replaces this row by the one that `bytes` are; memory is kept.
    ///
    /// # Errors
    /// When they are not a row of the schema; the row's values then mean nothing.
    pub fn decode(&mut self, schema: &Schema, bytes: &[u8]) -> Result<(), DecodeError> {
        match (&mut *self, schema.form) {
            (Row::Window(row), Form::Window) => {
                row.clear();
                row.merge(bytes)
            }
            (Row::Values(values), Form::Values) => decode_values(schema, values, bytes),
            _ => {
                *self = Row::new(schema);
                self.decode(schema, bytes)
            }
        }
    }

    /// Appends the row's bytes.
    pub fn encode(&self, schema: &Schema, into: &mut Vec<u8>) {
        match self {
            Row::Window(row) => row.encode_raw(into),
            Row::Values(_) => encode_values(schema, self.values(), into),
        }
    }
}

fn decode_values(
    schema: &Schema,
    values: &mut Vec<Value>,
    mut bytes: &[u8],
) -> Result<(), DecodeError> {
    values.clear();
    values.extend(schema.columns().iter().map(Column::default_value));
    let context = DecodeContext::default();
    while bytes.has_remaining() {
        let (number, wire) = encoding::decode_key(&mut bytes)?;
        let mut columns = schema.columns().iter().zip(values.iter_mut());
        match columns.find(|(column, _)| column.number == number) {
            Some((column, value)) => {
                *value = decode_value(column, wire, &mut bytes, context.clone())?;
            }
            None => encoding::skip_field(wire, number, &mut bytes, context.clone())?,
        }
    }
    Ok(())
}

fn decode_value(
    column: &Column,
    wire: WireType,
    bytes: &mut &[u8],
    context: DecodeContext,
) -> Result<Value, DecodeError> {
    /// One field of a type of prost's.
    macro_rules! merge {
        ($module:ident, $value:ident) => {{
            let mut value = Default::default();
            encoding::$module::merge(wire, &mut value, bytes, context)?;
            Value::$value(value)
        }};
    }
    Ok(match column.kind {
        ColumnType::Text => merge!(string, Text),
        ColumnType::Bool => merge!(bool, Bool),
        ColumnType::Int32 => merge!(int32, Int32),
        ColumnType::UInt32 => merge!(uint32, UInt32),
        ColumnType::Int64 | ColumnType::TimestampMs => merge!(int64, Int64),
        ColumnType::Float32 => merge!(float, Float32),
        ColumnType::Float64 => merge!(double, Float64),
        ColumnType::Enum(_) => merge!(int32, Enum),
    })
}

fn encode_values<'a>(
    schema: &Schema,
    values: impl Iterator<Item = ValueRef<'a>>,
    into: &mut Vec<u8>,
) {
    for (column, value) in schema.columns().iter().zip(values) {
        if !column.nullable && is_default(value) {
            continue;
        }
        let number = column.number;
        match value {
            ValueRef::Null => {}
            ValueRef::Bool(value) => encoding::bool::encode(number, &value, into),
            ValueRef::Int32(value) | ValueRef::Enum(value) => {
                encoding::int32::encode(number, &value, into);
            }
            ValueRef::UInt32(value) => encoding::uint32::encode(number, &value, into),
            ValueRef::Int64(value) => encoding::int64::encode(number, &value, into),
            ValueRef::Float32(value) => encoding::float::encode(number, &value, into),
            ValueRef::Float64(value) => encoding::double::encode(number, &value, into),
            ValueRef::Text(value) => {
                encoding::encode_key(number, WireType::LengthDelimited, into);
                encoding::encode_varint(value.len() as u64, into);
                into.extend_from_slice(value.as_bytes());
            }
        }
    }
}

/// What proto3 leaves out. As prost does, and so in the bytes of every row: the negative zero of a
/// float is equal to zero and is left out too.
fn is_default(value: ValueRef<'_>) -> bool {
    match value {
        ValueRef::Null => true,
        ValueRef::Bool(value) => !value,
        ValueRef::Int32(value) | ValueRef::Enum(value) => value == 0,
        ValueRef::UInt32(value) => value == 0,
        ValueRef::Int64(value) => value == 0,
        ValueRef::Float32(value) => value == 0.0,
        ValueRef::Float64(value) => value == 0.0,
        ValueRef::Text(value) => value.is_empty(),
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Window statistics as a schema that is known only at run time.
    fn as_values() -> Schema {
        Schema::new(Schema::windows().columns().to_vec()).unwrap()
    }

    fn three() -> Schema {
        Schema::new(vec![
            Column::new(1, "station", ColumnType::Text).nullable(),
            Column::new(2, "felt", ColumnType::Bool).nullable(),
            Column::new(9, "magnitude", ColumnType::Float64).nullable(),
        ])
        .unwrap()
    }

    fn any_value(column: &Column) -> BoxedStrategy<Value> {
        let value = match column.kind {
            ColumnType::Text => any::<String>().prop_map(Value::Text).boxed(),
            ColumnType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
            ColumnType::Int32 => any::<i32>().prop_map(Value::Int32).boxed(),
            ColumnType::UInt32 => any::<u32>().prop_map(Value::UInt32).boxed(),
            ColumnType::Int64 | ColumnType::TimestampMs => {
                any::<i64>().prop_map(Value::Int64).boxed()
            }
            ColumnType::Float32 => any::<f32>().prop_map(Value::Float32).boxed(),
            ColumnType::Float64 => any::<f64>().prop_map(Value::Float64).boxed(),
            ColumnType::Enum(words) => (0..words.len() as i32).prop_map(Value::Enum).boxed(),
        };
        match column.nullable {
            true => prop_oneof![1 => Just(Value::Null), 3 => value].boxed(),
            false => prop_oneof![1 => Just(column.default_value()), 3 => value].boxed(),
        }
    }

    fn any_row(schema: &Schema) -> impl Strategy<Value = Vec<Value>> + use<> {
        schema.columns().iter().map(any_value).collect::<Vec<_>>()
    }

    fn filled(schema: &Schema, values: &[Value]) -> Row {
        let mut row = Row::new(schema);
        for (i, value) in values.iter().enumerate() {
            assert!(row.set(schema, i, value.as_ref()));
        }
        row
    }

    fn encoded(schema: &Schema, row: &Row) -> Vec<u8> {
        let mut bytes = Vec::new();
        row.encode(schema, &mut bytes);
        bytes
    }

    #[test]
    fn a_missing_value_and_a_zero_are_told_apart_where_a_value_may_be_missing() {
        let schema = three();
        let zeros = [Value::Text(String::new()), Value::Bool(false), Value::Float64(0.0)];
        for values in [vec![Value::Null; 3], zeros.to_vec()] {
            let mut back = Row::new(&schema);
            back.decode(&schema, &encoded(&schema, &filled(&schema, &values))).unwrap();
            assert_eq!(back, Row::Values(values));
        }
    }

    #[test]
    fn a_value_of_another_type_is_refused_and_changes_nothing() {
        let schema = three();
        let mut row = filled(&schema, &[Value::Null, Value::Bool(true), Value::Null]);
        let before = row.clone();
        assert!(!row.set(&schema, 1, ValueRef::Int32(1)));
        assert!(!row.set(&schema, 3, ValueRef::Null));
        assert_eq!(row, before);
    }

    #[test]
    fn fields_that_the_schema_does_not_have_are_skipped() {
        let window = SeismicAggRecord { sensor_id: "S1".into(), pane: 3, ..Default::default() };
        let schema = Schema::new(vec![Column::new(25, "pane", ColumnType::Int32)]).unwrap();
        let mut row = Row::new(&schema);
        row.decode(&schema, &window.encode_to_vec()).unwrap();
        assert_eq!(row, Row::Values(vec![Value::Int32(3)]));
    }

    #[test]
    fn a_row_decoded_into_another_keeps_nothing_of_it() {
        let mut row = Row::new(&three());
        row.set(&three(), 0, ValueRef::Text("old"));
        row.decode(&three(), b"").unwrap();
        assert_eq!(row, Row::new(&three()));
        row.decode(Schema::windows(), b"").unwrap();
        assert_eq!(row, Row::Window(SeismicAggRecord::default()));
    }

    proptest! {
        #[test]
        fn a_row_of_any_schema_reads_back(values in any_row(&three())) {
            let schema = three();
            let mut back = Row::new(&schema);
            back.decode(&schema, &encoded(&schema, &filled(&schema, &values))).unwrap();
            let read: Vec<_> = back.values().map(ValueRef::to_value).collect();
            prop_assert_eq!(read, values);
        }

        #[test]
        fn a_row_of_window_statistics_is_its_message_byte_for_byte(
            values in any_row(Schema::windows()),
        ) {
            let (windows, same) = (Schema::windows(), as_values());
            let (window, row) = (filled(windows, &values), filled(&same, &values));
            let bytes = encoded(windows, &window);
            prop_assert_eq!(&encoded(&same, &row), &bytes);
            let Row::Window(record) = &window else { panic!("a row of windows") };
            prop_assert_eq!(&record.encode_to_vec(), &bytes);
            let mut back = Row::new(&same);
            back.decode(&same, &bytes).unwrap();
            prop_assert_eq!(encoded(&same, &back), bytes);
        }

        #[test]
        fn foreign_bytes_are_refused_or_read_and_never_panic(bytes: Vec<u8>) {
            for schema in [&three(), &as_values()] {
                let _ = Row::new(schema).decode(schema, &bytes);
            }
            let ours = Row::new(&as_values()).decode(&as_values(), &bytes).is_ok();
            prop_assert_eq!(ours, SeismicAggRecord::decode(&bytes[..]).is_ok());
        }
    }
}
