//! Compares the table with the result topic up to the position of the sink, row by row, in one
//! snapshot of the database.

use seismic_proto::{Row, Schema, ValueRef};
use seismic_queue::{Offset, Partition};

use super::cell::Cell;
use super::connection::Client;
use super::failure::{Trouble, failure};
use super::names::{quoted, quoted_list};
use super::target::Target;
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
    fn new(target: &'a Target, schema: &'a Schema, client: &mut Client) -> Result<Self> {
        let columns = target.columns(schema)?;
        let wires = table::check(client, target, &columns)?;
        for statement in [
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
            "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
        ] {
            client.run(statement).map_err(|e| failure(&target.name, "beginning to read", e))?;
        }
        Ok(Reading { target, schema, columns, wires })
    }

    /// Hands each row of the table with its place to `look`, in the order of the topic.
    fn each(
        &self,
        client: &mut Client,
        mut look: impl FnMut((Partition, Offset), &Found<'_>) -> Result<()>,
    ) -> Result<()> {
        let failed = |e: Trouble| failure(&self.target.name, "reading rows", e);
        let names = quoted_list(self.columns.iter().map(|column| &*column.name));
        let (partition, offset) = (quoted(columns::PARTITION), quoted(columns::OFFSET));
        let select = format!(
            "SELECT {names}, {partition}, {offset} FROM {} ORDER BY {partition}, {offset}",
            self.target.quoted_table()
        );
        let at = self.columns.len();
        client.each(&select, failed, |cells| {
            let number = |at: usize| cells.get(at).and_then(Cell::int);
            let place = place_of(&self.target.name, number(at), number(at + 1))?;
            look(place, &Found { reading: self, cells: &cells })
        })
    }
}

/// A row as the server gives it.
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
            expected.set(schema, place, value.as_ref());
        }
        expected
    }

    fn has_constants(&self) -> bool {
        let mut columns = self.reading.columns.iter().zip(self.cells);
        columns.all(|(column, cell)| match &column.source {
            Source::Constant(text) => *cell == Cell::Bytes(text.as_bytes().to_vec()),
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

/// Every row of the table with its place in the topic, in the order of the topic.
///
/// # Errors
/// When the table cannot be read.
pub fn stored_rows(spec: &SinkSpec, schema: &Schema) -> Result<Vec<(Partition, Offset, Row)>> {
    let target = Target::of(spec)?;
    let mut client = session::connect(&target)?;
    let reading = Reading::new(&target, schema, &mut client)?;
    let mut rows = Vec::new();
    reading.each(&mut client, |(partition, offset), found| {
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
    let mut client = session::connect(&target)?;
    let reading = Reading::new(&target, &context.schema, &mut client)?;
    let Some(stored) = position::read(&mut client, &target)? else {
        let what = "no sink has ever written there".to_owned();
        return Err(Error::NothingToCompare { sink: target.name.clone(), what });
    };
    stored.check_owner(&target.name, context)?;
    let refused = dead_letters::places(&mut client, &target)?;
    let merges = target.merges_panes;
    let mut sides = Sides::new(into, &context.schema, &stored, &refused, merges)?;
    reading.each(&mut client, |place, found| sides.see(place, found, into))?;
    sides.finish(into)
}
