//! Rows that a queue has and the store has not noted as written.
//!
//! After a crash these are the rows of the last moments. When an older copy of the store was
//! restored, they are all rows since then, and the store computes them again. Either way they are
//! compared with the rows of the store, one by one, before anything is appended after them; rows
//! that differ would mix two histories.

use std::collections::VecDeque;

use seismic_queue::{Message, Offset};

use super::reader::{VisibleRow, WrittenRows};
use crate::{Error, Result};

/// Rows of one queue that are still to be compared.
pub(super) struct UnprovedRows {
    /// Topic and partition of the result topic, for messages.
    topic: String,
    /// Queue, for messages.
    place: String,
    written: WrittenRows,
    /// Those that were read and are still to be compared.
    ahead: VecDeque<Written>,
    is_all_read: bool,
    /// The next row to be compared.
    next: Offset,
    /// Behind the last of them.
    end: Offset,
    /// Where the last one is that was the same.
    last: Option<Offset>,
}

struct Written {
    at: Offset,
    row: Offset,
    value: Vec<u8>,
}

impl UnprovedRows {
    /// The rows `from..end` among those that are written.
    pub(super) fn new(
        (topic, place): (String, String),
        written: WrittenRows,
        (from, end): (Offset, Offset),
    ) -> Self {
        let ahead = VecDeque::new();
        UnprovedRows {
            topic,
            place,
            written,
            ahead,
            is_all_read: false,
            next: from,
            end,
            last: None,
        }
    }

    /// Behind the last of them.
    pub(super) fn end(&self) -> Offset {
        self.end
    }

    /// Where the last one is that was the same.
    pub(super) fn last(&self) -> Option<Offset> {
        self.last
    }

    /// Whether all of them were compared.
    pub(super) fn is_done(&self) -> bool {
        self.next >= self.end
    }

    /// Compares a row of the store with the one that is written. Does nothing for one that was
    /// compared before, or whose own is not there any more.
    pub(super) fn compare(&mut self, row: Message<'_>) -> Result<()> {
        if row.offset < self.next || row.offset >= self.end {
            return Ok(());
        }
        self.read_to(self.next)?;
        let differs = |what: String| Error::OtherRow {
            place: self.place.clone(),
            topic: self.topic.clone(),
            row: row.offset,
            what,
        };
        match self.ahead.front() {
            Some(written) if written.row == row.offset => {
                if written.value != row.value {
                    return Err(differs(format!("another one at offset {}", written.at)));
                }
                self.last = Some(written.at);
                self.ahead.pop_front();
            }
            // Retention of the broker took the first of them.
            Some(written) if written.row > row.offset && self.last.is_none() => {}
            Some(written) => {
                return Err(differs(format!(
                    "row {} at offset {} instead",
                    written.row, written.at
                )));
            }
            None => return Err(differs("no such row".to_owned())),
        }
        self.next = row.offset.next();
        Ok(())
    }

    /// Reads until there is one from `row` on, or no more.
    fn read_to(&mut self, row: Offset) -> Result<()> {
        loop {
            while self.ahead.front().is_some_and(|written| written.row < row) {
                self.ahead.pop_front();
            }
            if !self.ahead.is_empty() || self.is_all_read {
                return Ok(());
            }
            let ahead = &mut self.ahead;
            let mut keep = |it: VisibleRow<'_>| -> Result<()> {
                ahead.push_back(Written { at: it.at, row: it.row, value: it.value.to_vec() });
                Ok(())
            };
            self.is_all_read = !self.written.read(&mut keep)?;
        }
    }
}

impl std::fmt::Debug for UnprovedRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("UnprovedRows").field(&self.place).field(&self.next).field(&self.end).finish()
    }
}
