//! Where the proof of a partition can start: at the start of the job, or, if the head of a log or
//! of the journal is gone, at the oldest checkpoint from which the logs are complete.

use seismic_queue::{Offset, Partition, PartitionView};

use super::proof_of::ProofOf;
use super::replay_points::{ReplayPoints, Rescale};
use crate::engine::journal::{Entry, beginning};
use crate::engine::operator::{Operator, OperatorKind};
use crate::{Error, Result};

/// Where it begins.
pub(super) struct Beginning {
    pub operator: Box<dyn Operator>,
    /// Position at which the job began; `None` where the journal no longer says.
    pub began: Option<Offset>,
    /// The entry that says so when the job began with the state of another one.
    pub fork: Option<Entry>,
    /// What the log of the first input begins with now.
    pub first: Offset,
}

impl Beginning {
    /// Finds it; with `after_rescales`, at the oldest checkpoint since partitions were added last.
    pub fn find(
        (of, kind): (ProofOf<'_>, &dyn OperatorKind),
        (partition, view): (Partition, &PartitionView),
        points: &mut ReplayPoints,
        after_rescales: bool,
    ) -> Result<Self> {
        let inputs = &of.view.job.inputs;
        let mut firsts = Vec::with_capacity(inputs.len());
        for input in inputs {
            firsts.push(of.queue.spans(input)?[partition.0 as usize].first);
        }
        let first = firsts.first().copied().unwrap_or_default();
        let begun = points.entries().find_map(|(at, entry)| match entry {
            Entry::Start { further, .. } => Some((at, beginning(at, further), None)),
            Entry::Fork { .. } => Some((at, None, Some(entry.clone()))),
            _ => None,
        });
        let (began, start, fork) = match begun {
            Some((at, start, fork)) => (Some(at), start, fork),
            None => (None, None, None),
        };
        let passed = points.last_rescale().filter(|_| after_rescales);
        let start = start.filter(|at| passed.is_none() && at.len() == inputs.len());
        let operator = match start.filter(|at| reaches(points, at, 0, &firsts)) {
            Some(at) => kind.start(inputs, partition, &at),
            None => from_checkpoint((of, kind), (partition, view), (&firsts, passed), points)?,
        };
        Ok(Beginning { operator, began, fork, first })
    }
}

/// Whether the logs have what comes after these offsets, given the journal from `sequence` on.
fn reaches(points: &ReplayPoints, at: &[Offset], sequence: u64, firsts: &[Offset]) -> bool {
    match (at, firsts) {
        // Behind losses that were accepted before anything was read.
        ([at], [first]) => points.reach(*at, sequence) >= *first,
        _ => at.iter().zip(firsts).all(|(at, first)| at >= first),
    }
}

/// The operator of the oldest checkpoint that the logs still reach, made after the rescale that is
/// to be `passed`.
fn from_checkpoint(
    (of, kind): (ProofOf<'_>, &dyn OperatorKind),
    (partition, view): (Partition, &PartitionView),
    (firsts, passed): (&[Offset], Option<Rescale>),
    points: &mut ReplayPoints,
) -> Result<Box<dyn Operator>> {
    for info in &view.checkpoints {
        let (manifest, sequence) = (&info.manifest, info.manifest.journal_sequence);
        let at: Vec<_> = manifest.positions().collect();
        if passed.is_some_and(|rescale| sequence <= rescale.sequence)
            || sequence < view.journal.start
            || !reaches(points, &at, sequence, firsts)
        {
            continue;
        }
        let number = manifest.checkpoint;
        let checkpoint = match of.store.checkpoint(partition, number) {
            Ok(checkpoint) => checkpoint,
            Err(error) => {
                tracing::warn!("{error}; a newer checkpoint is tried");
                continue;
            }
        };
        let operator = kind
            .restore(&checkpoint.state, &of.view.job.inputs, partition)
            .map_err(|source| Error::Snapshot { partition, number, source })?;
        points.begin_at(operator.position(), sequence);
        return Ok(operator);
    }
    let first = firsts.first().copied().unwrap_or_default();
    Err(Error::NothingToProve { partition, first })
}
