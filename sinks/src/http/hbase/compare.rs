//! Compares the table with the rows and sums that follow from the result topic up to the position of
//! the sink.
//!
//! What each key should have is computed from the topic, then the table is read in the order of its keys.
//! Sums whose first rows retention has deleted, keys whose last row may be of one partition or another,
//! and more than [`limits::KEYS_COMPARED`] keys cannot be compared, which is reported.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use seismic_proto::{Row, Schema, Value};
use seismic_queue::{Offset, Partition};

use super::cells::FoundRow;
use super::counts::CountFormat;
use super::puts::{PutFormat, key_of, value_text};
use super::row_format::RowFormat;
use super::target::Target;
use super::{position, scan};
use crate::compare::{Comparison, RowDifferenceKind};
use crate::position::stored::StoredPosition;
use crate::rows::RowAt;
use crate::rows::columns::{OFFSET, PARTITION, Source, TableColumn};
use crate::{Context, Error, Result, SinkSpec, limits};

/// A key, how many rows are in it, and the last of them.
struct Expected {
    partition: Partition,
    offset: Offset,
    row: Row,
    rows: u64,
    /// Of counters.
    sums: Vec<i128>,
}

type Keys = BTreeMap<Vec<u8>, Expected>;

/// Compares; the number of rows whose keys are as they should be.
pub(super) fn compare(
    spec: &SinkSpec,
    context: &Context,
    into: &mut Comparison<'_>,
) -> Result<u64> {
    let target = Target::of(spec)?;
    let format = RowFormat::of(&target, &context.schema)?;
    let server = target.server(limits::SILENT_PATIENCE)?;
    let nothing =
        |what: &str| Error::NothingToCompare { sink: target.name.clone(), what: what.to_owned() };
    let Some(stored) = position::read(&server, &target)? else {
        return Err(nothing("no sink has ever written there"));
    };
    let stored = stored.position;
    stored.check_owner(&target.name, context)?;
    let keys = expected(&format, context, &stored, into)?.map_err(nothing)?;
    let mut comparing = Comparing { target: &target, context, stored: &stored, keys, same: 0 };
    let mut is_ahead = false;
    scan::each(&server, &target, limits::DOCUMENTS_ANSWER_BYTES, |found| {
        match &format {
            RowFormat::Put(format) => comparing.see_row(format, found, into),
            RowFormat::Incr(format) => is_ahead |= comparing.see_sum(format, found, into),
        }
        Ok(())
    })?;
    if is_ahead {
        return Err(nothing(
            "its sink died within a batch, part of which is counted: start it again first",
        ));
    }
    let Comparing { keys, same, .. } = comparing;
    for missing in keys.into_values() {
        let Expected { partition, offset, row, .. } = missing;
        into.add(partition, RowDifferenceKind::Missing, Some(&row), None, Some(offset));
    }
    if into.total > 0 && position::read(&server, &target)?.map(|it| it.position) != Some(stored) {
        return Err(nothing("its sink wrote meanwhile: compare again, or stop it first"));
    }
    Ok(same)
}

/// What each key should have; why that is unknown otherwise.
fn expected(
    format: &RowFormat,
    context: &Context,
    stored: &StoredPosition,
    into: &Comparison<'_>,
) -> Result<std::result::Result<Keys, &'static str>> {
    let mut keys = Keys::new();
    for (partition, position) in into.topic.all().zip(&stored.positions) {
        let held = into.held[partition.0 as usize];
        if matches!(format, RowFormat::Incr(_)) && held.first > Offset(0) {
            return Ok(Err("rows that its keys add up were deleted from the topic"));
        }
        let mut rows = into.rows(partition, held.first, position.next)?;
        while let Some((offset, row)) = rows.next_row()? {
            let at = RowAt { offset, key: &[], bytes: &[], row: &row };
            let of_row = match format {
                RowFormat::Put(format) => {
                    key_of(&format.key, &context.schema, partition, at).map(|key| (key, Vec::new()))
                }
                RowFormat::Incr(format) => format.of_row(&context.schema, partition, at),
            };
            // One that the sink does not take is not there.
            let Ok((key, values)) = of_row else { continue };
            let values = values.into_iter().map(i128::from);
            match keys.entry(key) {
                Entry::Vacant(place) => {
                    let sums = values.collect();
                    place.insert(Expected { partition, offset, row, rows: 1, sums });
                }
                Entry::Occupied(place) => {
                    let expected = place.into_mut();
                    let is_put = expected.sums.is_empty();
                    if is_put && expected.partition != partition {
                        return Ok(Err(
                            "rows of several partitions share a key, whose last row is unknown",
                        ));
                    }
                    expected.sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
                    (expected.partition, expected.offset, expected.row) = (partition, offset, row);
                    expected.rows += 1;
                }
            }
            if keys.len() > limits::KEYS_COMPARED {
                return Ok(Err("it has more keys than can be compared"));
            }
        }
    }
    Ok(Ok(keys))
}

