//! Windows as a kind of job: [`Rules`] make operators, each an [`Engine`] with its output.

use std::any::Any;

use seismic_proto::{Message as _, SeismicAggRecord, state};
use seismic_queue::{
    Batch, Block, Fingerprint, Job, Message, Offset, Partition, PartitionCommit, Topic,
};

use crate::engine::clock_step::ClockStep;
use crate::engine::journal::{Entry, EntryError, FIRST_KIND};
use crate::engine::loss_reader::LossReader;
use crate::engine::operator::{Operator, OperatorKind, apply_common};
use crate::engine::redistribute_error::RedistributeError;
use crate::engine::row_reader::RowReader;
use crate::engine::snapshot_error::SnapshotError;
use crate::engine::state_reader::StateReader;
use crate::engine::windows::counters::Counters;
use crate::engine::windows::engine::Engine;
use crate::engine::windows::note::Note;
use crate::engine::windows::output::{Output, ROLLUP};
use crate::engine::windows::readers::loss_reader::WindowLosses;
use crate::engine::windows::readers::row_reader::WindowRows;
use crate::engine::windows::readers::state_reader::WindowState;
use crate::engine::windows::redistribute::redistribute;
use crate::engine::windows::reject_reason::RejectReason;
use crate::engine::windows::rules::{Rules, TimeMode};

/// An engine and the output that waits for its commit.
#[derive(Debug)]
pub struct WindowsOperator {
    /// The state.
    pub engine: Engine,
    /// What it emitted.
    pub out: Output,
    /// The last message that had its effect, as far as it is known.
    delivered: Option<Fingerprint>,
}

impl WindowsOperator {
    /// An operator that continues from the state of `engine`.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        WindowsOperator { engine, out: Output::default(), delivered: None }
    }
}

impl OperatorKind for Rules {
    fn name(&self) -> &'static str {
        FIRST_KIND
    }

    fn semantics(&self) -> Vec<u8> {
        state::Rules::from(self).encode_to_vec()
    }

    fn faults(&self, job: &Job) -> Vec<String> {
        let mut faults: Vec<String> = Rules::faults(self).iter().map(ToString::to_string).collect();
        let (have, wanted) = (job.topics_of(ROLLUP).count(), self.rollups_ms.len());
        if have != wanted {
            faults.push(format!("the job has {have} topics for {wanted} roll-ups"));
        }
        if job.inputs.len() != 1 {
            faults.push(format!("windows are made from one input, not {}", job.inputs.len()));
        }
        faults
    }

    fn needs_append_times(&self) -> bool {
        self.time == TimeMode::Ingest
    }

    fn start(&self, inputs: &[Topic], partition: Partition, at: &[Offset]) -> Box<dyn Operator> {
        let engine = Engine::new(self.clone(), &inputs[0].name, partition, at[0]);
        Box::new(WindowsOperator::new(engine))
    }

    fn restore(
        &self,
        state: &[u8],
        inputs: &[Topic],
        partition: Partition,
    ) -> Result<Box<dyn Operator>, SnapshotError> {
        Ok(Box::new(WindowsOperator::new(Engine::restore(state, &inputs[0].name, partition)?)))
    }

    fn differences_of_note(&self, note: &[u8]) -> Result<Vec<String>, EntryError> {
        Ok(differences(self, &Note::decode(note)?.rules))
    }

    fn differences_of(&self, operator: &dyn Operator) -> Vec<String> {
        let operator: &dyn Any = operator;
        match operator.downcast_ref::<WindowsOperator>() {
            Some(windows) => differences(self, windows.engine.rules()),
            None => vec!["kind of job".to_owned()],
        }
    }

    fn of_note(&self, note: &[u8]) -> Result<Option<Box<dyn OperatorKind>>, EntryError> {
        Ok(Some(Box::new(Note::decode(note)?.rules)))
    }

    fn rows_of_note(&self, note: &[u8]) -> Result<Vec<u64>, EntryError> {
        Ok(rows(&Note::decode(note)?.counters))
    }

    fn delivered_of_note(&self, note: &[u8]) -> Result<Option<Fingerprint>, EntryError> {
        Ok(Note::decode(note)?.delivered)
    }

    fn event_ms_of(&self, row: &[u8]) -> Option<i64> {
        let row = SeismicAggRecord::decode(row).ok()?;
        Some(row.last_sample_ts).filter(|_| row.record_count > 0)
    }

    fn lateness_ms(&self) -> i64 {
        self.lateness_ms
    }

    fn loss_reader(&self) -> Option<&'static dyn LossReader> {
        Some(&WindowLosses)
    }

    fn state_reader(&self) -> Option<&'static dyn StateReader> {
        Some(&WindowState)
    }

    fn row_reader(&self) -> Option<&'static dyn RowReader> {
        Some(&WindowRows)
    }

    fn redistribute(
        &self,
        operators: Vec<&mut dyn Operator>,
        before: u32,
    ) -> Result<(), RedistributeError> {
        let mut engines = Vec::with_capacity(operators.len());
        for operator in operators {
            let operator: &mut dyn Any = operator;
            let windows = operator.downcast_mut::<WindowsOperator>();
            engines.push(&mut windows.expect("operators of a job are of its kind").engine);
        }
        redistribute(&mut engines, before)
    }
}

