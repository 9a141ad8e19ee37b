//! The proof: replays the whole log with the pure engine and the journal, and compares.
//!
//! It takes the committed positions, recomputes the rows of every output from the input logs and
//! the journal up to them, and compares: the topics have the same rows, bit by bit, each once;
//! every record is in exactly one place; retained snapshots equal the state at their positions; and
//! idle closes were correct. No row key may occur twice over all partitions. It needs no lease: the
//! job may keep running, since only what was committed when the proof started is compared.
//!
//! There is one proof for every kind of job. The kind provides its semantics at the time of a note,
//! the key of a row of an output that follows the input ([`RowReader`](crate::RowReader)), and the
//! identity of a row of a keyed one.

mod beginning;
mod compared;
mod compared_output;
mod comparison;
mod difference_reporter;
mod idle_closes;
mod key_partitions;
mod keyed_rows;
mod keyed_sequences;
mod matcher;
mod output_proof;
mod partition_proof;
mod partitions;
mod proof_of;
mod replay_points;
mod report;
mod row_sequence;
mod rows;
mod spread;
mod topic_reader;

pub use report::{Difference, DifferenceKind, LostRange, Proved, Report, SpreadRows};
pub(crate) use topic_reader::TopicReader;

use std::sync::atomic::AtomicBool;

use seismic_queue::{JobStore, Queue};

use self::keyed_rows::KeyedRows;
use self::partition_proof::Findings;
use self::partitions::prove_partitions;
use self::proof_of::ProofOf;
use crate::Result;
use crate::engine::operator::OperatorKind;

/// Proves the job of `store` against its inputs in `queue`. `progress` is called after each batch
/// with the number of messages folded.
///
/// With `complete`, a log or journal whose head is gone is an error; else the range that could be
/// proved is in the report.
///
/// # Errors
/// When something cannot be read or used. Differences are no errors: they are the report.
pub fn verify(
    queue: &dyn Queue,
    store: &dyn JobStore,
    kind: &dyn OperatorKind,
    complete: bool,
    progress: &mut dyn FnMut(u64),
) -> Result<Report> {
    let (view, stop) = (store.view()?, AtomicBool::new(true));
    for input in &view.job.inputs {
        input.is_still(&queue.topic(&input.name)?, &queue.name())?;
    }
    let (mut report, mut keyed) = (Report::default(), KeyedRows::new(store, kind, &view)?);
    let of = ProofOf { queue, store, kind, view: &view, stop: &stop };
    let findings = &mut Findings { report: &mut report, keyed: &mut keyed, progress };
    prove_partitions(of, complete, findings)?;
    keyed.compare(store, kind, &view, &mut report)?;
    if let Some(reader) = kind.row_reader() {
        spread::compare(store, &view, reader, &mut report)?;
    }
    Ok(report)
}
