//! Compares the table with the result topic up to the position of the sink, row by row, in one
//! snapshot of the database.

use std::error::Error as StdError;

use seismic_proto::{Row, Schema};
use seismic_queue::{Offset, Partition};
use tokio_postgres::types::{FromSql, Type};

use super::connection::{Client, Trouble};
use super::failure::failure;
use super::names::{quoted, quoted_list};
use super::target::Target;
use super::wire::Wire;
use super::{dead_letters, position, session, table};
use crate::compare::Comparison;
use crate::compare::sides::{Sides, StoredRow, place_of};
use crate::rows::columns::{self, Source, TableColumn};
use crate::sql::application::application;
use crate::{Context, Error, Result, SinkSpec};

/// The bytes of a field, whatever its type is.
struct Field<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Field<'a> {
    fn from_sql(
        _: &Type,
        bytes: &'a [u8],
    ) -> std::result::Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Field(bytes))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// How a table is read.
struct Reading<'a> {
    target: &'a Target,
    schema: &'a Schema,
    columns: Vec<TableColumn>,
    wires: Vec<Wire>,
}

impl<'a> Reading<'a> {
    fn new(target: &'a Target, schema: &'a Schema, client: &mut Client) -> Result<Self> {
        let columns = target.columns(schema)?;
        let wires = table::check(client, target, &columns)?;
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
            "SELECT {names}, {partition}::bigint, {offset} FROM {} t ORDER BY t.{partition}, t.{offset}",
            self.target.quoted_table()
        );
        let at = self.columns.len();
        client.each(&select, failed, |row| {
            let number =
                |at| -> Result<Option<i64>> { row.try_get(at).map_err(|e| failed(e.into())) };
            let place = place_of(&self.target.name, number(at)?, number(at + 1)?)?;
            look(place, &Found { reading: self, row })
        })
    }
}

/// A row as the server gives it.
struct Found<'a> {
    reading: &'a Reading<'a>,
    row: &'a tokio_postgres::Row,
}

impl StoredRow for Found<'_> {
    fn row(&self, mut expected: Row) -> Row {
        let Reading { schema, columns, wires, .. } = self.reading;
        for (at, (column, wire)) in columns.iter().zip(wires).enumerate() {
            let Source::Field(place) = column.source else { continue };
            let of = &schema.columns()[place];
            let bytes: Option<Field<'_>> = self.row.get(at);
            let value = bytes.and_then(|bytes| wire.get(of, bytes.0));
            let value = value.unwrap_or_else(|| of.default_value());
            expected.set(schema, place, value.as_ref());
        }
        expected
    }

    fn has_constants(&self) -> bool {
        self.reading.columns.iter().enumerate().all(|(at, column)| match &column.source {
            Source::Constant(text) => self
                .row
                .get::<_, Option<Field<'_>>>(at)
                .is_some_and(|field| field.0 == text.as_bytes()),
            _ => true,
        })
    }
}

/// Every row of the table with its place in the topic, in the order of the topic.
///
/// # Errors
/// When the table cannot be read.
pub fn stored_rows(spec: &SinkSpec, schema: &Schema) -> Result<Vec<(Partition, Offset, Row)>> {
    let target = Target::of(spec)?;
    let mut client = session::connect(&target, &application())?;
    let mut transaction =
        client.transaction().map_err(|e| failure(&target.name, "beginning to read", e))?;
    let reading = Reading::new(&target, schema, &mut transaction)?;
    let mut rows = Vec::new();
    reading.each(&mut transaction, |(partition, offset), found| {
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
    let mut client = session::connect(&target, &application())?;
    let mut transaction =
        client.snapshot().map_err(|e| failure(&target.name, "beginning to read", e))?;
    let reading = Reading::new(&target, &context.schema, &mut transaction)?;
    let Some(stored) = position::read(&mut transaction, &target)? else {
        let what = "no sink has ever written there".to_owned();
        return Err(Error::NothingToCompare { sink: target.name.clone(), what });
    };
    stored.check_owner(&target.name, context)?;
    let refused = dead_letters::places(&mut transaction, &target)?;
    let merges = target.merges_panes;
    let mut sides = Sides::new(into, &context.schema, &stored, &refused, merges)?;
    reading.each(&mut transaction, |place, found| sides.see(place, found, into))?;
    sides.finish(into)
}
