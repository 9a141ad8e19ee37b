//! Where the replay stops between two messages: at journal entries, which it applies, and at
//! retained snapshots, which its state must equal.

use std::collections::VecDeque;

use seismic_queue::{CheckpointInfo, JobStore, Kind, Offset, Partition, PartitionView};

use super::difference_reporter::DifferenceReporter;
use crate::engine::journal::Entry;
use crate::engine::operator::Operator;
use crate::{Error, Result};

/// ReplayPoints in the order in which they happened.
pub(super) struct ReplayPoints {
    points: VecDeque<ReplayPoint>,
}

/// One of them.
pub(super) struct ReplayPoint {
    pub at: Offset,
    /// A snapshot stands before the entry of this sequence.
    pub sequence: u64,
    pub what: Point,
}

/// What happened there.
pub(super) enum Point {
    Snapshot(CheckpointInfo),
    Entry(Entry),
}

impl ReplayPoint {
    fn is_rescale(&self) -> bool {
        matches!(self.what, Point::Entry(Entry::Rescaled { .. }))
    }
}

/// Where partitions were added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rescale {
    pub at: Offset,
    pub sequence: u64,
    pub before: u32,
    pub partitions: u32,
}

impl ReplayPoints {
    /// The journal and the checkpoints of a view.
    pub fn load(
        store: &dyn JobStore,
        partition: Partition,
        view: &PartitionView,
    ) -> Result<ReplayPoints> {
        let mut points = Vec::new();
        for info in &view.checkpoints {
            let at = Offset(info.manifest.positions().map(|offset| offset.0).sum());
            let sequence = info.manifest.journal_sequence;
            points.push(ReplayPoint { at, sequence, what: Point::Snapshot(info.clone()) });
        }
        for entry in store.journal(partition, view.journal.clone())? {
            let sequence = entry.sequence;
            let decoded = Entry::decode(&entry.bytes).map_err(|source| Error::Entry {
                partition,
                sequence,
                source,
            })?;
            points.push(ReplayPoint { at: entry.at, sequence, what: Point::Entry(decoded) });
        }
        // Stable: the snapshots, which were pushed first, stand before the entry.
        points.sort_by_key(|point| (point.at, point.sequence));
        Ok(ReplayPoints { points: points.into() })
    }

    /// The journal's entries with their positions.
    pub fn entries(&self) -> impl Iterator<Item = (Offset, &Entry)> {
        self.points.iter().filter_map(|point| match &point.what {
            Point::Entry(entry) => Some((point.at, entry)),
            Point::Snapshot(_) => None,
        })
    }

    /// Where reading continues from `from`, given the journal from `sequence` on: behind the losses
    /// that were accepted there.
    pub fn reach(&self, from: Offset, sequence: u64) -> Offset {
        self.points.iter().filter(|point| point.sequence >= sequence).fold(
            from,
            |reached, point| match point.what {
                Point::Entry(Entry::Gap { to, .. }) if point.at == reached => to,
                _ => reached,
            },
        )
    }

    /// Forgets what the snapshot of this position and journal sequence has in it.
    pub fn begin_at(&mut self, position: Offset, journal_sequence: u64) {
        self.points.retain(|point| {
            point.at >= position
                && match point.what {
                    Point::Snapshot(_) => point.sequence > journal_sequence || point.at > position,
                    Point::Entry(_) => point.sequence >= journal_sequence,
                }
        });
    }

    /// The last place at which partitions were added.
    pub fn last_rescale(&self) -> Option<Rescale> {
        self.rescales().last()
    }

    /// The next place at which partitions were added: the fold of all partitions must come there
    /// first.
    pub fn rescale(&self) -> Option<Rescale> {
        self.rescales().next()
    }

    fn rescales(&self) -> impl Iterator<Item = Rescale> {
        let of = |point: &ReplayPoint| {
            let (at, sequence) = (point.at, point.sequence);
            match point.what {
                Point::Entry(Entry::Rescaled { before, partitions }) => {
                    Some(Rescale { at, sequence, before, partitions })
                }
                _ => None,
            }
        };
        self.points.iter().filter_map(of)
    }

    /// Goes past it.
    pub fn pass_rescale(&mut self) {
        self.points.pop_front_if(|point| point.is_rescale());
    }

    /// Takes the next point up to `end`, unless all partitions must come there together first.
    pub fn pop(&mut self, end: Offset) -> Option<ReplayPoint> {
        self.points.pop_front_if(|point| point.at <= end && !point.is_rescale())
    }
}

/// 1 when the snapshot is the operator's state.
pub(super) fn compare(
    info: &CheckpointInfo,
    store: &dyn JobStore,
    operator: &dyn Operator,
    reporter: &mut DifferenceReporter<'_>,
) -> Result<u64> {
    let number = info.manifest.checkpoint;
    let mut state = Vec::new();
    operator.snapshot(&mut state);
    let found = match store.checkpoint(operator.partition(), number) {
        Ok(checkpoint) if checkpoint.state == state => return Ok(1),
        Ok(checkpoint) => format!("{} bytes that differ from it", checkpoint.state.len()),
        // A running job deletes its oldest checkpoint when it makes a new one.
        Err(seismic_queue::Error::CheckpointMissing { .. }) => return Ok(0),
        Err(error) if error.kind() == Kind::Data => error.to_string(),
        Err(error) => return Err(error.into()),
    };
    let expected = format!("the state at offset {}, {} bytes", operator.position(), state.len());
    reporter.checkpoint(number, expected, found);
    Ok(0)
}
