//! The operator of one partition: records become rows, the statement runs over them, and what it
//! gives is written in the order of the records.
//!
//! The statement runs over many rows at once. When it fails, it runs over each of them alone, and
//! the one that fails is a dead letter with the engine's words; since it is row by row, the others
//! give what they would have given.

mod seam;

use std::sync::Arc;

use seismic_pipeline::RowIdentity;
use seismic_queue::{Block, Fingerprint, Message, Partition};
use seismic_sql::Error;

use crate::definition::Definition;
use crate::input::{RowDecoder, columns};
use crate::limits;
use crate::lookup::{Found, Lookup};
use crate::output::reason::Reason;
use crate::output::{DeadLetters, Record, json_row};
use crate::plan::{Answers, Plan};
use crate::state::{State, TimedState};
use crate::timed::clocks::Clocks;

/// Computes one partition.
#[derive(Debug)]
pub struct StatementOperator {
    definition: Arc<Definition>,
    plan: Plan,
    lookup: Lookup,
    partition: Partition,
    state: State,
    decoder: RowDecoder,
    /// Which rows are late, where they have an event time.
    clocks: Option<Clocks>,
    /// Rows of the records that wait.
    rows: seismic_sql::Batch,
    width: usize,
    out: Block,
    letters: DeadLetters,
    delivered: Option<Fingerprint>,
    answers: Answers,
    end: String,
    /// Where everything is computed twice: the cut that comes next, and what differed.
    proof: Option<Proof>,
    failure: Option<String>,
}

#[derive(Debug, Default)]
struct Proof {
    cut: usize,
    difference: Option<String>,
}

/// What became of a record before the statement runs: it is the next row, or a dead letter.
type Verdict = Option<(Reason, String)>;

impl StatementOperator {
    /// An operator that continues from a state.
    ///
    /// # Errors
    /// When a version of a table is not there.
    pub fn new(
        (definition, plan, lookup): (Arc<Definition>, Plan, Lookup),
        (state, stored): (State, Option<&[u8]>),
        (topic, place): (&str, (Partition, u32)),
        is_proof: bool,
    ) -> Result<Self, String> {
        let decoder = RowDecoder::new(&definition.input);
        let width = columns(&definition).len();
        let partition = place.0;
        let mut clocks = definition.timing.as_ref().map(|it| Clocks::new(&definition, it, place));
        if let (Some(clocks), Some(stored)) = (&mut clocks, stored)
            && !clocks.restore(stored)
        {
            return Err("the clocks of its keys are damaged".to_owned());
        }
        let mut operator = StatementOperator {
            definition,
            plan,
            lookup,
            partition,
            state,
            decoder,
            clocks,
            rows: seismic_sql::Batch::new(width),
            width,
            out: Block::default(),
            letters: DeadLetters::new(topic, partition.0),
            delivered: None,
            answers: Answers::default(),
            end: String::new(),
            proof: is_proof.then(Proof::default),
            failure: None,
        };
        for (table, hash) in operator.state.tables.clone() {
            operator.take_version(&table, &hash)?;
        }
        let before = operator.state.clone();
        operator.note();
        match operator.state == before {
            true => Ok(operator),
            false => Err("the clocks of its keys are not those that it counts".to_owned()),
        }
    }

    /// Writes down how its clocks stand.
    fn note(&mut self) {
        let of = |clocks: &Clocks| TimedState { keys: clocks.keys(), ..TimedState::default() };
        self.state.timed = self.clocks.as_ref().map(of);
    }

    /// Its state.
    pub fn state(&self) -> &State {
        &self.state
    }

    fn take_version(&mut self, table: &str, hash: &str) -> Result<(), String> {
        self.lookup.put_into(&self.plan, table, hash)?;
        self.state.tables.insert(table.to_owned(), hash.to_owned());
        Ok(())
    }

    /// What it computes.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    fn take<'m>(&mut self, messages: impl Iterator<Item = Message<'m>>) {
        let mut waiting: Vec<(Record<'m>, Verdict)> = Vec::new();
        let mut records = Vec::new();
        for message in messages {
            assert!(message.offset.0 >= self.state.next, "offsets only move forward");
            records.clear();
            self.decoder.each_record(message.value, &mut |record| records.push(record));
            for (index, bytes) in (0..).zip(&records) {
                let Message { offset, append_ms, key, .. } = message;
                let record = Record { offset, index, append_ms, key, bytes };
                let verdict = self.judge(&record);
                waiting.push((record, verdict));
                if waiting.len() >= limits::ROWS_AT_ONCE {
                    self.settle(&waiting);
                    waiting.clear();
                }
            }
            self.state.next = message.offset.next().0;
        }
        if !waiting.is_empty() {
            self.settle(&waiting);
        }
        self.note();
    }

    /// Makes a row of a record, and looks it up where that decides what becomes of it.
    fn judge(&mut self, record: &Record<'_>) -> Verdict {
        let pushed = match &mut self.clocks {
            None => self.decoder.push(record.bytes, &mut self.rows),
            Some(clocks) => clocks.admit(record, &mut self.rows),
        };
        if let Err(fault) = pushed {
            return Some(fault);
        }
        let why = match self.lookup.find(&self.rows) {
            Found::All => return None,
            Found::Not((_, why)) => why,
            Found::Stop(why) => {
                if self.failure.is_none() {
                    let (partition, Record { offset, index, .. }) = (self.partition, record);
                    let place = format!("record {index} of message {partition}/{offset}");
                    self.failure = Some(format!("{place}: {why}"));
                }
                why
            }
        };
        // Where the job stops, nothing of this is committed.
        self.rows.pop_row();
        Some((Reason::MissingKey, why))
    }

