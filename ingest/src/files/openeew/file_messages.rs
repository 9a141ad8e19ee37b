//! The messages of one file in order of arrival.
//!
//! Up to [`limits::REORDER_MESSAGES`] messages are in memory, which also sorts a file whose
//! neighbours are swapped. Equal arrivals keep the order of lines. A message that is further out of
//! order stays where it is. For a compressed file that may be closed before its end, more lines are
//! buffered, so that it is not decompressed from its start for every message.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
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
    /// Lines behind those, in their order, with their numbers.
    waiting: VecDeque<(u64, Result<Message, String>)>,
    /// Bytes that may wait of a packed file.
    ahead: usize,
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
    /// Opens a file. Of a packed one that many bytes may be read ahead.
    pub(crate) fn open(at: &Path, ahead: usize) -> Result<Self> {
        Ok(FileMessages {
            lines: Lines::open(at, limits::LINE_BYTES)?,
            pending: BinaryHeap::new(),
            waiting: VecDeque::new(),
            ahead,
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
        while self.pending.len() < most {
            if self.waiting.is_empty() {
                self.read_ahead();
            }
            let Some((line, parsed)) = self.waiting.pop_front() else { return };
            let (cloud_us, arrived) = match parsed {
                Ok(message) => (message.cloud_us, Arrived::Message(message)),
                Err(what) => (self.given_us, Arrived::Refused(what)),
            };
            self.pending.push(Reverse(Pending { cloud_us, line, arrived }));
        }
    }

    /// Reads the next line, and of a packed file those behind it.
    fn read_ahead(&mut self) {
        let from = self.lines.offset();
        while !self.is_over {
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
            self.waiting.push_back((self.lines.number(), parsed));
            let bytes = (self.lines.offset() - from) as usize;
            if !self.is_begun || !self.lines.is_packed() || bytes >= self.ahead {
                return;
            }
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

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::files::merge::Merge;

    const FILES: usize = limits::OPEN_FILES + 44;
    const LINES: usize = 150;

    /// A packed file whose messages arrive beside those of all others.
    fn packed(folder: &Path, number: usize) -> PathBuf {
        let at = folder.join(format!("{number}.jsonl.gz"));
        let mut file = GzEncoder::new(std::fs::File::create(&at).unwrap(), Compression::fast());
        for line in 0..LINES {
            let cloud_t = 1_600_000_000.0 + line as f64 + number as f64 / 1e4;
            let message = format!(
                r#"{{"device_id":"{number}","x":[1.0],"y":[1.0],"z":[1.0],"sr":1,"device_t":{cloud_t},"cloud_t":{cloud_t}}}"#
            );
            writeln!(file, "{message}").unwrap();
        }
        file.finish().unwrap();
        at
    }

    #[test]
    fn packed_files_that_may_not_all_be_open_are_unpacked_again_a_few_times_and_not_per_message() {
        let folder = tempfile::tempdir().unwrap();
        let merged = |ahead: usize| {
            let open = |number| {
                let mut file = FileMessages::open(&packed(folder.path(), number), ahead).unwrap();
                file.suspend();
                file
            };
            let mut merge = Merge::new((0..FILES).map(open).collect());
            let mut order = Vec::new();
            while let Some((file, (line, _))) = merge.next() {
                order.push((file, line));
                if order.len() % 1_000 == 0 {
                    assert!(merge.opened() <= limits::OPEN_FILES);
                }
            }
            let opened: u64 = merge.into_files().iter().map(|file| file.lines.opened()).sum();
            (order, opened as usize)
        };
        let (one_by_one, often) = merged(0);
        let (order, opened) = merged(limits::WAITING_PACKED_BYTES / FILES);
        assert!(order == one_by_one && order.len() == FILES * LINES, "the order is the same");
        assert!(opened <= 4 * FILES, "{opened} openings of {FILES} files");
        assert!(often > 10 * opened, "{often}: the test reaches what it is about");
    }
}
