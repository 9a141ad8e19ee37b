//! Merging the rows of a window in the table: its panes become one row.
//!
//! The row that is there is read, the pane added as `SeismicAggRecord::add_pane` does, and the row
//! written back, all in the transaction that moves the position, whose lock keeps others out. So the
//! sums are those of `verify`, bit by bit, in every database.

use seismic_proto::{Row, Schema, SeismicAggRecord, ValueRef};

use super::parameter::{Parameter, Stamp, Value};
use super::session::Session;
use super::statement::{Cell, Want};
use super::trouble::Outcome;
use super::upsert::{Shape, insert_one, parameters};
use super::wire::{self, Wire};
use crate::rows::columns::Source;

/// Adds the row that waits to that of its window, or inserts it.
pub(super) fn add(
    session: &mut Session,
    shape: &Shape<'_>,
    wires: &[Wire],
    row: &[u8],
) -> Outcome<()> {
    let values = wire::values(wires, row);
    let dialect = session.names.dialect;
    let what = shape
        .columns
        .iter()
        .zip(wires)
        .map(|(column, wire)| wire.expression(dialect, &session.names.quoted(&column.name)));
    let select = shape.select(&what.collect::<Vec<_>>().join(", "));
    let wanted: Vec<Want> = wires.iter().map(|wire| wire.want(dialect)).collect();
    let key = || parameters(shape, wires, &values, true);
    let found = session.link.query(&select, key(), &wanted)?;
    let Some(found) = found.first() else { return insert_one(session, shape, wires, &values) };
    let later: Vec<Cell> = values.iter().map(as_cell).collect();
    let mut merged = window(shape, wires, found);
    merged.add_pane(&window(shape, wires, &later));
    let merged = Row::Window(merged);
    let (mut set, mut parameters) = (Vec::new(), Vec::new());
    for (column, wire) in shape.columns.iter().zip(wires).filter(|(column, _)| !column.is_key) {
        // Constants and the place of the first pane stay.
        let Source::Field(place) = column.source else { continue };
        let value = value(*wire, place, merged.get(place));
        set.push(format!("{} = ?", session.names.quoted(&column.name)));
        parameters.push(Parameter::one(wire.form(), value));
    }
    parameters.extend(key());
    let update = shape.update_of(&set.join(", "));
    session.link.execute(&update, parameters).map(drop)
}

/// A window from the cells of a row.
fn window(shape: &Shape<'_>, wires: &[Wire], cells: &[Cell]) -> SeismicAggRecord {
    let schema = Schema::windows();
    let mut row = Row::new(schema);
    for ((column, wire), cell) in shape.columns.iter().zip(wires).zip(cells) {
        let Source::Field(place) = column.source else { continue };
        let of = &schema.columns()[place];
        let value = wire.get(of, cell).unwrap_or_else(|| of.default_value());
        row.set(schema, place, value.as_ref());
    }
    match row {
        Row::Window(window) => window,
        Row::Values(_) => SeismicAggRecord::default(),
    }
}

fn as_cell(value: &Value<'_>) -> Cell {
    match value {
        Value::Long(value) => Cell::Int(Some(*value)),
        Value::Double(value) => Cell::Double(*value),
        Value::Time(value) => Cell::Time(*value),
        Value::Text(text) => Cell::Text((*text).to_owned()),
        Value::Null | Value::Bytes(_) => Cell::Null,
    }
}

fn value(wire: Wire, place: usize, value: ValueRef<'_>) -> Value<'_> {
    match value {
        ValueRef::Bool(value) => Value::Long(value.into()),
        ValueRef::Int32(value) => Value::Long(value.into()),
        ValueRef::UInt32(value) => Value::Long(value.into()),
        ValueRef::Int64(ms) if wire == Wire::Time => Stamp::of(ms).map_or(Value::Null, Value::Time),
        ValueRef::Int64(value) => Value::Long(value),
        ValueRef::Float32(value) => Value::Double(value.into()),
        ValueRef::Float64(value) => Value::Double(value),
        ValueRef::Text(text) => Value::Text(text),
        ValueRef::Enum(number) => Value::Text(Schema::windows().columns()[place].word(number)),
        ValueRef::Null => Value::Null,
    }
}
