//! Compares the table with the result topic up to the position of the sink, row by row, in one
//! snapshot of the database.

use std::error::Error as StdError;

use seismic_proto::{Row, Schema};
use seismic_queue::{Offset, Partition};
use tokio_postgres::types::{FromSql, Type};

use super::columns::{self, Source, TableColumn};
use super::connection::{Client, Trouble};
use super::failure::failure;
use super::merged_topic::MergedTopic;
use super::names::{quoted, quoted_list};
use super::target::Target;
use super::wire::Wire;
use super::{dead_letters, position, session, table};
use crate::compare::{Comparison, RowDifferenceKind};
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
        mut look: impl FnMut(Partition, Offset, &tokio_postgres::Row) -> Result<()>,
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
            let place = (number(at)?, number(at + 1)?);
            let partition = place.0.and_then(|partition| u32::try_from(partition).ok());
            let offset = place.1.and_then(|offset| u64::try_from(offset).ok());
            let (Some(partition), Some(offset)) = (partition, offset) else {
                let words = |n: Option<i64>| n.map_or("NULL".to_owned(), |n| n.to_string());
                let (row, partition) = (words(place.1), words(place.0));
                let what =
                    format!("a row of it says that it is row {row} of partition {partition}");
                return Err(Error::TableDiffers { place: self.target.name.clone(), what });
            };
            look(Partition(partition), Offset(offset), row)
        })
    }

    /// The row that the table has, with the values of `expected` where the table has no such
    /// column. What is not a value of its column is zero or empty.
    fn row(&self, found: &tokio_postgres::Row, mut expected: Row) -> Row {
        for (at, (column, wire)) in self.columns.iter().zip(&self.wires).enumerate() {
            let Source::Field(place) = column.source else { continue };
            let of = &self.schema.columns()[place];
            let bytes: Option<Field<'_>> = found.get(at);
            let value = bytes.and_then(|bytes| wire.get(of, bytes.0));
            let value = value.unwrap_or_else(|| of.default_value());
            expected.set(self.schema, place, value.as_ref());
        }
        expected
    }

    /// Whether every constant is what it should be.
    fn has_constants(&self, found: &tokio_postgres::Row) -> bool {
        self.columns.iter().enumerate().all(|(at, column)| match &column.source {
            Source::Constant(text) => found
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
    let mut client = session::connect(&target, &session::application())?;
    let mut transaction =
        client.transaction().map_err(|e| failure(&target.name, "beginning to read", e))?;
    let reading = Reading::new(&target, schema, &mut transaction)?;
    let mut rows = Vec::new();
    reading.each(&mut transaction, |partition, offset, found| {
        rows.push((partition, offset, reading.row(found, Row::new(schema))));
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
    let mut client = session::connect(&target, &session::application())?;
    let mut transaction =
        client.snapshot().map_err(|e| failure(&target.name, "beginning to read", e))?;
    let reading = Reading::new(&target, &context.schema, &mut transaction)?;
    let Some(stored) = position::read(&mut transaction, &target)? else {
        let what = "no sink has ever written there".to_owned();
        return Err(Error::NothingToCompare { sink: target.name.clone(), what });
    };
    stored.check_owner(&target.name, context)?;
    let refused = dead_letters::places(&mut transaction, &target)?;
    let mut sides = Vec::new();
    for (partition, position) in into.topic.all().zip(&stored.positions) {
        let held = into.view.partitions[partition.0 as usize].outputs[0].span;
        let rows = || into.rows(partition, held.first, position.next);
        let rows = match target.merges_panes {
            true => MergedTopic::merged(rows()?, [rows()?, rows()?], &refused)?,
            false => MergedTopic::plain(rows()?, &refused),
        };
        sides.push(Side { rows, first: held.first, ahead: None });
    }
    let mut same = 0;
    reading.each(&mut transaction, |partition, offset, found| {
        let Some(side) = sides.get_mut(partition.0 as usize) else {
            let row = reading.row(found, Row::new(&context.schema));
            into.add(partition, RowDifferenceKind::Unexpected, None, Some(&row), Some(offset));
            return Ok(());
        };
        same += u64::from(side.compare(&reading, offset, found, into)?);
        Ok(())
    })?;
    for mut side in sides {
        while let Some((offset, expected)) = side.next_row()? {
            side.is_missing(offset, &expected, into);
        }
    }
    Ok(same)
}

/// One partition of the topic next to its rows of the table.
struct Side<'a> {
    rows: MergedTopic<'a>,
    /// The oldest row that the topic has.
    first: Offset,
    /// A row of the topic that was read before its turn.
    ahead: Option<(Offset, Row)>,
}

impl Side<'_> {
    fn next_row(&mut self) -> Result<Option<(Offset, Row)>> {
        match self.ahead.take() {
            Some(row) => Ok(Some(row)),
            None => self.rows.next_row(),
        }
    }

    /// Whether the row of the table is that of the topic; says what is not as it should be.
    fn compare(
        &mut self,
        reading: &Reading<'_>,
        at: Offset,
        found: &tokio_postgres::Row,
        into: &mut Comparison<'_>,
    ) -> Result<bool> {
        if at < self.first {
            self.rows.see_begun(&reading.row(found, Row::new(reading.schema)));
            return Ok(false);
        }
        let partition = self.rows.partition();
        while let Some((offset, expected)) = self.next_row()? {
            if offset < at {
                self.is_missing(offset, &expected, into);
                continue;
            }
            if offset > at {
                self.ahead = Some((offset, expected));
                break;
            }
            let row = reading.row(found, expected.clone());
            let is_same = reading.has_constants(found) && into.is_same(&expected, &row);
            if !is_same {
                let kind = RowDifferenceKind::Differs;
                into.add(partition, kind, Some(&expected), Some(&row), Some(at));
            }
            return Ok(is_same);
        }
        let row = reading.row(found, Row::new(reading.schema));
        into.add(partition, RowDifferenceKind::Unexpected, None, Some(&row), Some(at));
        Ok(false)
    }

    fn is_missing(&self, offset: Offset, expected: &Row, into: &mut Comparison<'_>) {
        if self.rows.is_refused(offset) {
            return;
        }
        let kind = RowDifferenceKind::Missing;
        into.add(self.rows.partition(), kind, Some(expected), None, Some(offset));
    }
}
