//! Lines of a file or of standard input, gzip or plain, read as a stream: neither a huge line nor
//! a gzip bomb takes more memory than one line may have.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::{Error, Result};

/// The first two bytes of every gzip file (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What some programs write before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The lines of one file.
pub(crate) struct Lines {
    at: PathBuf,
    from: Box<dyn BufRead>,
    /// Bytes that a line may have.
    limit: usize,
    /// Number of the last line read, from 1.
    number: u64,
    line: Vec<u8>,
}

/// A line that is longer than it may be. The next one can be read.
#[derive(Debug, thiserror::Error)]
#[error("it has more than {limit} bytes")]
pub(crate) struct TooLong {
    limit: usize,
}

impl Lines {
    /// Lines of a file, of at most `limit` bytes each.
    pub(crate) fn open(at: &Path, limit: usize) -> Result<Self> {
        let failed = |source| Error::Io { at: at.to_owned(), doing: "opening", source };
        Self::from_reader(at, File::open(at).map_err(failed)?, limit)
    }

    /// Lines of standard input.
    pub(crate) fn stdin(limit: usize) -> Result<Self> {
        Self::from_reader(Path::new("standard input"), io::stdin(), limit)
    }

    /// Lines of anything; errors call it `at`.
    pub(crate) fn from_reader(
        at: &Path,
        mut from: impl Read + 'static,
        limit: usize,
    ) -> Result<Self> {
        let failed = |source| Error::Io { at: at.to_owned(), doing: "reading", source };
        let mut head = Vec::with_capacity(GZIP.len());
        from.by_ref().take(GZIP.len() as u64).read_to_end(&mut head).map_err(failed)?;
        let zipped = head == GZIP;
        let plain = BufReader::new(Cursor::new(head).chain(from));
        let from: Box<dyn BufRead> = if zipped {
            Box::new(BufReader::new(MultiGzDecoder::new(plain)))
        } else {
            Box::new(plain)
        };
        Ok(Lines { at: at.to_owned(), from, limit, number: 0, line: Vec::new() })
    }

    /// The next line that is not blank, without its end; `None` after the last.
    ///
    /// # Errors
    /// As [`Lines::read`], and when the line is too long.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>> {
        loop {
            match self.advance()? {
                None => return Ok(None),
                Some(Err(too_long)) => return Err(self.error(too_long.to_string())),
                Some(Ok(())) if self.line.trim_ascii().is_empty() => {}
                Some(Ok(())) => return Ok(Some(self.line.trim_ascii())),
            }
        }
    }

    /// The next line as it is, with its end; `None` after the last.
    ///
    /// # Errors
    /// When the file cannot be read or is cut.
    pub(crate) fn read(&mut self) -> Result<Option<Result<&[u8], TooLong>>> {
        let read = self.advance()?;
        Ok(read.map(|read| read.map(|()| self.line.as_slice())))
    }

    /// Reads a line into `self.line`; `None` after the last.
    fn advance(&mut self) -> Result<Option<Result<(), TooLong>>> {
        self.number += 1;
        self.fill().map_err(|error| self.error(format!("it cannot be read: {error}")))
    }

    fn fill(&mut self) -> Result<Option<Result<(), TooLong>>, io::Error> {
        self.line.clear();
        let limited = (&mut self.from).take(self.limit as u64 + 1);
        if { limited }.read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        if self.line.len() > self.limit {
            if self.line.last() != Some(&b'\n') {
                self.from.skip_until(b'\n')?;
            }
            return Ok(Some(Err(TooLong { limit: self.limit })));
        }
        if self.number == 1 && self.line.starts_with(BYTE_ORDER_MARK) {
            self.line.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(Some(Ok(())))
    }

    /// Number of the last line read, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// An error about the last line read.
    pub(crate) fn error(&self, what: String) -> Error {
        Error::Line { at: self.at.clone(), line: self.number, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_the_next_one_is_read() {
        let text: &[u8] = b"\xef\xbb\xbfone\n12345678\n123456789012345\r\ntwo";
        let mut lines = Lines::from_reader(Path::new("x"), text, 8).unwrap();
        let mut read = Vec::new();
        while let Some(line) = lines.read().unwrap() {
            read.push(line.map(|line| String::from_utf8(line.to_vec()).unwrap()).ok());
        }
        let line = |text: &str| Some(text.to_owned());
        assert_eq!(read, [line("one\n"), None, None, line("two")]);
    }

    #[test]
    fn a_gzip_bomb_is_a_long_line() {
        let mut zip = flate2::bufread::GzEncoder::new(
            BufReader::new(io::repeat(b'x').take(64 << 20)),
            flate2::Compression::fast(),
        );
        let mut bomb = Vec::new();
        zip.read_to_end(&mut bomb).unwrap();
        let mut lines = Lines::from_reader(Path::new("x"), Cursor::new(bomb), 1_000).unwrap();
        assert!(matches!(lines.read(), Ok(Some(Err(TooLong { .. })))));
        assert!(lines.line.capacity() < 10_000 && lines.read().unwrap().is_none());
    }
}
