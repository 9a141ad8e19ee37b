//! Compares a CSV folder with the result topic up to its position: each row once, in order.
//!
//! One file has rows of all partitions, so a column gives the partition of each row:
//! `input_partition`. Without that column only a topic of one partition can be compared.

use std::path::Path;

use seismic_proto::{Row, ValueRef};
use seismic_queue::{Offset, Partition};

use super::reader::CsvReader;
use crate::compare::{Comparison, RowDifferenceKind, TopicRows};
use crate::position::ahead;
use crate::{Context, Error, Result};

/// Name of the column that says which partition a row is of.
const PARTITION_COLUMN: &str = "input_partition";

/// One partition of the topic next to the folder's rows of it.
struct Side<'a> {
    rows: TopicRows<'a>,
    /// Rows of the folder that the topic no longer has.
    gone: u64,
}

/// Compares the folder with the result topic; the number of rows that are the same.
pub(super) fn compare(folder: &Path, context: &Context, into: &mut Comparison<'_>) -> Result<u64> {
    let at = || format!("csv:{}", folder.display());
    let nothing = |what: &str| Error::NothingToCompare { sink: at(), what: what.to_owned() };
    let Some(reader) = CsvReader::open(folder, &context.schema)? else {
        return Err(nothing("the folder holds no rows of a CSV sink"));
    };
    if reader.store_id() != context.owner() {
        return Err(nothing("the folder holds the rows of another store"));
    }
    let column = context.schema.index_of(PARTITION_COLUMN);
    if column.is_none() && into.topic.partitions > 1 {
        return Err(nothing("no column says which partition a row is of"));
    }
    if let Some(ahead) = ahead::of_positions(&at(), &context.topic, reader.next(), &into.held) {
        return Err(ahead.into());
    }
    let mut sides = Vec::new();
    for (partition, &until) in into.topic.all().zip(reader.next()) {
        let first = into.held[partition.0 as usize].first;
        sides.push(Side { rows: into.rows(partition, first, until)?, gone: 0 });
    }
    skip_what_is_gone(&reader, column, into, &mut sides)?;
    let mut same = 0;
    for row in reader.rows() {
        let row = row?;
        let Some(side) = partition_of(&row, column).and_then(|p| sides.get_mut(p)) else {
            let partition = Partition(0);
            into.add(partition, RowDifferenceKind::Unexpected, None, Some(&row), None);
            continue;
        };
        if side.gone > 0 {
            side.gone -= 1;
            continue;
        }
        let partition = side.rows.partition;
        match side.rows.next_row()? {
            Some((_, expected)) if into.is_same(&expected, &row) => same += 1,
            Some((offset, expected)) => {
                let (kind, at) = (RowDifferenceKind::Differs, Some(offset));
                into.add(partition, kind, Some(&expected), Some(&row), at);
            }
            None => into.add(partition, RowDifferenceKind::Unexpected, None, Some(&row), None),
        }
    }
    for side in &mut sides {
        while let Some((offset, expected)) = side.rows.next_row()? {
            let (kind, at) = (RowDifferenceKind::Missing, Some(offset));
            into.add(side.rows.partition, kind, Some(&expected), None, at);
        }
    }
    Ok(same)
}

/// The partition of a row, by its column; 0 where there is none.
fn partition_of(row: &Row, column: Option<usize>) -> Option<usize> {
    match column.map(|column| row.get(column)) {
        None => Some(0),
        Some(ValueRef::Int32(number)) => usize::try_from(number).ok(),
        Some(ValueRef::Int64(number)) => usize::try_from(number).ok(),
        Some(ValueRef::UInt32(number)) => usize::try_from(number).ok(),
        Some(_) => None,
    }
}

/// Rows of a partition stand in the folder in offset order and end at its position. So its first
/// ones are older than the topic's first when there are more of them than the topic still has.
fn skip_what_is_gone(
    reader: &CsvReader,
    column: Option<usize>,
    comparison: &Comparison<'_>,
    sides: &mut [Side<'_>],
) -> Result<()> {
    let mut held = vec![0u64; sides.len()];
    for row in reader.rows() {
        let partition = partition_of(&row?, column).unwrap_or(usize::MAX);
        held.get_mut(partition).into_iter().for_each(|rows| *rows += 1);
    }
    for (side, held) in sides.iter_mut().zip(held) {
        // Only where retention has deleted: otherwise a row too many is a difference.
        if side.rows.next > Offset(0) {
            let (next, until) = (side.rows.next, side.rows.until);
            let rows = comparison.count(side.rows.partition, next, until)?;
            side.gone = held.saturating_sub(rows);
        }
    }
    Ok(())
}
