//! What was given for some rows of the input: output rows, each with the row it was made of, or why it
//! is none.

use std::ops::Range;

use seismic_sql::Cell;

use super::json_row;
use super::reason::{Fault, Reason};
use crate::definition::column::Column;
use crate::limits;

/// What was given for some rows.
#[derive(Debug, Default)]
pub struct Answers {
    /// In the order of the input rows.
    all: Vec<Answer>,
    texts: String,
    /// The row that is being made.
    row: Made,
}

/// How far a row is made.
#[derive(Debug, Default)]
struct Made {
    cells: usize,
    from: usize,
    /// Where its columns end and its key begins.
    key: Option<usize>,
    fault: Option<Fault>,
}

/// One output row, or why it is none.
#[derive(Debug)]
pub struct Answer {
    /// Which of the input rows it was made of.
    pub row: usize,
    json: Range<usize>,
    key: Range<usize>,
    /// Why it is no row.
    pub fault: Option<Fault>,
}

impl Answers {
    /// All of them.
    pub fn all(&self) -> &[Answer] {
        &self.all
    }

    /// Those of one input row, from the `from`-th answer on: the first that is not of it ends them.
    pub fn of_row(&self, row: usize, from: usize) -> &[Answer] {
        let rest = &self.all[from..];
        &rest[..rest.iter().take_while(|answer| answer.row == row).count()]
    }

    /// The row without its end.
    pub fn json(&self, answer: &Answer) -> &[u8] {
        self.texts[answer.json.clone()].as_bytes()
    }

    /// Its key.
    pub fn key(&self, answer: &Answer) -> &[u8] {
        self.texts[answer.key.clone()].as_bytes()
    }

    /// Appends a cell of the next row: one for each column, in order.
    pub fn push(&mut self, column: &Column, cell: Cell<'_>) {
        let Answers { texts, row, .. } = self;
        if row.cells == 0 {
            row.from = texts.len();
        }
        row.cells += 1;
        if row.fault.is_none() {
            row.fault = json_row::push_cell(column, cell, row.cells == 1, texts).err();
        }
    }

    /// Appends its key, behind its cells.
    pub fn push_key(&mut self, column: &Column, cell: Cell<'_>) {
        self.row.key = Some(self.texts.len());
        if self.row.fault.is_none() {
            self.row.fault = json_row::push_key(column, cell, &mut self.texts).err();
        }
    }

    /// Ends it: it was made of that row of the input.
    pub fn end_row(&mut self, row: usize) {
        let Made { from, key, mut fault, .. } = std::mem::take(&mut self.row);
        let end = self.texts.len();
        let json = from..key.unwrap_or(end);
        if json.len() > limits::ROW_BYTES && fault.is_none() {
            let why = format!("the row is longer than {} KiB", limits::ROW_BYTES >> 10);
            fault = Some((Reason::WrongOutput, why));
        }
        let key = json.end..end;
        self.all.push(Answer { row, json, key, fault });
    }

    /// Where it stands: for [`Answers::cut_to`] and [`Answers::sort_behind`].
    pub fn mark(&self) -> (usize, usize) {
        (self.all.len(), self.texts.len())
    }

    /// Forgets what was appended behind a mark.
    pub fn cut_to(&mut self, (answers, texts): (usize, usize)) {
        self.all.truncate(answers);
        self.texts.truncate(texts);
        self.row = Made::default();
    }

    /// Sorts what was appended behind a mark by the rows that it was made of.
    pub fn sort_behind(&mut self, (answers, _): (usize, usize)) {
        let is_row = |answer: &Answer| answer.row;
        if !self.all[answers..].is_sorted_by_key(is_row) {
            self.all[answers..].sort_by_key(is_row);
        }
    }

    /// Bytes of it.
    pub fn bytes(&self) -> usize {
        self.texts.len()
    }

    /// Forgets all; memory is kept.
    pub fn clear(&mut self) {
        self.all.clear();
        self.texts.clear();
        self.row = Made::default();
    }

    /// Whether both say the same, to the byte.
    pub fn first_difference(&self, other: &Answers) -> Option<usize> {
        let said = |answers: &Answers, answer: &Answer| {
            let fault = answer.fault.clone();
            (answer.row, answers.json(answer).to_vec(), answers.key(answer).to_vec(), fault)
        };
        let all = self.all.iter().zip(&other.all);
        let differs = all.filter(|(a, b)| said(self, a) != said(other, b)).map(|(a, _)| a.row);
        let longer = match self.all.len().cmp(&other.all.len()) {
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Less => other.all.get(self.all.len()),
            std::cmp::Ordering::Greater => self.all.get(other.all.len()),
        };
        differs.chain(longer.map(|answer| answer.row)).min()
    }
}
