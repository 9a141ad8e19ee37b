//! Files as messages of a statement's input.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use seismic_proto::{Message as _, Row, Schema};

use crate::error::Usage;
use crate::trial::arrival::Arrival;
use crate::trial::expected::Expected;
use crate::trial::limits;

/// The lines of files, each a message; `-` is standard input.
///
/// # Errors
/// What cannot be read, and more than fits.
pub fn read_lines(files: &[PathBuf]) -> anyhow::Result<Vec<Arrival>> {
    let mut into = Messages::default();
    for path in files {
        let file: Box<dyn Read> = match path == Path::new("-") {
            true => Box::new(io::stdin()),
            false => Box::new(File::open(path).with_context(|| path.display().to_string())?),
        };
        // A line that does not end is not read to its end.
        for line in BufReader::new(file.take(limits::MESSAGE_BYTES + 1)).split(b'\n') {
            let line = line.with_context(|| path.display().to_string())?;
            into.push(line.trim_ascii().to_vec())?;
        }
    }
    Ok(into.all)
}

/// Rows of windows, as `seismic test` of the job before it writes them: columns that are left out are
/// 0 or empty.
///
/// # Errors
/// What is no row, and more than fits.
pub fn read_windows(files: &[PathBuf]) -> anyhow::Result<Vec<Arrival>> {
    let mut into = Messages::default();
    for path in files {
        for found in Expected::read(path)?.rows {
            let mut row = Row::new(Schema::windows());
            for (column, value) in found.values.iter().enumerate() {
                let Some(value) = value else { continue };
                if !row.set(Schema::windows(), column, value.as_ref()) {
                    let (name, place) = (&Schema::windows().columns()[column].name, &found.place);
                    let why = format!("{}: {place}: {name} cannot be that", path.display());
                    return Err(Usage(why).into());
                }
            }
            if let Row::Window(row) = row {
                into.push(row.encode_to_vec())?;
            }
        }
    }
    Ok(into.all)
}

#[derive(Default)]
struct Messages {
    all: Vec<Arrival>,
    bytes: u64,
}

impl Messages {
    fn push(&mut self, value: Vec<u8>) -> Result<(), Usage> {
        self.bytes += value.len() as u64 + 1;
        if self.bytes > limits::MESSAGE_BYTES || self.all.len() as u64 >= limits::MESSAGES {
            return Err(Usage(format!(
                "the input has more than {} messages or {} MiB, and all of it is held in memory: test \
                 with a part of it",
                limits::MESSAGES,
                limits::MESSAGE_BYTES >> 20
            )));
        }
        if !value.is_empty() {
            let (key, value) = (Box::default(), value.into_boxed_slice());
            self.all.push(Arrival { at_ms: 0, partition: 0, key, value });
        }
        Ok(())
    }
}
