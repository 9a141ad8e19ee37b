//! Whether a CSV folder holds the result topic up to its position: each row once, in order.

use std::path::Path;
use std::time::Duration;

use seismic_pipeline::verify::{Difference, DifferenceKind, Report};
use seismic_proto::{Message, SeismicAggRecord};
use seismic_queue::{Batch, Event, JobStore, Offset, Partition, Reader, Span, Topic, View};
use seismic_sinks::csv::Content;

use crate::cli::exit::Usage;

/// Compares the folder with the store's result topic; the number of rows that are the same.
///
/// # Errors
/// When the folder cannot be read or holds the rows of another store. Differences go into `report`.
pub fn compare(folder: &Path, store: &dyn JobStore, report: &mut Report) -> anyhow::Result<u64> {
    let Some(content) = Content::open(folder)? else {
        return Err(Usage(format!("{} holds no rows of a CSV sink", folder.display())).into());
    };
    let view = store.view()?;
    if content.store_id() != view.id {
        let folder = folder.display();
        return Err(Usage(format!("{folder} holds the rows of another store")).into());
    }
    let topic = store.topics().topic(view.job.main_topic())?;
    let mut sides = Vec::new();
    for (partition, &until) in topic.all().zip(content.next()) {
        let first = view.partitions[partition.0 as usize].outputs[0].span.first;
        sides.push(Side::open(store, &topic, partition, first, until)?);
    }
    skip_what_is_gone(&content, &view, &mut sides)?;
    let mut same = 0;
    for row in content.rows() {
        let row = row?;
        let side = usize::try_from(row.input_partition).ok().and_then(|p| sides.get_mut(p));
        let Some(side) = side else {
            tell(report, Partition(0), DifferenceKind::RowUnexpected, None, Some(&row), None);
            continue;
        };
        if side.gone > 0 {
            side.gone -= 1;
            continue;
        }
        match side.next()? {
            Some((_, expected)) if is_same(&expected, &row) => same += 1,
            Some((offset, expected)) => {
                let (kind, at) = (DifferenceKind::RowDiffers, Some(offset));
                tell(report, side.partition, kind, Some(&expected), Some(&row), at);
            }
            None => {
                tell(report, side.partition, DifferenceKind::RowUnexpected, None, Some(&row), None);
            }
        }
    }
    for side in &mut sides {
        while let Some((offset, expected)) = side.next()? {
            let at = Some(offset);
            tell(report, side.partition, DifferenceKind::RowMissing, Some(&expected), None, at);
        }
    }
    Ok(same)
}

/// Rows of a partition stand in the folder in offset order and end at its position. So its first
/// ones are older than the topic's head when there are more of them than the topic still has.
fn skip_what_is_gone(content: &Content, view: &View, sides: &mut [Side]) -> anyhow::Result<()> {
    let mut held = vec![0u64; sides.len()];
    for row in content.rows() {
        let partition = usize::try_from(row?.input_partition).unwrap_or(usize::MAX);
        held.get_mut(partition).into_iter().for_each(|rows| *rows += 1);
    }
    for (side, held) in sides.iter_mut().zip(held) {
        // Only where retention has deleted: otherwise a row too many is a difference.
        if side.next > Offset(0) {
            let cuts = &view.partitions[side.partition.0 as usize].outputs[0].cuts;
            let within =
                |cut: &Span| cut.end.min(side.until).0.saturating_sub(cut.first.max(side.next).0);
            let offsets = side.until.0.saturating_sub(side.next.0);
            let rows = offsets.saturating_sub(cuts.iter().map(within).sum());
            side.gone = held.saturating_sub(rows);
        }
    }
    Ok(())
}

/// Bit by bit: the encoded forms are equal.
pub(super) fn is_same(expected: &SeismicAggRecord, found: &SeismicAggRecord) -> bool {
    expected.encode_to_vec() == found.encode_to_vec()
}

/// One partition of the result topic, row by row, up to the sink's position.
pub(super) struct Side {
    pub(super) partition: Partition,
    reader: Box<dyn Reader>,
    batch: Batch,
    at: usize,
    spare: Vec<Batch>,
    next: Offset,
    pub(super) until: Offset,
    /// Rows of the folder that the topic no longer has.
    gone: u64,
}

impl Side {
    pub(super) fn open(
        store: &dyn JobStore,
        topic: &Topic,
        partition: Partition,
        first: Offset,
        until: Offset,
    ) -> seismic_queue::Result<Self> {
        let reader = store.topics().reader(topic, &[(partition, first)])?;
        let (batch, spare) = (Batch::default(), Vec::new());
        Ok(Side { partition, reader, batch, at: 0, spare, next: first, until, gone: 0 })
    }

    /// The next row with its offset; `None` at the end.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<(Offset, SeismicAggRecord)>> {
        if self.next >= self.until {
            return Ok(None);
        }
        while self.at >= self.batch.len() {
            match self.reader.read(Duration::from_secs(1), &mut self.spare)? {
                Event::Batch(batch) => {
                    self.spare.push(std::mem::replace(&mut self.batch, batch));
                    self.at = 0;
                }
                _ => return Ok(None),
            }
        }
        let message = self.batch.message(self.at);
        if message.offset >= self.until {
            self.next = self.until;
            return Ok(None);
        }
        self.at += 1;
        self.next = message.offset.next();
        Ok(Some((message.offset, SeismicAggRecord::decode(message.value)?)))
    }
}

/// Adds a difference to the report.
pub(super) fn tell(
    report: &mut Report,
    partition: Partition,
    kind: DifferenceKind,
    expected: Option<&SeismicAggRecord>,
    found: Option<&SeismicAggRecord>,
    offset: Option<Offset>,
) {
    report.total += 1;
    if report.differences.len() < Report::SHOWN {
        let row = expected.or(found);
        let key = row.map_or_else(String::new, |row| {
            format!("row of sensor {:?} window {}", row.sensor_id, row.window_start_ts)
        });
        let words = |row: Option<&SeismicAggRecord>| row.map(|row| format!("{row:?}"));
        let (expected, found) = (words(expected), words(found));
        report.differences.push(Difference { partition, kind, key, expected, found, offset });
    }
}
