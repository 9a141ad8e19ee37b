//! Lines of a file or of a live input, gzip or plain, read as a stream: neither a huge line nor a
//! gzip bomb takes more memory than one line may have.
//!
//! A file may be suspended, which closes it; the next read reopens it at its position. A live input
//! may have nothing yet; then an incomplete line waits for its rest.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::file_kind;
use super::gunzip::{Gunzip, MAGIC};
use crate::{Error, Result, limits};

/// What some programs write before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The lines of one file.
pub(crate) struct Lines {
    at: PathBuf,
    from: From,
    /// Whether the end is only the end for now.
    is_live: bool,
    /// Whether the bytes are taken as they are, and not unpacked.
    is_plain: bool,
    /// Whether they are unpacked.
    is_packed: bool,
    /// Bytes that a line may have.
    limit: usize,
    /// Number of the last line read, from 1.
    number: u64,
    /// Unpacked bytes before the next line.
    offset: u64,
    /// How often the file was opened.
    #[allow(dead_code, reason = "tests ask")]
    opened: u64,
    line: Vec<u8>,
    /// Bytes of the line in progress that were read, those beyond the limit too.
    begun: u64,
    /// Why what follows cannot be read.
    damage: Option<String>,
}

enum From {
    /// Not open; it can be opened at its place.
    Suspended,
    /// Open, and nothing of it was looked at.
    Raw(Box<dyn BufRead>),
    Text(Box<dyn BufRead>),
}

/// What reading gave.
#[derive(Debug)]
pub(crate) enum LineRead<'a> {
    /// A line with its end, if it has one.
    Line(&'a [u8]),
    /// A line that is longer than it may be. The next one can be read.
    TooLong(TooLong),
    /// Nothing more for now.
    Pending,
    /// Nothing more.
    End,
}

/// A line that is longer than it may be.
#[derive(Debug, thiserror::Error)]
#[error("it has more than {limit} bytes")]
pub(crate) struct TooLong {
    limit: usize,
}

/// What a line turned out to be, without its bytes.
enum Filled {
    Line,
    TooLong,
    Pending,
    End,
}

impl Lines {
    /// Lines of a file, of at most `limit` bytes each.
    pub(crate) fn open(at: &Path, limit: usize) -> Result<Self> {
        let mut lines = Self::new(at, From::Suspended, limit);
        lines.resume()?;
        Ok(lines)
    }

    /// Lines of a plain file that may grow: its end is never more than the end for now.
    pub(crate) fn following(at: &Path, limit: usize) -> Result<Self> {
        let mut lines = Self::new(at, From::Suspended, limit);
        (lines.is_live, lines.is_plain) = (true, true);
        lines.resume()?;
        Ok(lines)
    }

    /// Lines of anything; errors call it `at`. Reading may say that it would block.
    pub(crate) fn from_reader(at: &Path, from: impl Read + 'static, limit: usize) -> Self {
        let from: Box<dyn BufRead> = Box::new(BufReader::new(from));
        Self::new(at, From::Raw(from), limit)
    }

    fn new(at: &Path, from: From, limit: usize) -> Self {
        Lines {
            at: at.to_owned(),
            from,
            is_live: false,
            is_plain: false,
            is_packed: false,
            limit,
            number: 0,
            offset: 0,
            opened: 0,
            line: Vec::new(),
            begun: 0,
            damage: None,
        }
    }

    /// Closes the file until it is read again.
    pub(crate) fn suspend(&mut self) {
        self.from = From::Suspended;
        self.begun = 0;
    }

    /// The file grows no more: its last line is whole, with or without an end.
    pub(crate) fn end_live(&mut self) {
        self.is_live = false;
    }

    /// The file has another name now.
    pub(crate) fn rename(&mut self, at: &Path) {
        at.clone_into(&mut self.at);
    }