/// A comparison under way.
struct Comparing<'a> {
    target: &'a Target,
    context: &'a Context,
    stored: &'a StoredPosition,
    /// Those that were not seen yet.
    keys: Keys,
    same: u64,
}

impl Comparing<'_> {
    /// Compares a row of the table.
    fn see_row(&mut self, format: &PutFormat, found: &FoundRow, into: &mut Comparison<'_>) {
        let (schema, family) = (&*self.context.schema, &*self.target.family);
        let number = |name: &str| found.text(family, name).and_then(|text| text.parse().ok());
        let place = number(PARTITION).zip(number(OFFSET));
        let place = place.and_then(|(partition, offset): (u64, u64)| {
            Some((Partition(u32::try_from(partition).ok()?), Offset(offset)))
        });
        let next = |partition: Partition| {
            self.stored.positions.get(partition.0 as usize).map(|position| position.next)
        };
        // One after the position may be there before the position says so, in place of another, too.
        let is_ahead = place
            .is_some_and(|(partition, offset)| next(partition).is_some_and(|next| offset >= next));
        let Some(expected) = self.keys.remove(&found.key) else {
            let (partition, offset) = place.unwrap_or((Partition(0), Offset(0)));
            let held = into.held.get(partition.0 as usize);
            let is_deleted = held.is_some_and(|held| offset < held.first);
            if !is_ahead && !is_deleted {
                let row = row_of(schema, &format.columns, family, found, Row::new(schema));
                let kind = RowDifferenceKind::Unexpected;
                into.add(partition, kind, None, Some(&row), place.map(|(_, offset)| offset));
            }
            return;
        };
        if is_ahead {
            return;
        }
        let Expected { partition, offset, row, rows, .. } = expected;
        let is_same = format.columns.iter().all(|column| {
            let text = match &column.source {
                Source::Field(at) => value_text(schema.columns().get(*at), row.get(*at)),
                Source::Constant(text) => text.clone(),
                Source::Partition => partition.to_string(),
                Source::Offset => offset.to_string(),
            };
            found.text(family, &column.name) == Some(&*text)
        });
        if is_same {
            self.same += rows;
            return;
        }
        let there = row_of(schema, &format.columns, family, found, row.clone());
        let kind = RowDifferenceKind::Differs;
        into.add(partition, kind, Some(&row), Some(&there), Some(offset));
    }

    /// Compares a counter; whether rows after the position are in it.
    fn see_sum(
        &mut self,
        format: &CountFormat,
        found: &FoundRow,
        into: &mut Comparison<'_>,
    ) -> bool {
        let counter = format.counter(found);
        let next = |partition: u32| {
            self.stored.positions.get(partition as usize).map_or(0, |position| position.next.0)
        };
        if let Ok(counter) = &counter
            && counter.counted.next.iter().any(|(partition, counted)| *counted > next(*partition))
        {
            self.keys.remove(&found.key);
            return true;
        }
        let Some(Expected { partition, offset, row, rows, sums }) = self.keys.remove(&found.key)
        else {
            // Someone else's, unless it says that it has rows of the topic.
            if let Ok(counter) = counter
                && let Some((partition, next)) = counter.counted.next.first_key_value()
            {
                let row = Row::new(&self.context.schema);
                let (partition, offset) = (Partition(*partition), Offset(next.saturating_sub(1)));
                let kind = RowDifferenceKind::Unexpected;
                into.add(partition, kind, None, Some(&row), Some(offset));
            }
            return false;
        };
        let is_same = counter.is_ok_and(|counter| {
            counter.values.iter().map(|value| i128::from(*value)).eq(sums.iter().copied())
        });
        match is_same {
            true => self.same += rows,
            false => {
                let kind = RowDifferenceKind::Differs;
                into.add(partition, kind, Some(&row), None, Some(offset));
            }
        }
        false
    }
}

/// The row that a row of the table is, with the values of `row` where it has no such column. What is no
/// value of its column is zero or empty.
fn row_of(
    schema: &Schema,
    columns: &[TableColumn],
    family: &str,
    found: &FoundRow,
    mut row: Row,
) -> Row {
    for column in columns {
        let Source::Field(place) = column.source else { continue };
        let of = &schema.columns()[place];
        let parsed = found.text(family, &column.name).and_then(|text| of.parse(text));
        let value: Value = parsed.unwrap_or_else(|| of.default_value());
        row.set(schema, place, value.as_ref());
    }
    row
}
