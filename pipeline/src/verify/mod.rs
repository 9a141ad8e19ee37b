//! The oracle: folds the log again with the pure engine and the journal, and compares.
//!
//! It fixes the committed positions, makes the rows and dead letters once more from the input log
//! and the journal up to them, and compares with what the topics hold: the same rows, bit by bit,
//! each once; the same dead letters, each once; every record in exactly one place; the retained
//! snapshots it comes by; and idle closes that were honest. Semantics come
//! from the job's own notes, not from today's options. It needs no ownership: a job may go on
//! meanwhile, since only what was committed at the beginning is looked at.

mod difference;
mod fold;
mod idle;
mod matcher;
mod side;
mod sides;
mod stops;
mod table;
mod teller;
mod topic;

pub use difference::{Difference, DifferenceKind, Proved, Report};

use seismic_queue::{Home, Queue};

use crate::{Error, Result};

/// Proves the job of `home` against its input in `queue`. `progress` is told of every batch: the
/// number of messages folded.
///
/// With `complete`, a log or journal whose head is gone is an error; else the range that could be proved is
/// in the report.
///
/// # Errors
/// When something cannot be read or used. Differences are no errors: they are the report.
pub fn verify(
    queue: &dyn Queue,
    home: &dyn Home,
    complete: bool,
    progress: &mut dyn FnMut(u64),
) -> Result<Report> {
    let view = home.view()?;
    let input = queue.topic(&view.job.input.name)?;
    view.job.input.is_still(&input, &queue.name())?;
    let mut report = Report::default();
    for (partition, part) in input.all().zip(&view.partitions) {
        let Some(progress_note) = &part.progress else {
            continue;
        };
        let fold = fold::Fold::new(queue, home, &view.job, partition, part, progress_note)?;
        if complete && !fold.is_complete() {
            return Err(Error::Partial { complete: "--complete", what: fold.describe() });
        }
        fold.run(&mut report, progress)?;
    }
    Ok(report)
}