    /// Whether it is packed, as far as it was looked at.
    pub(crate) fn is_packed(&self) -> bool {
        self.is_packed
    }

    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.from, From::Suspended)
    }

    /// How often the file was opened.
    #[cfg(test)]
    pub(crate) fn opened(&self) -> u64 {
        self.opened
    }

    /// Opens the file at its place.
    fn resume(&mut self) -> Result<()> {
        self.opened += 1;
        let opening = |source| Error::Io { at: self.at.clone(), doing: "opening", source };
        let mut file = File::open(&self.at).map_err(opening)?;
        let meta = file.metadata().map_err(opening)?;
        if meta.is_dir() {
            return Err(Error::NoFile { at: self.at.clone() });
        }
        if self.offset == 0 {
            self.from = From::Raw(Box::new(BufReader::with_capacity(limits::READ_BYTES, file)));
            return Ok(());
        }
        let reading = |source| Error::Io { at: self.at.clone(), doing: "reading", source };
        let mut magic = [0; 2];
        let is_packed = !self.is_plain && file.read_exact(&mut magic).is_ok() && magic == MAGIC;
        let from = if is_packed { 0 } else { self.offset };
        file.seek(SeekFrom::Start(from)).map_err(reading)?;
        let plain = BufReader::with_capacity(limits::READ_BYTES, file);
        self.from = if is_packed {
            let mut text = BufReader::new(Gunzip::new(plain));
            let skipped = io::copy(&mut text.by_ref().take(self.offset), &mut io::sink());
            skipped.map_err(reading)?;
            From::Text(Box::new(text))
        } else {
            From::Text(Box::new(plain))
        };
        Ok(())
    }

    /// The next line.
    ///
    /// # Errors
    /// When the file cannot be read, or is known to be something else than text. A file that is
    /// cut or damaged ends there: see [`Lines::damage`].
    pub(crate) fn read(&mut self) -> Result<LineRead<'_>> {
        if !self.is_open() {
            self.resume()?;
        }
        let limit = self.limit;
        Ok(match self.fill()? {
            Filled::Line => LineRead::Line(&self.line),
            Filled::TooLong => LineRead::TooLong(TooLong { limit }),
            Filled::Pending => LineRead::Pending,
            Filled::End => LineRead::End,
        })
    }

    fn fill(&mut self) -> Result<Filled> {
        if self.damage.is_some() {
            return Ok(Filled::End);
        }
        if self.begun == 0 {
            self.line.clear();
        }
        loop {
            match self.take_piece() {
                Ok(Piece::LineEnd) => break,
                Ok(Piece::More) => {}
                Ok(Piece::NotText(what)) => {
                    return Err(Error::NotText { at: self.at.clone(), what });
                }
                Ok(Piece::End) if self.is_live => return Ok(Filled::Pending),
                Ok(Piece::End) if self.begun == 0 => return Ok(Filled::End),
                Ok(Piece::End) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Filled::Pending),
                Err(error) => return self.damaged(error),
            }
        }
        self.number += 1;
        self.offset += self.begun;
        let is_too_long = self.begun > self.limit as u64;
        self.begun = 0;
        if is_too_long {
            return Ok(Filled::TooLong);
        }
        if self.number == 1 && self.line.starts_with(BYTE_ORDER_MARK) {
            self.line.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(Filled::Line)
    }

    /// Takes what is there of the line, as far as the limit, and drops the rest.
    fn take_piece(&mut self) -> io::Result<Piece> {
        if let From::Raw(raw) = &mut self.from {
            let is_packed = !self.is_plain && raw.fill_buf()?.starts_with(&MAGIC);
            self.is_packed = is_packed;
            if let From::Raw(raw) = std::mem::replace(&mut self.from, From::Suspended) {
                self.from = From::Text(match is_packed {
                    true => {
                        Box::new(BufReader::with_capacity(limits::READ_BYTES, Gunzip::new(raw)))
                    }
                    false => raw,
                });
            }
        }
        let From::Text(text) = &mut self.from else {
            return Ok(Piece::End);
        };
        let bytes = text.fill_buf()?;
        if bytes.is_empty() {
            return Ok(Piece::End);
        }
        if self.offset == 0
            && self.begun == 0
            && let Some(what) = file_kind::of(bytes)
        {
            return Ok(Piece::NotText(what));
        }
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let taken = end.map_or(bytes.len(), |end| end + 1);
        let room = (self.limit + 1).saturating_sub(self.line.len()).min(taken);
        self.line.extend_from_slice(&bytes[..room]);
        text.consume(taken);
        self.begun += taken as u64;
        Ok(if end.is_some() { Piece::LineEnd } else { Piece::More })
    }

    /// Ends the file where it is damaged. The beginning of a line is no line.
    fn damaged(&mut self, error: io::Error) -> Result<Filled> {
        let lines = self.number;
        let what = match error.kind() {
            ErrorKind::UnexpectedEof => format!("it is cut: its gzip data end after line {lines}"),
            ErrorKind::InvalidData | ErrorKind::InvalidInput => {
                format!("it is damaged after line {lines}: {error}")
            }
            _ => return Err(Error::Io { at: self.at.clone(), doing: "reading", source: error }),
        };
        self.damage = Some(what);
        self.line.clear();
        self.begun = 0;
        Ok(Filled::End)
    }

    /// Why what follows the last line cannot be read, for a file that is cut or damaged.
    pub(crate) fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }

    /// Number of the last line read, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Unpacked bytes before the next line.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes of a line that has begun.
    pub(crate) fn begun(&self) -> u64 {
        self.begun
    }

    pub(crate) fn at(&self) -> &Path {
        &self.at
    }
}

