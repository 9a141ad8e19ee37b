//! The operator of one partition of a statement over windows.

use std::sync::Arc;

use seismic_pipeline::{Entry, EntryError, Operator, apply_common};
use seismic_queue::{Batch, Block, Fingerprint, Message, Offset, Partition, PartitionCommit};

use super::closing::Closing;
use super::open::{Closed, OpenWindows, WindowRow};
use crate::cells;
use crate::definition::Definition;
use crate::definition::timing::{TimingDefinition, WindowDefinition};
use crate::dimension::entry::TableEntry;
use crate::lookup::Lookup;
use crate::output::Record;
use crate::output::reason::Fault;
use crate::plan::Plan;
use crate::state::{State, TimedState};
use crate::timed::clocks::input;
use crate::timed::input::TimedInput;

/// Computes one partition.
#[derive(Debug)]
pub struct WindowOperator {
    definition: Arc<Definition>,
    /// Partition, of so many.
    place: (Partition, u32),
    state: State,
    input: TimedInput,
    open: OpenWindows,
    closing: Closing,
    delivered: Option<Fingerprint>,
}

impl WindowOperator {
    /// An operator that continues from a state, with the bytes behind it in a snapshot; `None`: it
    /// begins.
    ///
    /// # Errors
    /// When a version of a table is not there, or the bytes are damaged.
    pub fn new(
        (definition, timing, window): (Arc<Definition>, &TimingDefinition, &WindowDefinition),
        (plan, lookup): (Plan, Lookup),
        (state, stored): (State, Option<&[u8]>),
        place: (Partition, u32),
        is_proof: bool,
    ) -> Result<Self, String> {
        let mut open = OpenWindows::new(window.clone(), timing.lateness_ms);
        let input = input(&definition, timing);
        // The event time stands behind the columns.
        if stored.is_some_and(|stored| !open.restore(stored, input.width() + 1)) {
            return Err("the rows of its windows are damaged".to_owned());
        }
        let closing = Closing::new(&definition, (plan, lookup), place.0, is_proof);
        let delivered = None;
        let mut operator =
            WindowOperator { definition, place, state, input, open, closing, delivered };
        for (table, hash) in operator.state.tables.clone() {
            operator.take_version(&table, &hash)?;
        }
        let before = operator.state.clone();
        operator.note();
        match operator.state == before {
            true => Ok(operator),
            false => Err("the rows of its windows are not those that it counts".to_owned()),
        }
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
        self.closing.take_version(table, hash)?;
        self.state.tables.insert(table.to_owned(), hash.to_owned());
        Ok(())
    }

    fn take<'m>(&mut self, messages: impl Iterator<Item = Message<'m>>) {
        let mut records = Vec::new();
        for message in messages {
            assert!(message.offset.0 >= self.state.next, "offsets only move forward");
            records.clear();
            self.input.each_record(message.value, &mut |record| records.push(record));
            for (index, bytes) in (0..).zip(&records) {
                let Message { offset, append_ms, key, .. } = message;
                let record = Record { offset, index, append_ms, key, bytes };
                self.state.counts.read += 1;
                match self.admit(&record) {
                    Ok(()) => self.state.counts.waiting += 1,
                    Err(fault) => self.closing.bury(&record, &fault),
                }
            }
            self.state.next = message.offset.next().0;
        }
        self.note();
    }

    /// Puts a record into its window.
    fn admit(&mut self, record: &Record<'_>) -> Result<(), Fault> {
        self.input.read(record, self.place)?;
        let TimedInput { key_text, time_ms, cells, .. } = &mut self.input;
        cells::push(seismic_sql::Cell::Integer(*time_ms), cells);
        let (place, append_ms) = ((record.offset.0, record.index), record.append_ms);
        let row = WindowRow { place, append_ms, cells };
        let closing = &mut self.closing;
        let waiting = &mut self.state.counts.waiting;
        let mut emit = |closed: Closed<'_>| {
            *waiting -= closed.window.rows;
            closing.close(&closed);
        };
        self.open.insert(key_text, *time_ms, row, &mut emit)
    }

    /// Closes windows by `how`, and gives what that says.
    fn close(
        &mut self,
        how: impl FnOnce(&mut OpenWindows, &mut dyn FnMut(Closed<'_>)) -> bool,
    ) -> bool {
        let closing = &mut self.closing;
        let waiting = &mut self.state.counts.waiting;
        let mut emit = |closed: Closed<'_>| {
            *waiting -= closed.window.rows;
            closing.close(&closed);
        };
        let has_changed = how(&mut self.open, &mut emit);
        self.note();
        has_changed
    }

    /// Writes down how it stands.
    fn note(&mut self) {
        let tally = std::mem::take(&mut self.closing.tally);
        self.state.counts.add(&tally);
        let (keys, windows, rows) = self.open.counts();
        self.state.timed = Some(TimedState { keys, windows, rows });
    }
}

