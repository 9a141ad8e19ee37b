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

use seismic_queue::{JobStore, Partition, Queue};

use self::keyed_rows::KeyedRows;
use self::partition_proof::{Findings, PartitionProof};
use self::proof_of::ProofOf;
use self::replay_points::Rescale;
use crate::engine::operator::OperatorKind;
use crate::{Error, Result};

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

/// Proves each partition on its own.
fn prove_partitions(of: ProofOf<'_>, complete: bool, findings: &mut Findings<'_>) -> Result<()> {
    let proof = |partition: Partition, after_rescales: bool| {
        let Some(proof) = PartitionProof::new(of, partition, after_rescales)? else {
            return Ok(None);
        };
        if complete && !proof.is_complete() {
            return Err(Error::Partial { what: proof.describe() });
        }
        Ok(Some(proof))
    };
    // Partitions whose replay crosses a rescale are replayed together; of all others, one at a time
    // is in memory.
    let mut together = Vec::new();
    for partition in of.view.job.input().all().take(of.view.partitions.len()) {
        match proof(partition, false)? {
            Some(proof) if proof.rescale().is_some() => together.push((partition, proof)),
            Some(proof) => proof.run(findings)?,
            None => {}
        }
    }
    if together.len() < of.view.partitions.len() {
        // Not all sensors can be followed to where they went, so it begins when they were there.
        for (partition, early) in together {
            drop(early);
            if let Some(proof) = proof(partition, true)? {
                proof.run(findings)?;
            }
        }
        return Ok(());
    }
    let mut proofs: Vec<_> = together.into_iter().map(|(_, proof)| proof).collect();
    cross_rescales(of.kind, &mut proofs, findings)?;
    proofs.into_iter().try_for_each(|proof| proof.run(findings))
}

/// Brings the folds of all partitions over every addition of partitions: what each has then follows
/// from what all had before, and the checkpoints made there must be the same.
fn cross_rescales(
    kind: &dyn OperatorKind,
    proofs: &mut [PartitionProof<'_>],
    findings: &mut Findings<'_>,
) -> Result<()> {
    // Who was added later comes by fewer of them, so the next is the one to the fewest partitions.
    let next = |proofs: &[PartitionProof<'_>]| {
        proofs.iter().filter_map(PartitionProof::rescale).min_by_key(|rescale| rescale.partitions)
    };
    while let Some(rescale) = next(proofs) {
        let count = proofs.len().min(rescale.partitions as usize);
        let proofs = &mut proofs[..count];
        let is_same = |other: Rescale| {
            (other.before, other.partitions) == (rescale.before, rescale.partitions)
        };
        if let Some(proof) = proofs.iter().find(|proof| !proof.rescale().is_some_and(is_same)) {
            return Err(proof.lacks_rescale(rescale));
        }
        let operators = proofs.iter_mut().map(|proof| proof.fold_to_rescale(findings));
        let operators = operators.collect::<Result<Vec<_>>>()?;
        kind.redistribute(operators, rescale.before)
            .map_err(|source| Error::Redistribute { source })?;
    }
    Ok(())
}
