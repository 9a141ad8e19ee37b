//! One file's messages by their arrival.
//!
//! Up to [`limits::REORDER_MESSAGES`] messages are in memory, which also sorts a file whose
//! neighbours are swapped. Equal arrivals keep the order of lines. A message that is farther out of
//! order comes where it stands.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};

use super::message::Message;
use crate::files::lines::{LineRead, Lines};
use crate::files::merge::TimedItems;
use crate::{Error, Result, limits};

/// What a file gives.
pub(crate) enum Arrived {
    Message(Message),
    /// A line that is none, and why.
    Refused(String),
}

/// The messages of one file.
pub(crate) struct FileMessages {
    lines: Lines,
    pending: BinaryHeap<Reverse<Pending>>,
    /// Arrival of the newest message that was given, µs.
    given_us: i64,
    is_over: bool,
    /// Whether it was its turn already: until then one message is enough.
    is_begun: bool,
    /// Why the file could not be read on.
    pub(crate) failure: Option<Error>,
}

/// Ordered by arrival, then line.
struct Pending {
    cloud_us: i64,
    line: u64,
    arrived: Arrived,
}

impl FileMessages {
    pub(crate) fn open(at: &Path) -> Result<Self> {
        Ok(FileMessages {
            lines: Lines::open(at, limits::LINE_BYTES)?,
            pending: BinaryHeap::new(),
            given_us: i64::MIN,
            is_over: false,
            is_begun: false,
            failure: None,
        })
    }

    pub(crate) fn lines(&self) -> &Lines {
        &self.lines
    }

    pub(crate) fn at(&self) -> PathBuf {
        self.lines.at().to_owned()
    }

    fn fill(&mut self) {
        let most = if self.is_begun { limits::REORDER_MESSAGES } else { 1 };
        while !self.is_over && self.pending.len() < most {
            let parsed = match self.lines.read() {
                Ok(LineRead::Line(line)) if line.trim_ascii().is_empty() => continue,
                Ok(LineRead::Line(line)) => Message::parse(line),
                Ok(LineRead::TooLong(too_long)) => Err(too_long.to_string()),
                Ok(LineRead::Pending | LineRead::End) => {
                    self.is_over = true;
                    return;
                }
                Err(error) => {
                    self.failure = Some(error);
                    self.is_over = true;
                    return;
                }
            };
            let line = self.lines.number();
            let (cloud_us, arrived) = match parsed {
                Ok(message) => (message.cloud_us, Arrived::Message(message)),
                Err(what) => (self.given_us, Arrived::Refused(what)),
            };
            self.pending.push(Reverse(Pending { cloud_us, line, arrived }));
        }
    }
}

impl TimedItems for FileMessages {
    /// With the number of its line.
    type Item = (u64, Arrived);

    fn peek(&mut self) -> Option<i64> {
        self.fill();
        self.pending.peek().map(|Reverse(pending)| pending.cloud_us)
    }

    fn next(&mut self) -> Option<(u64, Arrived)> {
        self.is_begun = true;
        self.fill();
        let Reverse(Pending { cloud_us, line, arrived }) = self.pending.pop()?;
        self.given_us = cloud_us;
        Some((line, arrived))
    }

    fn suspend(&mut self) {
        self.lines.suspend();
    }

    fn is_open(&self) -> bool {
        self.lines.is_open()
    }
}

impl Pending {
    fn key(&self) -> (i64, u64) {
        (self.cloud_us, self.line)
    }
}

impl PartialEq for Pending {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Pending {}

impl PartialOrd for Pending {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pending {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}
