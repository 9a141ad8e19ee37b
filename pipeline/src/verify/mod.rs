//! The oracle: replays the whole log with the pure engine and the journal, and compares.
//!
//! It fixes the committed positions, makes the rows and dead letters once more from the input log
//! and the journal up to them, and compares with what the topics hold: the same rows, bit by bit,
//! each once; the same dead letters, each once; every record in exactly one place; the retained
//! snapshots it comes by; and idle closes that were honest. Over all partitions, no key of a row
//! may be there twice. Semantics come from the job's own notes, not from today's options. It needs
//! no lease: the job may keep running, since only what was committed when the proof began is
//! compared.

mod any_kind;
mod comparison;
mod comparisons;
mod difference_reporter;
mod idle_closes;
mod keys;
mod matcher;
mod partition;
mod replay_points;
mod report;
mod rows;
mod sensor_partitions;
mod spread;
mod topic_reader;

pub use any_kind::{KindProved, KindReport, verify_kind};
pub use report::{Difference, DifferenceKind, Proved, Report, SpreadRows};
pub(crate) use topic_reader::TopicReader;

use seismic_queue::{JobStore, Partition, Queue, View};

use self::partition::PartitionProof;
use self::replay_points::Rescale;
use crate::engine::windows::redistribute::redistribute;
use crate::{Error, Result};

/// Proves the job of `store` against its input in `queue`. `progress` is told of every batch: the
/// number of messages folded.
///
/// With `complete`, a log or journal whose head is gone is an error; else the range that could be
/// proved is in the report.
///
/// # Errors
/// When something cannot be read or used. Differences are no errors: they are the report.
pub fn verify(
    queue: &dyn Queue,
    store: &dyn JobStore,
    complete: bool,
    progress: &mut dyn FnMut(u64),
) -> Result<Report> {
    let view = store.view()?;
    let input = queue.topic(&view.job.input().name)?;
    view.job.input().is_still(&input, &queue.name())?;
    let mut report = Report::default();
    let fold = |partition: Partition, after_rescales: bool| {
        let part = &view.partitions[partition.0 as usize];
        let Some(note) = &part.progress else { return Ok(None) };
        let at = (partition, part);
        let fold = PartitionProof::new(queue, store, &view.job, at, note, after_rescales)?;
        if complete && !fold.is_complete() {
            return Err(Error::Partial { what: fold.describe() });
        }
        Ok(Some(fold))
    };
    // Partitions whose replay crosses a rescale are replayed together; of all others, one at a time
    // is in memory.
    let mut together = Vec::new();
    for partition in input.all().take(view.partitions.len()) {
        match fold(partition, false)? {
            Some(fold) if fold.rescale().is_some() => together.push((partition, fold)),
            Some(fold) => fold.run(&mut report, progress)?,
            None => {}
        }
    }
    if together.len() < view.partitions.len() {
        // Not all sensors can be followed to where they went, so it begins when they were there.
        for (partition, early) in together {
            drop(early);
            if let Some(fold) = fold(partition, true)? {
                fold.run(&mut report, progress)?;
            }
        }
        return compare_partitions(store, &view, report);
    }
    let mut folds: Vec<_> = together.into_iter().map(|(_, fold)| fold).collect();
    cross_rescales(&mut folds, &mut report, progress)?;
    folds.into_iter().try_for_each(|fold| fold.run(&mut report, progress))?;
    compare_partitions(store, &view, report)
}

/// Compares what the partitions have with each other, after each was proved by itself.
fn compare_partitions(store: &dyn JobStore, view: &View, mut report: Report) -> Result<Report> {
    let sensors = std::mem::take(&mut report.sensors);
    spread::compare(store, view, &sensors, &mut report)?;
    Ok(report)
}

/// Brings the folds of all partitions over every addition of partitions: what each has then follows
/// from what all had before, and the checkpoints made there must be the same.
fn cross_rescales(
    folds: &mut [PartitionProof<'_>],
    report: &mut Report,
    progress: &mut dyn FnMut(u64),
) -> Result<()> {
    // Who was added later comes by fewer of them, so the next is the one to the fewest partitions.
    let next = |folds: &[PartitionProof<'_>]| {
        folds.iter().filter_map(PartitionProof::rescale).min_by_key(|rescale| rescale.partitions)
    };
    while let Some(rescale) = next(folds) {
        let count = folds.len().min(rescale.partitions as usize);
        let folds = &mut folds[..count];
        let is_same = |other: Rescale| {
            (other.before, other.partitions) == (rescale.before, rescale.partitions)
        };
        if let Some(fold) = folds.iter().find(|fold| !fold.rescale().is_some_and(is_same)) {
            return Err(fold.lacks_rescale(rescale));
        }
        let engines = folds.iter_mut().map(|fold| fold.fold_to_rescale(report, progress));
        let mut engines = engines.collect::<Result<Vec<_>>>()?;
        redistribute(&mut engines, rescale.before)
            .map_err(|source| Error::Redistribute { source })?;
    }
    Ok(())
}