    /// Runs the statement over the records that wait, and writes what became of each.
    fn settle(&mut self, waiting: &[(Record<'_>, Verdict)]) {
        let rows = std::mem::replace(&mut self.rows, seismic_sql::Batch::new(self.width));
        let mut answers = std::mem::take(&mut self.answers);
        answers.clear();
        let of_rows: Vec<&Record<'_>> =
            waiting.iter().filter(|it| it.1.is_none()).map(|(record, _)| record).collect();
        let failed = match self.plan.run(rows, 0, &mut answers) {
            Ok(()) => Vec::new(),
            Err(_) => self.run_alone(&of_rows, &mut answers),
        };
        self.prove(&of_rows, &answers);
        let (mut row, mut next_answer) = (0, 0);
        let mut failed = failed.into_iter().peekable();
        for (record, verdict) in waiting {
            self.state.counts.read += 1;
            if let Some((reason, why)) = verdict {
                self.bury(record, *reason, why);
                continue;
            }
            if let Some((_, why)) = failed.next_if(|(failed, _)| *failed == row) {
                self.bury(record, Reason::SqlError, &why);
            } else {
                next_answer += self.write(record, row, (&answers, next_answer));
            }
            row += 1;
        }
        self.answers = answers;
    }

    /// Runs the statement over each row alone, and gives those for which it fails, with its words.
    fn run_alone(
        &mut self,
        records: &[&Record<'_>],
        answers: &mut Answers,
    ) -> Vec<(usize, String)> {
        answers.clear();
        let mut failed = Vec::new();
        for (row, record) in records.iter().enumerate() {
            let Err(error) = self.run_again(&[record], row, answers) else { continue };
            let words = words(&error);
            if words.is_none() && self.failure.is_none() {
                let (partition, Record { offset, index, .. }) = (self.partition, record);
                self.failure =
                    Some(format!("record {index} of message {partition}/{offset}: {error}"));
            }
            // Where the job stops, nothing of this is committed.
            failed.push((row, words.unwrap_or_default()));
        }
        failed
    }

    /// Runs the statement over some records, the first of which is the `first`-th row.
    fn run_again(
        &mut self,
        records: &[&Record<'_>],
        first: usize,
        answers: &mut Answers,
    ) -> Result<(), Error> {
        let mut rows = seismic_sql::Batch::new(self.width);
        for record in records {
            if let Some(clocks) = &mut self.clocks {
                clocks.push_again(record, &mut rows);
                continue;
            }
            let pushed = self.decoder.push(record.bytes, &mut rows);
            debug_assert!(pushed.is_ok(), "it was a row before");
        }
        self.plan.run(rows, first, answers)
    }

    /// In a proof, computes the rows again with other cuts, and compares.
    fn prove(&mut self, records: &[&Record<'_>], answers: &Answers) {
        let Some(mut proof) = self.proof.take() else { return };
        let (mut at, mut again) = (0, Answers::default());
        while at < records.len() {
            let cut = limits::CUTS[proof.cut % limits::CUTS.len()];
            proof.cut += 1;
            let piece = &records[at..records.len().min(at + cut)];
            if self.run_again(piece, at, &mut again).is_err() {
                for (i, record) in piece.iter().enumerate() {
                    // What fails gives nothing, here as there.
                    let _ = self.run_again(&[record], at + i, &mut again);
                }
            }
            at += piece.len();
        }
        let differs = answers.first_difference(&again).and_then(|row| records.get(row));
        if let (Some(Record { offset, index, .. }), None) = (differs, &proof.difference) {
            proof.difference = Some(format!(
                "what record {index} of message {offset} gives depends on how messages are cut into \
                 batches"
            ));
        }
        self.proof = Some(proof);
    }

    /// Writes the output rows of a record, which begin with that answer, and counts it. Gives the
    /// number of its answers.
    fn write(
        &mut self,
        record: &Record<'_>,
        row: usize,
        (answers, from): (&Answers, usize),
    ) -> usize {
        let all = answers.of_row(row, from);
        if let Some((reason, why)) = all.iter().find_map(|answer| answer.fault.as_ref()) {
            self.bury(record, *reason, why);
            return all.len();
        }
        for (number, answer) in (0..).zip(all) {
            let (partition, offset, index) = (self.partition, record.offset, record.index);
            let identity = RowIdentity { input: 0, partition, offset, index, number };
            json_row::write_end(&identity, &mut self.end);
            let key = match self.plan.has_key() {
                true => answers.key(answer),
                false => &record.key[..record.key.len().min(limits::KEY_BYTES)],
            };
            self.out
                .push_parts(key, answers.json(answer), self.end.as_bytes())
                .expect("a row is below the limit of a message");
        }
        let counts = &mut self.state.counts;
        counts.rows += all.len() as u64;
        if all.is_empty() {
            counts.filtered += 1;
        } else {
            counts.gave += 1;
        }
        all.len()
    }

    #[cold]
    fn bury(&mut self, record: &Record<'_>, reason: Reason, why: &str) {
        *self.state.counts.dead.entry(reason).or_default() += 1;
        self.letters.push(record, reason, why);
    }
}

/// The engine's words for a row that fails alone, each time in the same way; `None` when the job
/// cannot go on.
pub fn words(error: &Error) -> Option<String> {
    match error {
        Error::Failed { what, .. } => Some(what.clone()),
        Error::Long => Some(error.to_string()),
        Error::Encoding { column, .. } => {
            Some(format!("column {column} is text that is not UTF-8"))
        }
        _ => None,
    }
}
