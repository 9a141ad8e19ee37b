//! Lines of a file, gzip or plain, read as a stream: neither a huge line nor a gzip bomb takes
//! more memory than one line may have.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::limits;
use crate::{Error, Result};

/// The first two bytes of every gzip file (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The lines of one file.
pub(crate) struct Lines {
    at: PathBuf,
    from: Box<dyn BufRead>,
    /// Number of the last line read, from 1.
    number: u64,
    line: Vec<u8>,
}

impl Lines {
    pub(crate) fn open(at: &Path) -> Result<Self> {
        let failed = |doing| move |source| Error::Io { at: at.to_owned(), doing, source };
        let mut file = BufReader::new(File::open(at).map_err(failed("opening"))?);
        let head = file.fill_buf().map_err(failed("reading"))?;
        let from: Box<dyn BufRead> = if head.starts_with(&GZIP) {
            Box::new(BufReader::new(MultiGzDecoder::new(file)))
        } else {
            Box::new(file)
        };
        Ok(Lines { at: at.to_owned(), from, number: 0, line: Vec::new() })
    }

    /// The next line that is not blank, without its end; `None` after the last.
    ///
    /// # Errors
    /// When the file cannot be read, is cut, or the line is longer than
    /// [`limits::LINE_BYTES`].
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>> {
        loop {
            self.line.clear();
            let mut limited = (&mut self.from).take(limits::LINE_BYTES as u64 + 1);
            let read = limited.read_until(b'\n', &mut self.line);
            self.number += 1;
            match read {
                Err(error) => return Err(self.wrong(format!("it cannot be read: {error}"))),
                Ok(0) => return Ok(None),
                Ok(size) if size > limits::LINE_BYTES => {
                    return Err(
                        self.wrong(format!("it has more than {} bytes", limits::LINE_BYTES))
                    );
                }
                Ok(_) if self.line.trim_ascii().is_empty() => {}
                Ok(_) => return Ok(Some(self.line.trim_ascii())),
            }
        }
    }

    /// Number of the last line read, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// An error about the last line read.
    pub(crate) fn wrong(&self, what: String) -> Error {
        Error::Line { at: self.at.clone(), line: self.number, what }
    }
}
