//! Pairs on their way through the statement, and what is written of them, in order.

use std::ops::Range;

use seismic_queue::{Block, Offset, Partition};
use seismic_sql::{Batch, Cell, Error};
use serde_json::{Map, Value};

use super::buffers::Found;
use super::side::RowPosition;
use crate::cells;
use crate::definition::Definition;
use crate::input::columns;
use crate::limits;
use crate::lookup::{Found as Looked, Lookup};
use crate::operator::words;
use crate::output::json_row;
use crate::output::reason::{Fault, Reason};
use crate::output::{DeadLetters, Record};
use crate::plan::{Answers, Plan};
use crate::state::Counts;

/// Pairs that wait for the statement, and output that waits for a commit.
#[derive(Debug)]
pub struct Pairs {
    plan: Plan,
    lookup: Lookup,
    partition: Partition,
    topics: [String; 2],
    columns: Vec<String>,
    /// Columns of the left side.
    left: usize,
    waiting: Vec<Pair>,
    /// Keys and cells of those that wait.
    keys: String,
    cells: Vec<u8>,
    pub out: Block,
    letters: DeadLetters,
    answers: Answers,
    end: String,
    /// Rows and dead letters since these were taken.
    pub tally: Counts,
    /// Where everything is computed twice: the cut that comes next, and what differed.
    proof: Option<(usize, Option<String>)>,
    pub failure: Option<String>,
}

#[derive(Clone, Debug)]
struct Pair {
    left: Option<RowPosition>,
    right: Option<RowPosition>,
    by: (usize, RowPosition, i64),
    key: Range<usize>,
    cells: Range<usize>,
}

impl Pairs {
    /// Without any.
    pub fn new(
        definition: &Definition,
        (plan, lookup): (Plan, Lookup),
        (partition, left): (Partition, usize),
        is_proof: bool,
    ) -> Self {
        let mut topics = definition.inputs().map(|input| input.topic.clone());
        let topics = [topics.next().unwrap_or_default(), topics.next().unwrap_or_default()];
        Pairs {
            plan,
            lookup,
            partition,
            letters: DeadLetters::new(&topics[0], partition.0),
            topics,
            columns: columns(definition).into_iter().map(|column| column.name).collect(),
            left,
            waiting: Vec::new(),
            keys: String::new(),
            cells: Vec::new(),
            out: Block::default(),
            answers: Answers::default(),
            end: String::new(),
            tally: Counts::default(),
            proof: is_proof.then_some((0, None)),
            failure: None,
        }
    }

    /// Takes a version of a table; those that wait are settled with the one before.
    ///
    /// # Errors
    /// When it is not there.
    pub fn take_version(&mut self, table: &str, hash: &str) -> Result<(), String> {
        self.settle();
        self.lookup.put_into(&self.plan, table, hash)
    }

    /// Takes a pair.
    pub fn push(&mut self, found: Found<'_>) {
        let Found { key, left, right, by } = found;
        let (key_from, cells_from) = (self.keys.len(), self.cells.len());
        self.keys.push_str(key);
        for (side, width) in [(left, self.left), (right, self.columns.len() - self.left)] {
            match side {
                Some((_, cells)) => self.cells.extend_from_slice(cells),
                None => (0..width).for_each(|_| cells::push(Cell::Null, &mut self.cells)),
            }
        }
        self.waiting.push(Pair {
            left: left.map(|it| it.0),
            right: right.map(|it| it.0),
            by,
            key: key_from..self.keys.len(),
            cells: cells_from..self.cells.len(),
        });
        let is_full = self.waiting.len() >= limits::ROWS_AT_ONCE;
        if is_full || self.cells.len() >= limits::PAIR_BYTES {
            self.settle();
        }
    }

    /// Writes a dead letter of a record of a side, behind what is before it.
    pub fn bury(&mut self, side: usize, record: &Record<'_>, (reason, why): &Fault) {
        self.settle();
        self.letters.set_topic(&self.topics[side]);
        self.letters.push(record, *reason, why);
        *self.tally.dead.entry(*reason).or_default() += 1;
    }

    /// Runs the statement over the pairs that wait, and writes what becomes of each.
    pub fn settle(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let pairs = std::mem::take(&mut self.waiting);
        let mut rows = Batch::new(self.columns.len());
        let mut verdicts = Vec::with_capacity(pairs.len());
        for pair in &pairs {
            self.push_row(pair, &mut rows);
            verdicts.push(match self.lookup.find(&rows) {
                Looked::All => None,
                Looked::Not(fault) => Some(fault),
                Looked::Stop(why) => {
                    let place = self.place(pair);
                    self.failure.get_or_insert_with(|| format!("{place}: {why}"));
                    // Where the job stops, nothing of this is committed.
                    Some((Reason::MissingKey, why))
                }
            });
            if verdicts.last().is_some_and(Option::is_some) {
                rows.pop_row();
            }
        }
        let of_rows: Vec<&Pair> =
            pairs.iter().zip(&verdicts).filter(|it| it.1.is_none()).map(|it| it.0).collect();
        let mut answers = std::mem::take(&mut self.answers);
        answers.clear();
        let failed = match self.plan.run(rows, 0, &mut answers) {
            Ok(()) => Vec::new(),
            Err(_) => self.run_alone(&of_rows, &mut answers),
        };
        self.prove(&of_rows, &answers);
        let (mut row, mut next_answer) = (0, 0);
        let mut failed = failed.into_iter().peekable();
        for (pair, verdict) in pairs.iter().zip(verdicts) {
            if let Some(fault) = verdict {
                self.bury_pair(pair, &fault);
                continue;
            }
            if let Some((_, why)) = failed.next_if(|(failed, _)| *failed == row) {
                self.bury_pair(pair, &(Reason::SqlError, why));
            } else {
                next_answer += self.write(pair, row, (&answers, next_answer));
            }
            row += 1;
        }
        self.answers = answers;
        self.waiting = pairs;
        self.waiting.clear();
        self.keys.clear();
        self.cells.clear();
    }

