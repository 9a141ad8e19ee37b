//! The items of one file waiting to be merged by time.

use std::collections::VecDeque;
use std::path::Path;

use super::options::Options;
use crate::files::merge::TimedItems;
use crate::files::parse::item::{Next, ParsedLine};
use crate::files::parse::reader::ItemReader;
use crate::{Error, Result, limits};

/// One file. Lines without a time of their own come with the line above them.
pub(super) struct FileItems {
    reader: ItemReader,
    waiting: VecDeque<(i64, ParsedLine)>,
    last_ms: i64,
    is_over: bool,
    /// A last line without its end is not taken: it may grow.
    holds_last: bool,
    /// Bytes that may wait of a packed file.
    ahead: usize,
    /// Why the file could not be read on.
    pub(super) failure: Option<Error>,
}

impl FileItems {
    /// Opens a file behind that line, which was read before. Of a packed one that many bytes may be
    /// read ahead.
    pub(super) fn open(options: &Options, at: &Path, behind: u64, ahead: usize) -> Result<Self> {
        let mut reader = ItemReader::open(options.format, &options.read, at)?;
        reader.skip_to(behind)?;
        Ok(FileItems {
            reader,
            waiting: VecDeque::new(),
            last_ms: i64::MIN,
            is_over: false,
            holds_last: options.follow,
            ahead,
            failure: None,
        })
    }

    pub(super) fn reader(&self) -> &ItemReader {
        &self.reader
    }

    fn fill(&mut self) {
        let mut bytes = 0;
        // One line is enough until it is the file's turn: very many files may wait.
        let (most, most_bytes) = match self.reader.lines().is_packed() {
            _ if self.last_ms == i64::MIN => (1, limits::WAITING_BYTES),
            true => {
                (usize::MAX, self.ahead.clamp(1, limits::WAITING_PACKED_BYTES / limits::OPEN_FILES))
            }
            false => (limits::WAITING_LINES, limits::WAITING_BYTES),
        };
        while !self.is_over && self.waiting.len() < most && bytes < most_bytes {
            let before = self.reader.lines().offset();
            match self.reader.next() {
                Ok(Next::Line(line)) if self.holds_last && !line.is_whole => self.is_over = true,
                Ok(Next::Line(line)) => {
                    let time = line.item.as_ref().ok().and_then(|item| item.time_ms());
                    // A file's first lines wait for its first time.
                    self.last_ms = time.unwrap_or(self.last_ms.max(i64::MIN + 1));
                    self.waiting.push_back((self.last_ms, line));
                }
                Ok(Next::Pending | Next::End) => self.is_over = true,
                Err(error) => {
                    self.failure = Some(error);
                    self.is_over = true;
                }
            }
            bytes += (self.reader.lines().offset() - before) as usize;
        }
    }
}

impl TimedItems for FileItems {
    type Item = ParsedLine;

    fn peek(&mut self) -> Option<i64> {
        if self.waiting.is_empty() {
            self.fill();
        }
        self.waiting.front().map(|(time, _)| *time)
    }

    fn next(&mut self) -> Option<ParsedLine> {
        self.waiting.pop_front().map(|(_, line)| line)
    }

    fn suspend(&mut self) {
        self.reader.lines_mut().suspend();
    }

    fn is_open(&self) -> bool {
        self.reader.lines().is_open()
    }
}
