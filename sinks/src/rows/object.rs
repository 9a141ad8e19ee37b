//! Rows as JSON objects, written without a detour over values of a JSON library.

use std::io::Write as _;

use seismic_proto::ValueRef;

use crate::Rows;
use crate::rows::RowAt;
use crate::rows::columns::TableColumn;

/// How rows of one schema become objects.
#[derive(Debug)]
pub(crate) struct ObjectFormat {
    pub(crate) columns: Vec<TableColumn>,
    /// Each column's name as JSON has it, with the colon.
    names: Vec<Vec<u8>>,
}

impl ObjectFormat {
    /// Objects of these columns.
    pub(crate) fn of(columns: Vec<TableColumn>) -> ObjectFormat {
        let names = columns.iter().map(|column| {
            let mut name = serde_json::Value::from(&*column.name).to_string().into_bytes();
            name.push(b':');
            name
        });
        ObjectFormat { names: names.collect(), columns }
    }

    /// Appends the object of a row.
    pub(crate) fn put(&self, rows: &Rows<'_>, at: RowAt<'_>, into: &mut Vec<u8>) {
        let mut separator = b'{';
        for (name, column) in self.names.iter().zip(&self.columns) {
            into.push(separator);
            separator = b',';
            into.extend_from_slice(name);
            match column.value(rows, at) {
                (Some(of), ValueRef::Enum(number)) => put_text(of.word(number), into),
                (_, value) => put_value(value, into),
            }
        }
        into.push(b'}');
    }
}

/// A number that is none is `null`: JSON has no other word.
fn put_value(value: ValueRef<'_>, into: &mut Vec<u8>) {
    match value {
        ValueRef::Null => into.extend_from_slice(b"null"),
        ValueRef::Bool(value) => into.extend_from_slice(if value { b"true" } else { b"false" }),
        ValueRef::Int32(value) | ValueRef::Enum(value) => put_integer(value, into),
        ValueRef::UInt32(value) => put_integer(value, into),
        ValueRef::Int64(value) => put_integer(value, into),
        ValueRef::Float32(value) if value.is_finite() => put_float(value, into),
        ValueRef::Float64(value) if value.is_finite() => put_float(value, into),
        ValueRef::Float32(_) | ValueRef::Float64(_) => into.extend_from_slice(b"null"),
        ValueRef::Text(text) => put_text(text, into),
    }
}

fn put_integer(value: impl itoa::Integer, into: &mut Vec<u8>) {
    into.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// In the shortest form that reads back to the same bits.
fn put_float(value: impl zmij::Float, into: &mut Vec<u8>) {
    into.extend_from_slice(zmij::Buffer::new().format(value).as_bytes());
}

/// A text in quotes.
pub(crate) fn put_text(text: &str, into: &mut Vec<u8>) {
    // What most texts are needs no second look at each letter.
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        into.push(b'"');
        into.extend_from_slice(text.as_bytes());
        into.push(b'"');
        return;
    }
    serde_json::to_writer(into.by_ref(), text).expect("memory takes every byte");
}
