//! Compares the table with the result topic up to the position of the sink, row by row, in one
//! snapshot of the database where it has such.

use seismic_proto::{Row, Schema, ValueRef};
use seismic_queue::{Offset, Partition};

use super::dialect::Dialect;
use super::link::Isolation;
use super::session::Session;
use super::statement::{Cell, Want};
use super::target::Target;
use super::trouble::{Trouble, failure};
use super::wire::Wire;
use super::{dead_letters, position, session, table};
use crate::compare::Comparison;
use crate::compare::sides::{Sides, StoredRow, place_of};
use crate::rows::columns::{self, Source, TableColumn};
use crate::{Context, Error, Result, SinkSpec};

/// How a table is read.
struct Reading<'a> {
    target: &'a Target,
    schema: &'a Schema,
    columns: Vec<TableColumn>,
    wires: Vec<Wire>,
}

impl<'a> Reading<'a> {
    /// Looks at the table, and begins a snapshot.
    fn new(target: &'a Target, schema: &'a Schema, session: &mut Session) -> Result<Self> {
        let columns = target.columns(schema)?;
        let wires = table::check(session, target, &columns)?;
        // What sees one moment without holding up a sink; elsewhere the sink should not write now.
        let isolation = match session.names.dialect {
            Dialect::Postgres | Dialect::MySql => Some(Isolation::RepeatableRead),
            Dialect::Oracle => Some(Isolation::Serializable),
            _ => None,
        };
        let failed = |e| failure(&target.name, "beginning to read", e);
        if let Some(isolation) = isolation {
            session.link.isolate(isolation).map_err(failed)?;
        }
        session.link.begin().map_err(failed)?;
        Ok(Reading { target, schema, columns, wires })
    }

    /// Hands each row of the table with its place to `look`, in the order of the topic.
    fn each(
        &self,
        session: &mut Session,
        mut look: impl FnMut((Partition, Offset), &Found<'_>) -> Result<()>,
    ) -> Result<()> {
        let Session { link, names, .. } = session;
        let dialect = names.dialect;
        let failed = |e: Trouble| failure(&self.target.name, "reading rows", e);
        let what = self
            .columns
            .iter()
            .zip(&self.wires)
            .map(|(column, wire)| wire.expression(dialect, &names.quoted(&column.name)));
        let what = what.collect::<Vec<_>>().join(", ");
        let (partition, offset) = (names.quoted(columns::PARTITION), names.quoted(columns::OFFSET));
        let select = format!(
            "SELECT {what}, {partition}, {offset} FROM {} ORDER BY {partition}, {offset}",
            names.table(&self.target.table)
        );
        let mut wanted: Vec<Want> = self.wires.iter().map(|wire| wire.want(dialect)).collect();
        wanted.extend([Want::Int, Want::Int]);
        let at = self.columns.len();
        link.each(&select, &wanted, failed, |cells| {
            let number = |at: usize| cells.get(at).and_then(Cell::int);
            let place = place_of(&self.target.name, number(at), number(at + 1))?;
            look(place, &Found { reading: self, cells: &cells })
        })
    }
}

/// A row as the database gives it.
struct Found<'a> {
    reading: &'a Reading<'a>,
    cells: &'a [Cell],
}

impl StoredRow for Found<'_> {
    fn row(&self, mut expected: Row) -> Row {
        let Reading { target, schema, columns, wires } = self.reading;
        for ((column, wire), cell) in columns.iter().zip(wires).zip(self.cells) {
            let Source::Field(place) = column.source else { continue };
            let of = &schema.columns()[place];
            if *cell == Cell::Null && target.nan_is_null && is_no_number(expected.get(place)) {
                // That is how it is written.
                continue;
            }
            let value = wire.get(of, cell).unwrap_or_else(|| of.default_value());
            if is_zero(value.as_ref()) && is_zero(expected.get(place)) {
                // Some databases have no negative zero.
                continue;
            }
            expected.set(schema, place, value.as_ref());
        }
        expected
    }

    fn has_constants(&self) -> bool {
        let mut columns = self.reading.columns.iter().zip(self.cells);
        columns.all(|(column, cell)| match &column.source {
            Source::Constant(text) => match cell {
                Cell::Text(found) => found == text,
                _ => text.is_empty(),
            },
            _ => true,
        })
    }
}

fn is_no_number(value: ValueRef<'_>) -> bool {
    match value {
        ValueRef::Float32(value) => !value.is_finite(),
        ValueRef::Float64(value) => !value.is_finite(),
        _ => false,
    }
}

fn is_zero(value: ValueRef<'_>) -> bool {
    match value {
        ValueRef::Float32(value) => value == 0.0,
        ValueRef::Float64(value) => value == 0.0,
        _ => false,
    }
}

/// Every row of the table with its place in the topic, in the order of the topic.
///
/// # Errors
/// When the table cannot be read.
pub fn stored_rows(spec: &SinkSpec, schema: &Schema) -> Result<Vec<(Partition, Offset, Row)>> {
    let target = Target::of(spec)?;
    let mut session = session::open(&target)?;
    let reading = Reading::new(&target, schema, &mut session)?;
    let mut rows = Vec::new();
    reading.each(&mut session, |(partition, offset), found| {
        rows.push((partition, offset, found.row(Row::new(schema))));
        Ok(())
    })?;
    Ok(rows)
}

/// Compares the table with the result topic; the number of rows that are the same.
///
/// Rows that retention deleted from the topic are not looked at. Every other one up to the sink's
/// position must be in the table once, with every value.
pub(super) fn compare(
    spec: &SinkSpec,
    context: &Context,
    into: &mut Comparison<'_>,
) -> Result<u64> {
    let target = Target::of(spec)?;
    let mut session = session::open(&target)?;
    let reading = Reading::new(&target, &context.schema, &mut session)?;
    let Some(stored) = position::read(&mut session, &target)? else {
        let what = "no sink has ever written there".to_owned();
        return Err(Error::NothingToCompare { sink: target.name.clone(), what });
    };
    stored.check_owner(&target.name, context)?;
    let refused = dead_letters::places(&mut session, &target)?;
    let merges = target.merges_panes;
    let mut sides = Sides::new(into, &context.schema, &stored, &refused, merges)?;
    reading.each(&mut session, |place, found| sides.see(place, found, into))?;
    sides.finish(into)
}
