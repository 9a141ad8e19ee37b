//! One partition, run again from where it can be to its committed position.

use std::sync::atomic::AtomicBool;

use seismic_queue::{JobStore, Offset, Partition, PartitionView, Queue, View};

use super::expected::Expected;
use super::report::KindProved;
use crate::engine::journal::{Entry, EntryError, beginning};
use crate::engine::kind_note;
use crate::engine::operator::{Operator, OperatorKind};
use crate::runner::replay::input_logs::InputLogs;
use crate::verify::difference_reporter::DifferenceReporter;
use crate::verify::replay_points::{Point, ReplayPoint, ReplayPoints, compare};
use crate::verify::report::Report;
use crate::{Error, Result};

/// What is to be run again.
pub(super) struct Fold<'a> {
    pub queue: &'a dyn Queue,
    pub store: &'a dyn JobStore,
    pub kind: &'a dyn OperatorKind,
    pub view: &'a View,
    pub partition: Partition,
    pub stop: &'a AtomicBool,
}

/// What came of it.
pub(super) struct Folded {
    pub proved: KindProved,
}

impl Fold<'_> {
    /// Runs it; `None` when the partition has not begun.
    pub fn run(
        &self,
        expected: &mut Expected,
        differences: &mut Vec<String>,
    ) -> Result<Option<Folded>> {
        let part = &self.view.partitions[self.partition.0 as usize];
        let Some(progress) = &part.progress else { return Ok(None) };
        let (partition, inputs) = (self.partition, &self.view.job.inputs);
        let unusable = |source| Error::Note { partition, source };
        let note = kind_note::read(self.kind, &progress.note).map_err(unusable)?;
        let semantics = self.kind.differences_of_note(&note).map_err(unusable)?;
        if !semantics.is_empty() {
            return Err(Error::RulesDiffer(semantics));
        }
        let mut points = ReplayPoints::load(self.store, partition, part)?;
        let (mut operator, is_complete) = self.begin(part, &mut points)?;
        let from = positions(&*operator);
        let to: Vec<_> =
            std::iter::once(&progress.next).chain(&progress.further).copied().collect();
        let mut logs = InputLogs::new(self.queue, inputs, partition, self.stop);
        let (mut messages, mut checkpoints) = (0, 0);
        let mut checked = Report::default();
        let mut reporter = DifferenceReporter::new(partition, &mut checked);
        let mut take = |operator: &mut dyn Operator, count: u64| {
            messages += count;
            expected.take(operator, self.kind, differences);
            Ok(())
        };
        let mut is_there = true;
        while let Some(point) = points.pop() {
            if inputs.len() == 1 {
                let at = point.at.min(to[0]);
                is_there &= logs.apply_until((0, at), &mut *operator, &mut take)?;
            }
            match point.what {
                Point::Entry(Entry::Run { input, until }) if input < inputs.len() => {
                    is_there &= logs.apply_until((input, until), &mut *operator, &mut take)?;
                }
                Point::Entry(ref entry) => {
                    self.apply(&point, entry, &mut *operator)?;
                    if let Entry::Gap { input, .. } = entry {
                        logs.reopen(*input);
                    }
                }
                Point::Snapshot(ref info) => {
                    checkpoints += compare(info, self.store, &*operator, &mut reporter)?;
                }
            }
            take(&mut *operator, 0)?;
        }
        if inputs.len() == 1 {
            is_there &= logs.apply_until((0, to[0]), &mut *operator, &mut take)?;
        }
        differences.extend(checked.differences.iter().map(ToString::to_string));
        let reached = positions(&*operator);
        if !is_there || reached != to {
            differences.push(format!(
                "partition {partition} is committed up to {}, and its logs and journal give {}",
                shown(&to),
                shown(&reached)
            ));
        }
        if let Err((ours, noted)) = operator.check_note(&note) {
            differences.push(format!("partition {partition} counted {noted}, not {ours}"));
        }
        let proved =
            KindProved { partition, from, to, is_complete, messages, rows: 0, checkpoints };
        Ok(Some(Folded { proved }))
    }

    fn apply(&self, point: &ReplayPoint, entry: &Entry, operator: &mut dyn Operator) -> Result<()> {
        let (partition, sequence) = (self.partition, point.sequence);
        if operator.position() != point.at && operator.inputs() > 1 {
            let what = format!("it is at position {}, not {}", point.at, operator.position());
            let source = EntryError::Damaged(what);
            return Err(Error::Entry { partition, sequence, source });
        }
        operator.apply_entry(entry).map_err(|source| Error::Entry { partition, sequence, source })
    }

    /// The operator with which it can begin, and whether that is where the job began.
    fn begin(
        &self,
        part: &PartitionView,
        points: &mut ReplayPoints,
    ) -> Result<(Box<dyn Operator>, bool)> {
        let (partition, inputs) = (self.partition, &self.view.job.inputs);
        let mut firsts = Vec::with_capacity(inputs.len());
        for input in inputs {
            firsts.push(self.queue.spans(input)?[partition.0 as usize].first);
        }
        let began = points.entries().find_map(|(at, entry)| match entry {
            Entry::Start { further, .. } => beginning(at, further),
            _ => None,
        });
        let passed = points.last_rescale();
        if let Some(at) = began.filter(|it| passed.is_none() && it.len() == inputs.len()) {
            let is_there = match (&*at, &*firsts) {
                // Behind losses that were accepted before anything was read.
                ([at], [first]) => points.reach(*at, 0) >= *first,
                _ => at.iter().zip(&firsts).all(|(at, first)| at >= first),
            };
            if is_there {
                return Ok((self.kind.start(inputs, partition, &at), true));
            }
        }
        let is_forked = points.entries().any(|(_, entry)| matches!(entry, Entry::Fork { .. }));
        for info in &part.checkpoints {
            let (manifest, sequence) = (&info.manifest, info.manifest.journal_sequence);
            if passed.is_some_and(|rescale| sequence <= rescale.sequence)
                || manifest.positions().zip(&firsts).any(|(at, first)| at < *first)
                || sequence < part.journal.start
            {
                continue;
            }
            let number = manifest.checkpoint;
            let checkpoint = match self.store.checkpoint(partition, number) {
                Ok(checkpoint) => checkpoint,
                Err(error) => {
                    tracing::warn!("{error}; a newer checkpoint is tried");
                    continue;
                }
            };
            let operator = self
                .kind
                .restore(&checkpoint.state, inputs, partition)
                .map_err(|source| Error::Snapshot { partition, number, source })?;
            points.begin_at(operator.position(), sequence);
            return Ok((operator, is_forked && number == 1));
        }
        let first = firsts.into_iter().next().unwrap_or_default();
        Err(Error::NothingToProve { partition, first })
    }
}

fn positions(operator: &dyn Operator) -> Vec<Offset> {
    (0..operator.inputs()).map(|input| operator.next(input)).collect()
}

fn shown(offsets: &[Offset]) -> String {
    offsets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