/// The differences between rules, none where they are equal.
fn differences(ours: &Rules, theirs: &Rules) -> Vec<String> {
    if ours == theirs { Vec::new() } else { ours.differences(theirs) }
}

/// Rows of each output: windows, dead letters, and each roll-up.
fn rows(counters: &Counters) -> Vec<u64> {
    let dead_letters = counters.late() + counters.rejected();
    let rollups = counters.rollups.iter().map(|rollup| rollup.rows);
    [counters.windows, dead_letters].into_iter().chain(rollups).collect()
}

impl Operator for WindowsOperator {
    fn partition(&self) -> Partition {
        self.engine.partition()
    }

    fn next(&self, _: usize) -> Offset {
        self.engine.position()
    }

    fn apply_batch(&mut self, _: usize, batch: &Batch) {
        batch.messages().for_each(|message| self.engine.step(message, &mut self.out));
    }

    fn apply_message(&mut self, _: usize, message: Message<'_>) {
        self.engine.step(message, &mut self.out);
    }

    fn pass(&mut self, _: usize, to: Offset) {
        self.engine.pass(to);
    }

    fn gap(&mut self, _: usize, to: Offset) {
        self.engine.gap(to);
    }

    fn close_idle(&mut self, _: usize, below: Offset) -> bool {
        self.engine.close_idle(below, &mut self.out)
    }

    fn drain(&mut self) -> bool {
        self.engine.end(&mut self.out)
    }

    fn apply_entry(&mut self, entry: &Entry) -> Result<(), EntryError> {
        apply_common(entry, self)
    }

    fn snapshot(&self, into: &mut Vec<u8>) {
        self.engine.snapshot(into);
    }

    fn write_note(&self, into: &mut Vec<u8>) {
        Note::write(&self.engine, self.delivered, into);
    }

    fn set_delivered(&mut self, last: Fingerprint) {
        self.delivered = Some(last);
    }

    fn check_note(&self, note: &[u8]) -> Result<(), (String, String)> {
        let ours = self.engine.counters();
        match Note::decode(note) {
            Ok(note) if note.counters == *ours => Ok(()),
            Ok(note) => Err((format!("{ours:?}"), format!("{:?}", note.counters))),
            Err(error) => Err((format!("{ours:?}"), error.to_string())),
        }
    }

    fn is_balanced(&self) -> bool {
        self.engine.counters().is_balanced()
    }

    fn records_read(&self) -> u64 {
        self.engine.counters().read
    }

    fn rows(&self) -> Vec<u64> {
        rows(self.engine.counters())
    }

    fn keys(&self) -> u64 {
        self.engine.sensors()
    }

    fn keys_from(&self, from: u64, see: &mut dyn FnMut(&str)) {
        let index = &self.engine.sensor_index;
        (from as usize..index.len()).for_each(|number| see(index.id(number)));
    }

    fn event_times_of(&self, key: &str) -> Option<(i64, i64)> {
        let number = self.engine.sensor_index.number_of(key)?;
        let clock_ms = self.engine.sensors[number].clock_ms();
        Some((self.engine.sensor_index.since_ms(number).min(clock_ms), clock_ms))
    }

    fn open_records_of(&self, key: &str) -> u64 {
        let number = self.engine.sensor_index.number_of(key);
        let windows = number.into_iter().flat_map(|it| self.engine.sensors[it].all_windows());
        let held = number.into_iter().flat_map(|it| self.engine.sensors[it].held()).count();
        windows.map(|window| window.count()).sum::<u64>() + held as u64
    }

    fn take_steps(&mut self) -> (Vec<ClockStep>, u64) {
        std::mem::take(&mut self.out.steps)
    }

    fn open(&self) -> u64 {
        self.engine.open_windows()
    }

    fn rescaled_to(&self) -> Option<u32> {
        self.engine.partitions
    }

    fn alarm(&self) -> Option<String> {
        let rejected = self.engine.counters().dead(RejectReason::SensorLimit);
        (rejected > 0).then(|| {
            format!(
                "partition {} has as many sensors as its limit allows: {rejected} records of \
                 further sensors are dead letters (sensor_limit), and more will follow. Find the \
                 publisher of unknown sensor ids, or start a new group with a higher limit",
                self.engine.partition()
            )
        })
    }

    fn waiting_bytes(&self) -> usize {
        self.out.size()
    }

    fn move_output(&mut self, commit: &mut PartitionCommit) {
        for (place, block) in self.out.blocks_mut().enumerate() {
            if commit.outputs.len() <= place {
                commit.outputs.push(Block::default());
            }
            std::mem::swap(&mut commit.outputs[place], block);
        }
    }

    fn discard_output(&mut self) {
        self.out.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_cannot_have_happened_is_refused() {
        let engine = Engine::new(Rules::default(), "t", Partition(0), Offset(5));
        let mut windows = WindowsOperator::new(engine);
        let idle = Entry::Idle { input: 0, below: Offset(6), idle_timeout_ms: 1 };
        assert!(windows.apply_entry(&idle).is_err());
        let gap = Entry::Gap { input: 0, from: Offset(0), to: Offset(4) };
        assert!(windows.apply_entry(&gap).is_err());
    }
}
