//! The proofs of all partitions: each on its own, several at a time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::thread;

use seismic_queue::Partition;

use super::keyed_rows::KeyedRows;
use super::partition_proof::{Findings, PartitionProof};
use super::proof_of::ProofOf;
use super::replay_points::Rescale;
use super::report::Report;
use crate::engine::operator::OperatorKind;
use crate::{Error, Result, limits};

/// Proves each partition on its own.
pub(super) fn prove_partitions(
    of: ProofOf<'_>,
    complete: bool,
    findings: &mut Findings<'_>,
) -> Result<()> {
    // Partitions whose replay crosses a rescale are replayed together.
    let mut together = Vec::new();
    each_outcome(of, complete, findings, &mut |outcome, findings| match outcome {
        Outcome::NotBegun => {}
        Outcome::Proved(report) => findings.report.add(*report),
        Outcome::Crosses(proof) => together.push(*proof),
    })?;
    if together.len() < of.view.partitions.len() {
        // Not all sensors can be followed to where they went, so it begins when they were there.
        let partitions: Vec<_> = together.iter().map(PartitionProof::partition).collect();
        drop(together);
        for partition in partitions {
            if let Some(proof) = proof_of(of, complete, partition, true)? {
                run(proof, findings)?;
            }
        }
        return Ok(());
    }
    cross_rescales(of.kind, &mut together, findings)?;
    together.into_iter().try_for_each(|proof| run(proof, findings))
}

/// The proof of a partition, that has not run yet; `None` when the partition has not begun.
fn proof_of<'a>(
    of: ProofOf<'a>,
    complete: bool,
    partition: Partition,
    after_rescales: bool,
) -> Result<Option<PartitionProof<'a>>> {
    let proof = PartitionProof::new(of, partition, after_rescales)?;
    match proof {
        Some(proof) if complete && !proof.is_complete() => {
            Err(Error::Partial { what: proof.describe() })
        }
        proof => Ok(proof),
    }
}

/// Runs a proof to its end, and adds what it found.
fn run(proof: PartitionProof<'_>, findings: &mut Findings<'_>) -> Result<()> {
    let mut report = Report::default();
    let Findings { keyed, progress, .. } = findings;
    proof.run(&mut Findings { report: &mut report, keyed, progress: *progress })?;
    findings.report.add(report);
    Ok(())
}

/// What became of a partition.
enum Outcome<'a> {
    NotBegun,
    Proved(Box<Report>),
    /// Its replay crosses an addition of partitions, and has not run.
    Crosses(Box<PartitionProof<'a>>),
}

/// Gives the outcome of each partition, in their order. Rows of keyed outputs are gathered over all
/// partitions, so of jobs that have some one partition is proved at a time.
fn each_outcome<'a>(
    of: ProofOf<'a>,
    complete: bool,
    findings: &mut Findings<'_>,
    each: &mut dyn FnMut(Outcome<'a>, &mut Findings<'_>),
) -> Result<()> {
    let partitions: Vec<_> = of.view.job.input().all().take(of.view.partitions.len()).collect();
    let is_keyed = of.view.job.outputs.iter().any(|output| output.is_keyed());
    let at_once = if is_keyed { 1 } else { limits::PROVED_AT_ONCE.min(partitions.len()) };
    if at_once > 1 {
        return several_at_once(of, complete, (&partitions, at_once), findings, each);
    }
    for partition in partitions {
        let Findings { keyed, progress, .. } = findings;
        let outcome = outcome(of, complete, partition, keyed, *progress)?;
        each(outcome, findings);
    }
    Ok(())
}

fn outcome<'a>(
    of: ProofOf<'a>,
    complete: bool,
    partition: Partition,
    keyed: &mut KeyedRows,
    progress: &mut dyn FnMut(u64),
) -> Result<Outcome<'a>> {
    let mut report = Report::default();
    Ok(match proof_of(of, complete, partition, false)? {
        None => Outcome::NotBegun,
        Some(proof) if proof.rescale().is_some() => Outcome::Crosses(Box::new(proof)),
        Some(proof) => {
            proof.run(&mut Findings { report: &mut report, keyed, progress })?;
            Outcome::Proved(Box::new(report))
        }
    })
}

/// What a thread tells.
enum Told<'a> {
    /// This many more messages were folded.
    Folded(u64),
    /// The partition at that place is done.
    Done(usize, Result<Outcome<'a>>),
}

/// As [`each_outcome`], with that many threads: while one waits for a log, others compute.
fn several_at_once<'a>(
    of: ProofOf<'a>,
    complete: bool,
    (partitions, at_once): (&[Partition], usize),
    findings: &mut Findings<'_>,
    each: &mut dyn FnMut(Outcome<'a>, &mut Findings<'_>),
) -> Result<()> {
    let (next, has_failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let prove = |to: SyncSender<Told<'a>>| {
        while !has_failed.load(Ordering::Relaxed) {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(&partition) = partitions.get(place) else { break };
            let mut keyed = KeyedRows::default();
            // Who hears it is there until all is told.
            let mut folded = |count| drop(to.send(Told::Folded(count)));
            let outcome = outcome(of, complete, partition, &mut keyed, &mut folded);
            has_failed.fetch_or(outcome.is_err(), Ordering::Relaxed);
            drop(to.send(Told::Done(place, outcome)));
        }
    };
    let mut outcomes: Vec<_> = partitions.iter().map(|_| None).collect();
    thread::scope(|scope| {
        let (to, told) = mpsc::sync_channel(limits::PROVED_TOLD);
        for _ in 0..at_once {
            let (to, prove) = (to.clone(), &prove);
            scope.spawn(move || prove(to));
        }
        drop(to);
        let mut given = 0;
        for told in told {
            match told {
                Told::Folded(count) => (findings.progress)(count),
                Told::Done(place, outcome) => outcomes[place] = Some(outcome),
            }
            // The first failure is that of the first partition that has one: those before it were
            // begun before it.
            while let Some(outcome) = outcomes.get_mut(given).and_then(Option::take) {
                given += 1;
                each(outcome?, findings);
            }
        }
        Ok(())
    })
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
