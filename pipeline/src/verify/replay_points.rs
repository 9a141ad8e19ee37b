//! Where the fold stops between two messages: at the entries of the journal, which it applies, and
//! at the retained snapshots, which its own state must equal.

use std::collections::VecDeque;

use seismic_queue::{CheckpointInfo, JobStore, Kind, Offset, Partition, PartitionView};

use super::difference_reporter::Teller;
use crate::engine::journal::Entry;
use crate::engine::output::Out;
use crate::engine::windows::Engine;
use crate::{Error, Result};

/// Stops in the order in which they happened.
pub(super) struct Stops {
    stops: VecDeque<Stop>,
}

struct Stop {
    at: Offset,
    /// A snapshot stands before the entry of this sequence.
    sequence: u64,
    what: What,
}

enum What {
    Snapshot(CheckpointInfo),
    Entry(Entry),
}

impl Stop {
    fn is_widening(&self) -> bool {
        matches!(self.what, What::Entry(Entry::Widened { .. }))
    }
}

/// Where partitions were added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Widening {
    pub at: Offset,
    pub sequence: u64,
    pub before: u32,
    pub partitions: u32,
}

impl Stops {
    /// The journal and the checkpoints of a view.
    pub fn load(store: &dyn JobStore, partition: Partition, view: &PartitionView) -> Result<Stops> {
        let mut stops = Vec::new();
        for info in &view.checkpoints {
            let (at, sequence) = (info.manifest.position, info.manifest.journal_sequence);
            stops.push(Stop { at, sequence, what: What::Snapshot(info.clone()) });
        }
        for entry in store.journal(partition, view.journal.clone())? {
            let sequence = entry.sequence;
            let decoded = Entry::decode(&entry.bytes).map_err(|source| Error::Entry {
                partition,
                sequence,
                source,
            })?;
            stops.push(Stop { at: entry.at, sequence, what: What::Entry(decoded) });
        }
        // Stable: the snapshots, which were pushed first, stand before the entry.
        stops.sort_by_key(|stop| (stop.at, stop.sequence));
        Ok(Stops { stops: stops.into() })
    }

    /// The journal's entries with their positions.
    pub fn entries(&self) -> impl Iterator<Item = (Offset, &Entry)> {
        self.stops.iter().filter_map(|stop| match &stop.what {
            What::Entry(entry) => Some((stop.at, entry)),
            What::Snapshot(_) => None,
        })
    }

    /// Where reading goes on from `from`, given the journal from `sequence` on: behind the losses
    /// that were accepted there.
    pub fn reach(&self, from: Offset, sequence: u64) -> Offset {
        self.stops.iter().filter(|stop| stop.sequence >= sequence).fold(from, |reached, stop| {
            match stop.what {
                What::Entry(Entry::Gap { to, .. }) if stop.at == reached => to,
                _ => reached,
            }
        })
    }

    /// Forgets what the snapshot of this position and journal sequence has in it.
    pub fn begin_at(&mut self, position: Offset, journal_sequence: u64) {
        self.stops.retain(|stop| {
            stop.at >= position
                && match stop.what {
                    What::Snapshot(_) => stop.sequence > journal_sequence || stop.at > position,
                    What::Entry(_) => stop.sequence >= journal_sequence,
                }
        });
    }

    /// The last place at which partitions were added.
    pub fn last_widening(&self) -> Option<Widening> {
        self.widenings().last()
    }

    /// The next place at which partitions were added: the fold of all partitions must come there first.
    pub fn widening(&self) -> Option<Widening> {
        self.widenings().next()
    }

    fn widenings(&self) -> impl Iterator<Item = Widening> {
        let of = |stop: &Stop| {
            let (at, sequence) = (stop.at, stop.sequence);
            match stop.what {
                What::Entry(Entry::Widened { before, partitions }) => {
                    Some(Widening { at, sequence, before, partitions })
                }
                _ => None,
            }
        };
        self.stops.iter().filter_map(of)
    }

    /// Goes past it.
    pub fn pass_widening(&mut self) {
        self.stops.pop_front_if(|stop| stop.is_widening());
    }

    /// Whether there is a stop at or before `at` that the partition makes alone.
    pub fn is_due(&self, at: Offset) -> bool {
        self.stops.front().is_some_and(|stop| stop.at <= at && !stop.is_widening())
    }

    /// Makes every stop up to `at`, or before the next widening; gives the number of snapshots that the
    /// engine's state equals.
    pub fn make(
        &mut self,
        at: Offset,
        store: &dyn JobStore,
        engine: &mut Engine,
        out: &mut Out,
        teller: &mut Teller<'_>,
    ) -> Result<u64> {
        let partition = engine.partition();
        let mut equal = 0;
        while let Some(stop) = self.stops.pop_front_if(|stop| stop.at <= at && !stop.is_widening())
        {
            engine.pass(stop.at);
            match stop.what {
                What::Entry(entry) => entry.apply(engine, out).map_err(|source| Error::Entry {
                    partition,
                    sequence: stop.sequence,
                    source,
                })?,
                What::Snapshot(info) => equal += compare(&info, store, engine, teller)?,
            }
        }
        Ok(equal)
    }
}

/// 1 when the snapshot is the engine's state.
fn compare(
    info: &CheckpointInfo,
    store: &dyn JobStore,
    engine: &Engine,
    teller: &mut Teller<'_>,
) -> Result<u64> {
    let number = info.manifest.checkpoint;
    let mut state = Vec::new();
    engine.snapshot(&mut state);
    let found = match store.checkpoint(engine.partition(), number) {
        Ok(checkpoint) if checkpoint.state == state => return Ok(1),
        Ok(checkpoint) => format!("{} bytes that differ from it", checkpoint.state.len()),
        // A running job lets go of its oldest checkpoint when it makes a new one.
        Err(seismic_queue::Error::CheckpointMissing { .. }) => return Ok(0),
        Err(error) if error.kind() == Kind::Data => error.to_string(),
        Err(error) => return Err(error.into()),
    };
    let expected = format!("the state at offset {}, {} bytes", engine.position(), state.len());
    teller.checkpoint(number, expected, found);
    Ok(0)
}
