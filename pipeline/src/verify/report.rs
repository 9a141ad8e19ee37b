//! The result of a proof: differences, and what could be proved.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use compact_str::CompactString;
use seismic_queue::{Offset, Partition};

use super::key_partitions::KeyPartitions;
use crate::engine::journal::Entry;
use crate::limits;

/// One difference between what the log says and what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Partition of the input, and so of the result topic.
    pub partition: Partition,
    /// What kind.
    pub kind: DifferenceKind,
    /// Sensor and window start, offset and index, or a counter's name.
    pub key: String,
    /// What the fold of the log gives.
    pub expected: Option<String>,
    /// What is there.
    pub found: Option<String>,
    /// Where it is in the topic that was compared.
    pub offset: Option<Offset>,
}

/// Kinds of differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DifferenceKind {
    /// A row that should be there is not.
    RowMissing,
    /// The row of a sensor's window is there more than once.
    RowDoubled,
    /// A row that the log does not give.
    RowUnexpected,
    /// A row with another content.
    RowDiffers,
    /// Another partition has a row of the same sensor, window and pane.
    RowSpread,
    /// A dead letter that should be there is not.
    DeadLetterMissing,
    /// A dead letter is there more than once.
    DeadLetterDoubled,
    /// A dead letter that the log does not give.
    DeadLetterUnexpected,
    /// A dead letter with another content.
    DeadLetterDiffers,
    /// A retained checkpoint is damaged or is not the state at its position.
    CheckpointDiffers,
    /// Windows were closed by idle although their sensors cannot have been silent that long.
    IdleDishonest,
    /// Counters that do not add up or are not those of the fold.
    Count,
}

impl DifferenceKind {
    /// Its name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            DifferenceKind::RowMissing => "row_missing",
            DifferenceKind::RowDoubled => "row_doubled",
            DifferenceKind::RowUnexpected => "row_unexpected",
            DifferenceKind::RowDiffers => "row_differs",
            DifferenceKind::RowSpread => "row_spread",
            DifferenceKind::DeadLetterMissing => "dead_letter_missing",
            DifferenceKind::DeadLetterDoubled => "dead_letter_doubled",
            DifferenceKind::DeadLetterUnexpected => "dead_letter_unexpected",
            DifferenceKind::DeadLetterDiffers => "dead_letter_differs",
            DifferenceKind::CheckpointDiffers => "checkpoint_differs",
            DifferenceKind::IdleDishonest => "idle_dishonest",
            DifferenceKind::Count => "count",
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in partition {}: {}", self.kind.name(), self.partition, self.key)?;
        if let Some(offset) = self.offset {
            write!(f, " at offset {offset}")?;
        }
        if let Some(expected) = &self.expected {
            write!(f, "\n    expected {expected}")?;
        }
        if let Some(found) = &self.found {
            write!(f, "\n    found    {found}")?;
        }
        Ok(())
    }
}

/// What was proved of one partition.
#[derive(Clone, Debug)]
pub struct Proved {
    /// The partition.
    pub partition: Partition,
    /// Offsets of the first input that were folded: from here ...
    pub from: Offset,
    /// ... up to here, the committed position.
    pub to: Offset,
    /// The same of each further input.
    pub further: Vec<(Offset, Offset)>,
    /// The first offset that the log of the first input still has.
    pub first: Offset,
    /// The position, over all inputs, at which the job began.
    pub began: Option<Offset>,
    /// [`Entry::Fork`](crate::engine::journal::Entry::Fork) when it began with the state of another
    /// one.
    pub fork: Option<Entry>,
    /// Messages that were applied again.
    pub messages: u64,
    /// Rows of each output that were compared, in the order of the job's outputs.
    pub rows: Vec<u64>,
    /// Retained snapshots that are the state at their position.
    pub checkpoints: u64,
    /// Idle closes that append times show to be honest.
    pub idle_proved: u64,
    /// Idle closes of which append times say nothing.
    pub idle_unproved: u64,
    /// Offsets that were gone before they were read; the loss was accepted.
    pub lost: Vec<LostRange>,
    /// What the kind of the job noted at the committed position.
    pub note: Vec<u8>,
}

/// Offsets of an input whose loss was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostRange {
    /// Place of the input.
    pub input: usize,
    /// The first of them ...
    pub from: Offset,
    /// ... and the first after them.
    pub to: Offset,
}

impl Proved {
    /// What is gone of what came before the range that was proved: where the log has everything, it
    /// is the journal.
    #[must_use]
    pub fn gone(&self) -> &'static str {
        if self.began.is_none() && self.first == Offset(0) { "journal" } else { "log" }
    }

    /// Whether the fold began where the job did, so that nothing is left to belief.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let further: u64 = self.further.iter().map(|(from, _)| from.0).sum();
        self.began.is_some_and(|began| self.from.0 + further <= began.0)
    }

    /// Offsets of an input that were folded.
    #[must_use]
    pub fn range(&self, input: usize) -> Option<(Offset, Offset)> {
        match input {
            0 => Some((self.from, self.to)),
            _ => self.further.get(input - 1).copied(),
        }
    }
}

/// Rows of a sensor that several partitions have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpreadRows {
    /// The partitions.
    pub partitions: BTreeSet<Partition>,
    /// Windows that have a row in more than one of them, counted for each further one.
    pub windows: u64,
    /// The same with the spans of roll-ups.
    pub rows: u64,
}

/// What a proof says.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Each partition that has progress.
    pub partitions: Vec<Proved>,
    /// The first differences of each partition, at most [`Report::SHOWN`] each.
    pub differences: Vec<Difference>,
    /// All differences.
    pub total: u64,
    /// Sensors with rows of the same window in several partitions, at most
    /// [`limits::SPREAD_NAMED`].
    pub spread: BTreeMap<String, SpreadRows>,
    /// How many there are.
    pub spread_total: u64,
    /// Sensors with rows in several partitions, but never of the same window; as many at most.
    pub moved: BTreeMap<String, SpreadRows>,
    /// How many there are.
    pub moved_total: u64,
    /// Keys of the rows found, of the partitions that were added.
    pub(super) keys: KeyPartitions,
    /// Those of a partition that is still to be added.
    pub(super) found_keys: Vec<(CompactString, Partition)>,
}

impl Report {
    /// Differences kept per partition; all are counted.
    pub const SHOWN: usize = 10;

    /// Adds what was found in a partition.
    pub(super) fn add(&mut self, partition: Report) {
        let Report { partitions, differences, total, found_keys, .. } = partition;
        self.partitions.extend(partitions);
        self.differences.extend(differences);
        self.total += total;
        for (key, partition) in found_keys {
            self.keys.see(key, partition);
        }
    }

    /// Takes what was found of sensors that have rows in several partitions.
    pub(super) fn set_spread(&mut self, of_sensors: BTreeMap<String, SpreadRows>) {
        for (sensor, rows) in of_sensors {
            let (named, total) = match (rows.rows > 0, rows.partitions.len() > 1) {
                (true, _) => (&mut self.spread, &mut self.spread_total),
                (false, true) => (&mut self.moved, &mut self.moved_total),
                (false, false) => continue,
            };
            *total += 1;
            if named.len() < limits::SPREAD_NAMED {
                named.insert(sensor, rows);
            }
        }
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.total == 0
    }

    /// Whether every partition was folded from the job's beginning.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.partitions.iter().all(Proved::is_complete)
    }
}
