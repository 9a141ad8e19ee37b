//! A table next to the result topic, row by row: what is the same, and what is not as it should be.

use std::collections::HashSet;

use seismic_proto::{Row, Schema};
use seismic_queue::{Offset, Partition};

use super::merged_topic::MergedTopic;
use super::{Comparison, RowDifferenceKind};
use crate::position::stored::StoredPosition;
use crate::{Error, Result};

/// A row that a table has.
pub(crate) trait StoredRow {
    /// The row, with the values of `expected` where the table has no such column. What is not a
    /// value of its column is zero or empty.
    fn row(&self, expected: Row) -> Row;

    /// Whether every constant is what it should be.
    fn has_constants(&self) -> bool;
}

/// The place in the topic that a row of the table at `place` says it has.
pub(crate) fn place_of(
    place: &str,
    partition: Option<i64>,
    offset: Option<i64>,
) -> Result<(Partition, Offset)> {
    let known = partition.and_then(|partition| u32::try_from(partition).ok());
    match (known, offset.and_then(|offset| u64::try_from(offset).ok())) {
        (Some(partition), Some(offset)) => Ok((Partition(partition), Offset(offset))),
        _ => {
            let words = |n: Option<i64>| n.map_or("NULL".to_owned(), |n| n.to_string());
            let (row, partition) = (words(offset), words(partition));
            let what = format!("a row of it says that it is row {row} of partition {partition}");
            Err(Error::TableDiffers { place: place.to_owned(), what })
        }
    }
}

/// All partitions of the topic, up to the position of the sink.
pub(crate) struct Sides<'a> {
    sides: Vec<Side<'a>>,
    schema: &'a Schema,
    /// Rows that are the same.
    same: u64,
}

impl<'a> Sides<'a> {
    /// The topic of a comparison up to these positions, without rows that are dead letters; with
    /// the rows of each window added up where panes are merged.
    pub(crate) fn new(
        into: &Comparison<'a>,
        schema: &'a Schema,
        stored: &StoredPosition,
        refused: &'a HashSet<(Partition, Offset)>,
        merges_panes: bool,
    ) -> Result<Self> {
        let mut sides = Vec::new();
        for (partition, position) in into.topic.all().zip(&stored.positions) {
            let held = into.held[partition.0 as usize];
            let rows = || into.rows(partition, held.first, position.next);
            let rows = match merges_panes {
                true => MergedTopic::merged(rows()?, [rows()?, rows()?], refused)?,
                false => MergedTopic::plain(rows()?, refused),
            };
            sides.push(Side { rows, first: held.first, ahead: None });
        }
        Ok(Sides { sides, schema, same: 0 })
    }

    /// Compares the next row of the table, in the order of the topic.
    pub(crate) fn see(
        &mut self,
        (partition, offset): (Partition, Offset),
        found: &dyn StoredRow,
        into: &mut Comparison<'_>,
    ) -> Result<()> {
        let schema = self.schema;
        let Some(side) = self.sides.get_mut(partition.0 as usize) else {
            let row = found.row(Row::new(schema));
            into.add(partition, RowDifferenceKind::Unexpected, None, Some(&row), Some(offset));
            return Ok(());
        };
        self.same += u64::from(side.compare(schema, offset, found, into)?);
        Ok(())
    }

    /// Names the rows that the table does not have; the number of those that are the same.
    pub(crate) fn finish(self, into: &mut Comparison<'_>) -> Result<u64> {
        for mut side in self.sides {
            while let Some((offset, expected)) = side.next_row()? {
                side.is_missing(offset, &expected, into);
            }
        }
        Ok(self.same)
    }
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
        schema: &Schema,
        at: Offset,
        found: &dyn StoredRow,
        into: &mut Comparison<'_>,
    ) -> Result<bool> {
        if at < self.first {
            self.rows.see_begun(&found.row(Row::new(schema)));
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
            let row = found.row(expected.clone());
            let is_same = found.has_constants() && into.is_same(&expected, &row);
            if !is_same {
                let kind = RowDifferenceKind::Differs;
                into.add(partition, kind, Some(&expected), Some(&row), Some(at));
            }
            return Ok(is_same);
        }
        let row = found.row(Row::new(schema));
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
