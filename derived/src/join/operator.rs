//! The operator of one partition of a join.

use std::sync::Arc;

use seismic_pipeline::{Entry, EntryError, Operator, apply_common};
use seismic_queue::{Batch, Block, Message, Offset, Partition, PartitionCommit, Topic};

use super::buffers::Buffers;
use super::entry::HoldEntry;
use super::limits::JoinLimits;
use super::pairs::Pairs;
use super::side::{RowPosition, Waiting};
use crate::definition::join::JoinDefinition;
use crate::definition::{Definition, InputDefinition};
use crate::dimension::entry::TableEntry;
use crate::limits;
use crate::lookup::Lookup;
use crate::output::Record;
use crate::output::reason::Fault;
use crate::plan::Plan;
use crate::state::{Counts, JoinState, State};
use crate::timed::input::TimedInput;

/// Computes one partition of a join.
#[derive(Debug)]
pub struct JoinOperator {
    definition: Arc<Definition>,
    partition: Partition,
    partitions: u32,
    state: State,
    next: [u64; 2],
    sides: [TimedInput; 2],
    names: [String; 2],
    buffers: Buffers,
    pairs: Pairs,
    limits: JoinLimits,
    failure: Option<String>,
}

/// What an operator is made with.
#[derive(Clone, Copy, Debug)]
pub struct Making {
    /// Whether everything is computed twice, with other cuts.
    pub is_proof: bool,
    /// How much may wait.
    pub limits: JoinLimits,
}

impl JoinOperator {
    /// An operator that continues from a state, with the bytes behind it in a snapshot; `None`: it
    /// begins.
    ///
    /// # Errors
    /// When a version of a table is not there, or the bytes are damaged.
    pub fn new(
        (definition, join): (Arc<Definition>, &JoinDefinition),
        (plan, lookup): (Plan, Lookup),
        (state, buffers): (State, Option<&[u8]>),
        (inputs, partition): (&[Topic], Partition),
        making: Making,
    ) -> Result<Self, String> {
        let side = |input: &InputDefinition, place: usize| {
            let time = join.time_of(place, input);
            TimedInput::new(input, Some(&join.key[place]), Some(&time), join.max_ahead_ms)
        };
        let sides = [side(&definition.input, 0), side(&join.right, 1)];
        let widths = [sides[0].width(), sides[1].width()];
        let damaged = || "the rows that wait are damaged".to_owned();
        let buffers = match buffers {
            None => Buffers::new(join.clone()),
            Some(bytes) => Buffers::decode(join.clone(), widths, bytes).ok_or_else(damaged)?,
        };
        let of_join = state.join.as_ref().ok_or("it is the state of no join")?;
        let mut operator = JoinOperator {
            partition,
            partitions: inputs.first().map_or(1, |topic| topic.partitions),
            next: [state.next, of_join.next],
            names: [definition.input.name.clone(), join.right.name.clone()],
            pairs: Pairs::new(&definition, (plan, lookup), (partition, widths[0]), making.is_proof),
            limits: making.limits,
            failure: None,
            definition,
            state,
            sides,
            buffers,
        };
        for (table, hash) in operator.state.tables.clone() {
            operator.take_version(&table, &hash)?;
        }
        let stored = operator.state.clone();
        operator.note();
        if operator.state == stored { Ok(operator) } else { Err(damaged()) }
    }

    /// What it computes.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Its state.
    pub fn state(&self) -> &State {
        &self.state
    }

    fn take_version(&mut self, table: &str, hash: &str) -> Result<(), String> {
        self.pairs.take_version(table, hash)?;
        self.state.tables.insert(table.to_owned(), hash.to_owned());
        Ok(())
    }