impl Operator for WindowOperator {
    fn partition(&self) -> Partition {
        self.place.0
    }

    fn next(&self, _: usize) -> Offset {
        Offset(self.state.next)
    }

    fn apply_batch(&mut self, _: usize, batch: &Batch) {
        self.take(batch.messages());
    }

    fn apply_message(&mut self, _: usize, message: Message<'_>) {
        self.take(std::iter::once(message));
    }

    fn pass(&mut self, _: usize, to: Offset) {
        self.state.next = self.state.next.max(to.0);
    }

    fn gap(&mut self, _: usize, to: Offset) {
        assert!(to.0 >= self.state.next, "offsets only move forward");
        self.state.counts.lost_messages += to.0 - self.state.next;
        self.state.next = to.0;
    }

    fn close_idle(&mut self, _: usize, below: Offset) -> bool {
        self.close(|open, emit| open.close_idle(below.0, emit))
    }

    fn drain(&mut self) -> bool {
        self.close(|open, emit| open.drain(emit))
    }

    fn apply_entry(&mut self, entry: &Entry) -> Result<(), EntryError> {
        let Entry::Own(bytes) = entry else { return apply_common(entry, self) };
        let TableEntry { table, sha256, .. } =
            TableEntry::decode(bytes).map_err(EntryError::Damaged)?;
        self.take_version(&table, &sha256).map_err(EntryError::Damaged)
    }

    fn snapshot(&self, into: &mut Vec<u8>) {
        self.state.encode_with(&self.definition, into, &mut |into| self.open.encode(into));
    }

    fn write_note(&self, into: &mut Vec<u8>) {
        into.clear();
        self.state.encode(&self.definition, self.delivered, into);
    }

    fn set_delivered(&mut self, last: Fingerprint) {
        self.delivered = Some(last);
    }

    fn check_note(&self, note: &[u8]) -> Result<(), (String, String)> {
        if let Some(difference) = self.closing.difference() {
            return Err((difference.clone(), "one answer each time".to_owned()));
        }
        self.state.check_note(note)
    }

    fn is_balanced(&self) -> bool {
        self.state.counts.is_balanced()
    }

    fn failure(&self) -> Option<String> {
        self.closing.failure.clone()
    }

    fn records_read(&self) -> u64 {
        self.state.counts.read
    }

    fn rows(&self) -> Vec<u64> {
        vec![self.state.counts.rows, self.state.counts.dead_letters()]
    }

    fn keys(&self) -> u64 {
        0
    }

    fn open(&self) -> u64 {
        self.open.counts().1
    }

    fn rescaled_to(&self) -> Option<u32> {
        None
    }

    fn alarm(&self) -> Option<String> {
        None
    }

    fn waiting_bytes(&self) -> usize {
        self.closing.bytes()
    }

    fn move_output(&mut self, commit: &mut PartitionCommit) {
        commit.outputs.resize_with(2, Block::default);
        if let [rows, letters, ..] = &mut *commit.outputs {
            self.closing.swap_output(rows, letters);
        }
    }

    fn discard_output(&mut self) {
        self.closing.discard_output();
    }
}