/// What was taken of a line.
enum Piece {
    LineEnd,
    More,
    End,
    NotText(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::io::Cursor;

    /// Lines that are within the limit; `None` for those that are not.
    fn read_all(lines: &mut Lines) -> Vec<Option<String>> {
        let mut read = Vec::new();
        loop {
            match lines.read().unwrap() {
                LineRead::Line(line) => read.push(Some(String::from_utf8(line.to_vec()).unwrap())),
                LineRead::TooLong(_) => read.push(None),
                LineRead::Pending | LineRead::End => return read,
            }
        }
    }

    fn line(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_the_next_one_is_read() {
        let text: &[u8] = b"\xef\xbb\xbfone\n12345678\n123456789012345\r\ntwo";
        let mut lines = Lines::from_reader(Path::new("x"), text, 8);
        assert_eq!(read_all(&mut lines), [line("one\n"), None, None, line("two")]);
    }

    #[test]
    fn a_gzip_bomb_is_a_long_line() {
        let mut zip = flate2::bufread::GzEncoder::new(
            BufReader::new(io::repeat(b'x').take(64 << 20)),
            flate2::Compression::fast(),
        );
        let mut bomb = Vec::new();
        zip.read_to_end(&mut bomb).unwrap();
        let mut lines = Lines::from_reader(Path::new("x"), Cursor::new(bomb), 1_000);
        assert_eq!(read_all(&mut lines), [None]);
        assert!(lines.line.capacity() < 10_000);
    }

    #[test]
    fn a_suspended_file_goes_on_at_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let text = "one\ntwo\nthree\n";
        let mut zip = flate2::read::GzEncoder::new(text.as_bytes(), flate2::Compression::fast());
        let mut packed = Vec::new();
        zip.read_to_end(&mut packed).unwrap();
        for bytes in [text.as_bytes(), &packed] {
            let at = folder.path().join("file");
            std::fs::write(&at, bytes).unwrap();
            let mut lines = Lines::open(&at, 100).unwrap();
            for expected in ["one\n", "two\n", "three\n"] {
                assert!(
                    matches!(lines.read().unwrap(), LineRead::Line(line) if line == expected.as_bytes())
                );
                lines.suspend();
                assert!(!lines.is_open());
            }
            assert!(matches!(lines.read().unwrap(), LineRead::End) && lines.number() == 3);
        }
    }

    /// Gives its pieces one by one, and says in between that it would block.
    struct Slow(VecDeque<&'static [u8]>, bool);

    impl Read for Slow {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(ErrorKind::WouldBlock.into());
            }
            let piece = self.0.pop_front().unwrap_or_default();
            into[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    #[test]
    fn the_beginning_of_a_line_waits_for_its_rest() {
        let pieces: [&[u8]; 4] = [b"on", b"e\ntw", b"o\n", b"three"];
        let mut lines = Lines::from_reader(Path::new("x"), Slow(pieces.into(), false), 100);
        let mut read = Vec::new();
        for _ in 0..20 {
            read.extend(read_all(&mut lines));
        }
        assert_eq!(read, [line("one\n"), line("two\n"), line("three")]);
    }
}