    /// Whether a side is to be held, or no more, given how much of it waits.
    pub fn holds(&self) -> Option<HoldEntry> {
        let is_full = [0, 1].map(|side| self.buffers.exceeds(side, self.limits, 1));
        let held = self.buffers.held;
        let entry = |input: usize, held: bool| Some(HoldEntry { input, held });
        for side in [0, 1] {
            // What the other one waits for may be on the side that is held.
            if held[side] && (self.buffers.has_room(side, self.limits) || is_full[1 - side]) {
                return entry(side, false);
            }
        }
        let full = is_full.iter().position(|is_full| *is_full)?;
        let is_free = !is_full[1 - full] && !held[0] && !held[1];
        if is_free { entry(full, true) } else { None }
    }

    fn take<'m>(&mut self, side: usize, messages: impl Iterator<Item = Message<'m>>) {
        let mut records = Vec::new();
        for message in messages {
            assert!(message.offset.0 >= self.next[side], "offsets only move forward");
            records.clear();
            self.sides[side].each_record(message.value, &mut |record| records.push(record));
            for (index, bytes) in (0..).zip(&records) {
                let Message { offset, append_ms, key, .. } = message;
                let record = Record { offset, index, append_ms, key, bytes };
                self.state.counts.read += 1;
                if let Err(fault) = self.admit(side, &record) {
                    self.pairs.bury(side, &record, &fault);
                }
            }
            self.next[side] = message.offset.next().0;
        }
        self.settle();
    }

    /// Joins a record, and keeps it.
    fn admit(&mut self, side: usize, record: &Record<'_>) -> Result<(), Fault> {
        let input = &mut self.sides[side];
        input.read(record, (self.partition, self.partitions))?;
        let place = RowPosition { offset: record.offset.0, index: record.index };
        let cells = input.cells.as_slice().into();
        let row = Waiting { append_ms: record.append_ms, is_joined: false, cells };
        let (pairs, mut mates) = (&mut self.pairs, 0);
        let mut emit = |found: super::buffers::Found<'_>| {
            mates += usize::from(found.right.is_some());
            pairs.push(found);
        };
        let of = ((side, &*input.key_text), (input.time_ms, place));
        self.buffers.insert(of.0, of.1, row, (&mut self.state.counts, &mut emit))?;
        if mates > limits::JOIN_MATES && self.failure.is_none() {
            let (partition, most) = (self.partition, limits::JOIN_MATES);
            let (name, offset) = (&self.names[side], record.offset);
            self.failure = Some(format!(
                "record {} of message {partition}/{offset} of {name} is joined with more than {most} \
                 rows: a key has more of them within the bound than this is for; narrow `within`",
                record.index
            ));
        }
        Ok(())
    }

    /// Runs the statement over what waits for it, and writes down how it stands.
    fn settle(&mut self) {
        self.pairs.settle();
        self.note();
        if self.failure.is_none() {
            self.failure.clone_from(&self.pairs.failure);
        }
        for side in [0, 1] {
            if self.buffers.exceeds(side, self.limits, 2) && self.failure.is_none() {
                self.failure = Some(format!("{}; {REMEDY}", self.fullness(side)));
            }
        }
    }

    fn note(&mut self) {
        let tally = std::mem::take(&mut self.pairs.tally);
        self.state.counts.add(&tally);
        self.state.next = self.next[0];
        self.state.join = Some(JoinState {
            next: self.next[1],
            keys: self.buffers.keys(),
            rows: self.buffers.rows(),
            held: self.buffers.held,
        });
    }

    fn fullness(&self, side: usize) -> String {
        let (rows, partition) = (self.buffers.rows()[side], self.partition);
        let (name, other) = (&self.names[side], &self.names[1 - side]);
        format!("{rows} rows of {name} in partition {partition} wait for {other}, as many as may")
    }

    fn counts(&self) -> &Counts {
        &self.state.counts
    }
}

/// What to do where too much waits.
const REMEDY: &str =
    "narrow `within` and `lateness` of [join], or give both topics more partitions";

impl Operator for JoinOperator {
    fn partition(&self) -> Partition {
        self.partition
    }

    fn inputs(&self) -> usize {
        2
    }

