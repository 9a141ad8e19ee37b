//! Windows on their way through the statement, and what is written of them, in order.

use std::fmt;
use std::sync::Arc;

use seismic_queue::{Block, Offset, Partition};
use seismic_sql::{Batch, Cell};
use serde_json::{Map, Value};

use super::open::{Closed, WindowRow};
use crate::cells;
use crate::definition::Definition;
use crate::input::columns;
use crate::limits;
use crate::lookup::{Found, Lookup};
use crate::operator::words;
use crate::output::json_row;
use crate::output::reason::{Fault, Reason};
use crate::output::{DeadLetters, Record};
use crate::plan::{Answers, Plan};
use crate::state::Counts;
use crate::timed::clocks::Shown;

/// Runs the statement over windows, and has the output that waits for a commit.
#[derive(Debug)]
pub struct Closing {
    plan: Plan,
    lookup: Lookup,
    partition: Partition,
    /// Names of the columns, also those that only a statement sees.
    columns: Vec<String>,
    out: Block,
    letters: DeadLetters,
    answers: Answers,
    end: String,
    /// Where records went since this was taken.
    pub tally: Counts,
    /// Where everything is computed twice: what differed.
    proof: Option<Option<String>>,
    pub failure: Option<String>,
}

/// A window in words.
struct Name<'a> {
    key: &'a str,
    start_ms: i64,
    end_ms: i64,
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "window [{}, {}){}", self.start_ms, self.end_ms, Shown(self.key))
    }
}

impl Closing {
    /// Of a partition.
    pub fn new(
        definition: &Arc<Definition>,
        (plan, lookup): (Plan, Lookup),
        partition: Partition,
        is_proof: bool,
    ) -> Self {
        Closing {
            plan,
            lookup,
            partition,
            columns: columns(definition).into_iter().map(|column| column.name).collect(),
            out: Block::default(),
            letters: DeadLetters::new(&definition.input.topic, partition.0),
            answers: Answers::default(),
            end: String::new(),
            tally: Counts::default(),
            proof: is_proof.then_some(None),
            failure: None,
        }
    }

    /// Takes a version of a table.
    ///
    /// # Errors
    /// When it is not there.
    pub fn take_version(&mut self, table: &str, hash: &str) -> Result<(), String> {
        self.lookup.put_into(&self.plan, table, hash)
    }

    /// Writes a dead letter of a record that is in no window.
    #[cold]
    pub fn bury(&mut self, record: &Record<'_>, (reason, why): &Fault) {
        self.letters.push(record, *reason, why);
        *self.tally.dead.entry(*reason).or_default() += 1;
    }

    /// Runs the statement over a window, and writes what becomes of its rows.
    pub fn close(&mut self, closed: &Closed<'_>) {
        let Closed { key, start_ms, end_ms, ref window } = *closed;
        let name = Name { key, start_ms, end_ms };
        let mut rows = Batch::new(self.columns.len());
        let mut kept = Vec::with_capacity(window.rows as usize);
        for row in window.each() {
            self.push_row(row, (start_ms, end_ms), &mut rows);
            match self.lookup.find(&rows) {
                Found::All => kept.push(row),
                Found::Not(fault) => {
                    rows.pop_row();
                    self.bury_row(&name, row, &fault);
                }
                Found::Stop(why) => {
                    // Where the job stops, nothing of this is committed.
                    rows.pop_row();
                    self.failure.get_or_insert_with(|| format!("{name}: {why}"));
                    self.bury_row(&name, row, &(Reason::MissingKey, why));
                }
            }
        }
        if kept.is_empty() {
            return;
        }
        let rows = Arc::new(seismic_sql::Kept::new(rows));
        let mut answers = std::mem::take(&mut self.answers);
        answers.clear();
        let ran = self.plan.run_window(&rows, &mut answers);
        if let Some(None) = &self.proof {
            let mut again = Answers::default();
            let ran_again = self.plan.run_window(&rows, &mut again);
            if ran.is_ok() != ran_again.is_ok() || answers.first_difference(&again).is_some() {
                let what = format!("what {name} gives is another thing each time");
                self.proof = Some(Some(what));
            }
        }
        let fault = match ran {
            Ok(()) => answers.all().iter().find_map(|answer| answer.fault.clone()),
            Err(error) => {
                let words = words(&error);
                if words.is_none() {
                    self.failure.get_or_insert_with(|| format!("{name}: {error}"));
                }
                Some((Reason::SqlError, words.unwrap_or_default()))
            }
        };
        match fault {
            Some(fault) => kept.iter().for_each(|row| self.bury_row(&name, *row, &fault)),
            None => self.write(&name, kept.len() as u64, &answers),
        }
        self.answers = answers;
    }

