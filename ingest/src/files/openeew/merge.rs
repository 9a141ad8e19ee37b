//! All files' messages in the order of their arrival.
//!
//! Streaming: up to [`limits::REORDER_MESSAGES`] messages of each file are in memory, which also
//! sorts a file whose neighbours are swapped. A file that is farther out of order is refused, since
//! sorting it would need all of it in memory. Equal arrivals keep the order of files and of lines.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};

use super::message::Message;
use crate::files::lines::Lines;
use crate::{Result, limits};

/// A message, its file and line.
pub(crate) struct Arrived {
    pub(crate) message: Message,
    pub(crate) at: PathBuf,
    pub(crate) line: u64,
}

/// The messages of all files by `cloud_t`.
pub(crate) struct Merge {
    files: Vec<FileMessages>,
    /// Arrival of each file's next message, oldest on top.
    next: BinaryHeap<Reverse<(i64, usize)>>,
}

/// One file's messages by `cloud_t`.
struct FileMessages {
    at: PathBuf,
    lines: Lines,
    pending: BinaryHeap<Reverse<PendingMessage>>,
    /// Arrival of the newest message that was read, µs.
    read_us: i64,
}

/// Ordered by arrival, then line.
struct PendingMessage {
    line: u64,
    message: Message,
}

impl Merge {
    pub(crate) fn open(files: &[PathBuf]) -> Result<Self> {
        let mut merge = Merge { files: Vec::with_capacity(files.len()), next: BinaryHeap::new() };
        for (number, path) in files.iter().enumerate() {
            let mut file = FileMessages::open(path)?;
            file.fill()?;
            merge.next.extend(file.next_us().map(|us| Reverse((us, number))));
            merge.files.push(file);
        }
        Ok(merge)
    }

    /// The message that arrived next.
    pub(crate) fn next(&mut self) -> Result<Option<Arrived>> {
        let Some(Reverse((_, number))) = self.next.pop() else {
            return Ok(None);
        };
        let file = &mut self.files[number];
        let arrived = file.pop()?;
        self.next.extend(file.next_us().map(|us| Reverse((us, number))));
        Ok(Some(arrived))
    }
}

impl FileMessages {
    fn open(at: &Path) -> Result<Self> {
        let (lines, pending) = (Lines::open(at, limits::LINE_BYTES)?, BinaryHeap::new());
        Ok(FileMessages { at: at.to_owned(), lines, pending, read_us: i64::MIN })
    }

    fn next_us(&self) -> Option<i64> {
        self.pending.peek().map(|Reverse(pending)| pending.message.cloud_us)
    }

    fn pop(&mut self) -> Result<Arrived> {
        let Reverse(PendingMessage { line, message }) =
            self.pending.pop().expect("a file in the heap has a message");
        self.read_us = message.cloud_us;
        self.fill()?;
        Ok(Arrived { message, at: self.at.clone(), line })
    }

    fn fill(&mut self) -> Result<()> {
        while self.pending.len() < limits::REORDER_MESSAGES {
            let Some(line) = self.lines.next()? else {
                return Ok(());
            };
            let message = match Message::parse(line) {
                Ok(message) => message,
                Err(what) => return Err(self.lines.error(what)),
            };
            if message.cloud_us < self.read_us {
                return Err(self.lines.error(format!(
                    "it arrived before a message that is more than {} lines above it; \
                     sort the file by cloud_t",
                    limits::REORDER_MESSAGES
                )));
            }
            self.pending.push(Reverse(PendingMessage { line: self.lines.number(), message }));
        }
        Ok(())
    }
}

impl PendingMessage {
    fn key(&self) -> (i64, u64) {
        (self.message.cloud_us, self.line)
    }
}

impl PartialEq for PendingMessage {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for PendingMessage {}

impl PartialOrd for PendingMessage {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PendingMessage {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}