    fn next(&self, input: usize) -> Offset {
        Offset(self.next[input])
    }

    fn apply_batch(&mut self, input: usize, batch: &Batch) {
        self.take(input, batch.messages());
    }

    fn apply_message(&mut self, input: usize, message: Message<'_>) {
        self.take(input, std::iter::once(message));
    }

    fn pass(&mut self, input: usize, to: Offset) {
        self.next[input] = self.next[input].max(to.0);
        self.note();
    }

    fn gap(&mut self, input: usize, to: Offset) {
        assert!(to.0 >= self.next[input], "offsets only move forward");
        self.state.counts.lost_messages += to.0 - self.next[input];
        self.next[input] = to.0;
        self.note();
    }

    fn is_held(&self, input: usize) -> bool {
        self.buffers.held.get(input).copied().unwrap_or(false)
    }

    fn close_idle(&mut self, input: usize, below: Offset) -> bool {
        let pairs = &mut self.pairs;
        let mut emit = |found: super::buffers::Found<'_>| pairs.push(found);
        let of = (&mut self.state.counts, &mut emit as super::buffers::Emit<'_>);
        let has_changed = self.buffers.close_idle((input, below.0), of);
        self.settle();
        has_changed
    }

    fn drain(&mut self) -> bool {
        let pairs = &mut self.pairs;
        let mut emit = |found: super::buffers::Found<'_>| pairs.push(found);
        let has_waited = self.buffers.drain(&mut self.state.counts, &mut emit);
        self.settle();
        has_waited
    }

    fn apply_entry(&mut self, entry: &Entry) -> Result<(), EntryError> {
        let Entry::Own(bytes) = entry else { return apply_common(entry, self) };
        if let Some(HoldEntry { input, held }) = HoldEntry::decode(bytes) {
            self.buffers.held[input] = held;
            self.note();
            return Ok(());
        }
        let TableEntry { table, sha256, .. } =
            TableEntry::decode(bytes).map_err(EntryError::Damaged)?;
        self.take_version(&table, &sha256).map_err(EntryError::Damaged)
    }

    fn snapshot(&self, into: &mut Vec<u8>) {
        self.state.encode_with(&self.definition, into, &mut |into| self.buffers.encode(into));
    }

    fn write_note(&self, into: &mut Vec<u8>) {
        into.clear();
        self.state.encode(&self.definition, None, into);
    }

    fn check_note(&self, note: &[u8]) -> Result<(), (String, String)> {
        if let Some(difference) = self.pairs.difference() {
            let taken = "the statement was taken for row by row".to_owned();
            return Err((difference.clone(), taken));
        }
        self.state.check_note(note)
    }

    fn is_balanced(&self) -> bool {
        self.counts().is_balanced()
    }

    fn failure(&self) -> Option<String> {
        self.failure.clone()
    }

    fn records_read(&self) -> u64 {
        self.counts().read
    }

    fn rows(&self) -> Vec<u64> {
        vec![self.counts().rows, self.counts().dead_letters()]
    }

    fn keys(&self) -> u64 {
        0
    }

    fn open(&self) -> u64 {
        self.counts().waiting
    }

    fn rescaled_to(&self) -> Option<u32> {
        None
    }

    fn alarm(&self) -> Option<String> {
        let side = self.buffers.held.iter().position(|held| *held)?;
        let (name, other) = (&self.names[side], &self.names[1 - side]);
        Some(format!(
            "{}: {name} is read no further until {other} has come as far, or is idle there",
            self.fullness(side)
        ))
    }

    fn waiting_bytes(&self) -> usize {
        self.pairs.bytes()
    }

    fn move_output(&mut self, commit: &mut PartitionCommit) {
        commit.outputs.resize_with(2, Block::default);
        if let [rows, letters, ..] = &mut *commit.outputs {
            self.pairs.swap_output(rows, letters);
        }
    }

    fn discard_output(&mut self) {
        self.pairs.discard_output();
    }
}
