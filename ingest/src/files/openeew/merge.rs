//! All files' messages in the order of their arrival.
//!
//! Streaming: of each file up to [`limits::REORDER_MESSAGES`] are held, which also brings a file
//! into order whose neighbours are swapped. A file that is farther out of order is refused, since
//! it could only be sorted by holding all of it. Equal arrivals keep the order of files and of
//! lines.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};

use super::message::Message;
use crate::files::lines::Lines;
use crate::{Result, limits};

/// A message and where it stands.
pub(crate) struct Arrived {
    pub(crate) message: Message,
    pub(crate) at: PathBuf,
    pub(crate) line: u64,
}

/// The messages of all files by `cloud_t`.
pub(crate) struct Merge {
    feeds: Vec<Feed>,
    /// Arrival of each feed's next message, oldest on top.
    next: BinaryHeap<Reverse<(i64, usize)>>,
}

/// One file's messages by `cloud_t`.
struct Feed {
    at: PathBuf,
    lines: Lines,
    held: BinaryHeap<Reverse<Held>>,
    /// Arrival of the newest message that was given away, µs.
    given_us: i64,
}

/// Ordered by arrival, then line.
struct Held {
    line: u64,
    message: Message,
}

impl Merge {
    pub(crate) fn open(files: &[PathBuf]) -> Result<Self> {
        let mut merge = Merge { feeds: Vec::with_capacity(files.len()), next: BinaryHeap::new() };
        for (number, file) in files.iter().enumerate() {
            let mut feed = Feed::open(file)?;
            feed.fill()?;
            merge.next.extend(feed.next_us().map(|us| Reverse((us, number))));
            merge.feeds.push(feed);
        }
        Ok(merge)
    }

    /// The message that arrived next.
    pub(crate) fn next(&mut self) -> Result<Option<Arrived>> {
        let Some(Reverse((_, number))) = self.next.pop() else {
            return Ok(None);
        };
        let feed = &mut self.feeds[number];
        let arrived = feed.take()?;
        self.next.extend(feed.next_us().map(|us| Reverse((us, number))));
        Ok(Some(arrived))
    }
}

impl Feed {
    fn open(at: &Path) -> Result<Self> {
        let (lines, held) = (Lines::open(at, limits::LINE_BYTES)?, BinaryHeap::new());
        Ok(Feed { at: at.to_owned(), lines, held, given_us: i64::MIN })
    }

    fn next_us(&self) -> Option<i64> {
        self.held.peek().map(|Reverse(held)| held.message.cloud_us)
    }

    fn take(&mut self) -> Result<Arrived> {
        let Reverse(Held { line, message }) = self.held.pop().expect("a feed in turn holds some");
        self.given_us = message.cloud_us;
        self.fill()?;
        Ok(Arrived { message, at: self.at.clone(), line })
    }

    fn fill(&mut self) -> Result<()> {
        while self.held.len() < limits::REORDER_MESSAGES {
            let Some(line) = self.lines.next()? else {
                return Ok(());
            };
            let message = match Message::parse(line) {
                Ok(message) => message,
                Err(what) => return Err(self.lines.wrong(what)),
            };
            if message.cloud_us < self.given_us {
                return Err(self.lines.wrong(format!(
                    "it arrived before a message that stands more than {} lines above it; \
                     sort the file by cloud_t",
                    limits::REORDER_MESSAGES
                )));
            }
            self.held.push(Reverse(Held { line: self.lines.number(), message }));
        }
        Ok(())
    }
}

impl Held {
    fn key(&self) -> (i64, u64) {
        (self.message.cloud_us, self.line)
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}