    fn push_row(&self, pair: &Pair, into: &mut Batch) {
        let bytes = &self.cells[pair.cells.clone()];
        let is_whole = cells::push_all(bytes, self.columns.len(), into);
        debug_assert!(is_whole, "it was written here, or checked when it was restored");
    }

    /// Runs the statement over each row alone, and gives those for which it fails, with its words.
    fn run_alone(&mut self, pairs: &[&Pair], answers: &mut Answers) -> Vec<(usize, String)> {
        answers.clear();
        let mut failed = Vec::new();
        for (row, pair) in pairs.iter().enumerate() {
            let Err(error) = self.run_again(&[pair], row, answers) else { continue };
            let words = words(&error);
            if words.is_none() {
                let place = self.place(pair);
                self.failure.get_or_insert_with(|| format!("{place}: {error}"));
            }
            failed.push((row, words.unwrap_or_default()));
        }
        failed
    }

    fn run_again(&self, pairs: &[&Pair], first: usize, answers: &mut Answers) -> Result<(), Error> {
        let mut rows = Batch::new(self.columns.len());
        pairs.iter().for_each(|pair| self.push_row(pair, &mut rows));
        self.plan.run(rows, first, answers)
    }

    /// In a proof, computes the rows again with other cuts, and compares.
    fn prove(&mut self, pairs: &[&Pair], answers: &Answers) {
        let Some((mut cut, mut difference)) = self.proof.take() else { return };
        let (mut at, mut again) = (0, Answers::default());
        while at < pairs.len() {
            let size = limits::CUTS[cut % limits::CUTS.len()];
            cut += 1;
            let piece = &pairs[at..pairs.len().min(at + size)];
            if self.run_again(piece, at, &mut again).is_err() {
                for (i, pair) in piece.iter().enumerate() {
                    // What fails gives nothing, here as there.
                    let _ = self.run_again(&[pair], at + i, &mut again);
                }
            }
            at += piece.len();
        }
        let differs = answers.first_difference(&again).and_then(|row| pairs.get(row));
        if let (Some(pair), None) = (differs, &difference) {
            let place = self.place(pair);
            difference =
                Some(format!("what {place} gives depends on how messages are cut into batches"));
        }
        self.proof = Some((cut, difference));
    }

    /// What a proof has found to depend on cuts.
    pub fn difference(&self) -> Option<&String> {
        self.proof.as_ref()?.1.as_ref()
    }

    /// Writes the output rows of a pair, which begin with that answer. Gives the number of its
    /// answers.
    fn write(&mut self, pair: &Pair, row: usize, (answers, from): (&Answers, usize)) -> usize {
        let all = answers.of_row(row, from);
        if let Some(fault) = all.iter().find_map(|answer| answer.fault.as_ref()) {
            self.bury_pair(pair, fault);
            return all.len();
        }
        let key = self.keys[pair.key.clone()].as_bytes();
        let own_key = &key[..key.len().min(limits::KEY_BYTES)];
        let places = [pair.left, pair.right].map(|it| it.map(|it| (it.offset, it.index)));
        for (number, answer) in all.iter().enumerate() {
            json_row::write_end_of_pair(self.partition, places, number, &mut self.end);
            let key = if self.plan.has_key() { answers.key(answer) } else { own_key };
            self.out
                .push_parts(key, answers.json(answer), self.end.as_bytes())
                .expect("a row is below the limit of a message");
        }
        self.tally.rows += all.len() as u64;
        all.len()
    }

    /// Writes a dead letter of a pair: its place is that of the record by which it came to be, and
    /// its bytes are the row that the statement saw.
    #[cold]
    fn bury_pair(&mut self, pair: &Pair, (reason, why): &Fault) {
        let (side, RowPosition { offset, index }, append_ms) = pair.by;
        let bytes = self.row_as_json(pair);
        let key = self.keys[pair.key.clone()].as_bytes();
        let record = Record { offset: Offset(offset), index, append_ms, key, bytes: &bytes };
        let why = match (side, pair.left, pair.right) {
            (0, _, Some(mate)) | (1, Some(mate), _) => {
                let (topic, partition) = (&self.topics[1 - side], self.partition);
                format!("with {topic}/{partition}/{} record {}: {why}", mate.offset, mate.index)
            }
            _ => format!("with no other: {why}"),
        };
        self.letters.set_topic(&self.topics[side]);
        self.letters.push(&record, *reason, &why);
        *self.tally.dead.entry(*reason).or_default() += 1;
        self.tally.dead_pairs += 1;
    }

    fn row_as_json(&self, pair: &Pair) -> Vec<u8> {
        let mut rest = &self.cells[pair.cells.clone()];
        let mut row = Map::new();
        for column in &self.columns {
            let value = match cells::pop(&mut rest) {
                Some(Cell::Integer(value)) => value.into(),
                Some(Cell::Real(value)) => value.into(),
                Some(Cell::Text(text)) => text.into(),
                _ => Value::Null,
            };
            row.insert(column.clone(), value);
        }
        serde_json::to_vec(&row).expect("it has names, numbers and texts")
    }

    /// Where the record is by which a pair came to be.
    fn place(&self, pair: &Pair) -> String {
        let (side, RowPosition { offset, index }, _) = pair.by;
        let (topic, partition) = (&self.topics[side], self.partition);
        format!("record {index} of message {topic}/{partition}/{offset}")
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
