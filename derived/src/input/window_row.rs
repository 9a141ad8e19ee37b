//! Rows of window statistics, as a windows job writes them.

use seismic_proto::{ColumnType, Row, Schema, ValueRef};
use seismic_sql::{Batch, Cell, Column, Kind};

use crate::output::reason::{Fault, Reason};

/// Reads them.
#[derive(Debug)]
pub struct WindowRows {
    pub row: Row,
}

/// Their columns.
pub fn columns() -> Vec<Column> {
    let kind = |of: ColumnType| match of {
        ColumnType::Text | ColumnType::Enum(_) => Kind::Text,
        ColumnType::Float32 | ColumnType::Float64 => Kind::Real,
        ColumnType::Bool
        | ColumnType::Int32
        | ColumnType::UInt32
        | ColumnType::Int64
        | ColumnType::TimestampMs => Kind::Integer,
    };
    let columns = Schema::windows().columns().iter();
    columns.map(|column| Column::new(column.name.clone(), kind(column.kind))).collect()
}

impl WindowRows {
    /// As [`RowDecoder::push`](super::RowDecoder::push).
    pub fn push(&mut self, record: &[u8], into: &mut Batch) -> Result<(), Fault> {
        let schema = Schema::windows();
        if self.row.decode(schema, record).is_err() {
            let why = "the message is no row of window statistics";
            return Err((Reason::Unparseable, why.to_owned()));
        }
        for (column, value) in schema.columns().iter().zip(self.row.values()) {
            into.push(match value {
                ValueRef::Null => Cell::Null,
                ValueRef::Bool(value) => Cell::Integer(value.into()),
                ValueRef::Int32(value) => Cell::Integer(value.into()),
                ValueRef::UInt32(value) => Cell::Integer(value.into()),
                ValueRef::Int64(value) => Cell::Integer(value),
                ValueRef::Float32(value) => Cell::Real(value.into()),
                ValueRef::Float64(value) => Cell::Real(value),
                ValueRef::Text(value) => Cell::Text(value),
                ValueRef::Enum(value) => Cell::Text(column.word(value)),
            });
        }
        Ok(())
    }
}