    fn push_row(&self, row: WindowRow<'_>, (start_ms, end_ms): (i64, i64), into: &mut Batch) {
        let is_whole = cells::push_all(row.cells, self.columns.len() - 2, into);
        debug_assert!(is_whole, "it was written here, or checked when it was restored");
        into.push(Cell::Integer(start_ms));
        into.push(Cell::Integer(end_ms));
    }

    fn write(&mut self, name: &Name<'_>, rows: u64, answers: &Answers) {
        let all = answers.all();
        let own_key = &name.key.as_bytes()[..name.key.len().min(limits::KEY_BYTES)];
        for (number, answer) in all.iter().enumerate() {
            let place = (self.partition, name.start_ms);
            json_row::write_end_of_window(place, name.key, number, &mut self.end);
            let key = if self.plan.has_key() { answers.key(answer) } else { own_key };
            self.out
                .push_parts(key, answers.json(answer), self.end.as_bytes())
                .expect("a row is below the limit of a message");
        }
        self.tally.rows += all.len() as u64;
        match all.is_empty() {
            true => self.tally.filtered += rows,
            false => self.tally.gave += rows,
        }
    }

    /// Writes a dead letter of a row of a window: its bytes are what the statement saw of it.
    #[cold]
    fn bury_row(&mut self, name: &Name<'_>, row: WindowRow<'_>, (reason, why): &Fault) {
        let WindowRow { place: (offset, index), append_ms, .. } = row;
        let bytes = self.row_as_json(row);
        let key = name.key.as_bytes();
        let record = Record { offset: Offset(offset), index, append_ms, key, bytes: &bytes };
        let why = format!("{name}: {why}");
        self.letters.push(&record, *reason, &why);
        *self.tally.dead.entry(*reason).or_default() += 1;
    }

    /// Its own columns, without those that only a statement sees.
    fn row_as_json(&self, row: WindowRow<'_>) -> Vec<u8> {
        let (mut rest, mut object) = (row.cells, Map::new());
        for column in &self.columns[..self.columns.len() - 3] {
            let value = match cells::pop(&mut rest) {
                Some(Cell::Integer(value)) => value.into(),
                Some(Cell::Real(value)) => value.into(),
                Some(Cell::Text(text)) => text.into(),
                _ => Value::Null,
            };
            object.insert(column.clone(), value);
        }
        serde_json::to_vec(&object).expect("it has names, numbers and texts")
    }

    /// What a proof has found to be another thing each time.
    pub fn difference(&self) -> Option<&String> {
        self.proof.as_ref()?.as_ref()
    }

    /// Bytes of output that wait.
    pub fn bytes(&self) -> usize {
        self.out.bytes().len() + self.letters.block.bytes().len()
    }

    /// Swaps the rows and dead letters that wait with blocks.
    pub fn swap_output(&mut self, rows: &mut Block, letters: &mut Block) {
        std::mem::swap(rows, &mut self.out);
        std::mem::swap(letters, &mut self.letters.block);
    }

    /// Throws away the output that waits.
    pub fn discard_output(&mut self) {
        self.out.clear();
        self.letters.block.clear();
    }
}
