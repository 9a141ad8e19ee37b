//! The oracle: folds the log again with the pure engine and the journal, and compares.
//!
//! It fixes the committed positions, makes the rows and dead letters once more from the input log
//! and the journal up to them, and compares with what the topics hold: the same rows, bit by bit,
//! each once; the same dead letters, each once; every record in exactly one place; the retained
//! snapshots it comes by; and idle closes that were honest. Semantics come
//! from the job's own notes, not from today's options. It needs no ownership: a job may go on
//! meanwhile, since only what was committed at the beginning is looked at.

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
mod topic_reader;

pub use report::{Difference, DifferenceKind, Proved, Report};

use seismic_queue::{JobStore, Partition, Queue};

use self::partition::Fold;
use self::replay_points::Widening;
use crate::engine::redistribute::deal;
use crate::{Error, Result};

/// Proves the job of `store` against its input in `queue`. `progress` is told of every batch: the
/// number of messages folded.
///
/// With `complete`, a log or journal whose head is gone is an error; else the range that could be proved is
/// in the report.
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
    let input = queue.topic(&view.job.input.name)?;
    view.job.input.is_still(&input, &queue.name())?;
    let mut report = Report::default();
    let fold = |partition: Partition, after_widenings: bool| {
        let part = &view.partitions[partition.0 as usize];
        let Some(note) = &part.progress else { return Ok(None) };
        let at = (partition, part);
        let fold = Fold::new(queue, store, &view.job, at, note, after_widenings)?;
        if complete && !fold.is_complete() {
            return Err(Error::Partial { complete: "--complete", what: fold.describe() });
        }
        Ok(Some(fold))
    };
    // Those that come by an addition of partitions go on together; of all others, one is in memory.
    let mut together = Vec::new();
    for partition in input.all().take(view.partitions.len()) {
        match fold(partition, false)? {
            Some(fold) if fold.widening().is_some() => together.push((partition, fold)),
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
        return Ok(report);
    }
    let mut folds: Vec<_> = together.into_iter().map(|(_, fold)| fold).collect();
    widen(&mut folds, &mut report, progress)?;
    folds.into_iter().try_for_each(|fold| fold.run(&mut report, progress))?;
    Ok(report)
}

/// Brings the folds of all partitions over every addition of partitions: what each has then follows from
/// what all had before, and the checkpoints made there must be the same.
fn widen(folds: &mut [Fold<'_>], report: &mut Report, progress: &mut dyn FnMut(u64)) -> Result<()> {
    // Who was added later comes by fewer of them, so the next is the one to the fewest partitions.
    let next = |folds: &[Fold<'_>]| {
        folds.iter().filter_map(Fold::widening).min_by_key(|widening| widening.partitions)
    };
    while let Some(widening) = next(folds) {
        let count = folds.len().min(widening.partitions as usize);
        let folds = &mut folds[..count];
        let is_same = |other: Widening| {
            (other.before, other.partitions) == (widening.before, widening.partitions)
        };
        if let Some(fold) = folds.iter().find(|fold| !fold.widening().is_some_and(is_same)) {
            return Err(fold.lacks_widening(widening));
        }
        let engines = folds.iter_mut().map(|fold| fold.come_to_widening(report, progress));
        let mut engines = engines.collect::<Result<Vec<_>>>()?;
        deal(&mut engines, widening.before).map_err(|source| Error::Undealt { source })?;
    }
    Ok(())
}
