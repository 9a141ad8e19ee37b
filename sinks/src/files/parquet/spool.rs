//! The spool: rows that no file has yet, as the result topic has them.
//!
//! ```text
//! record   length of the row's bytes, u32 │ CRC-32 of what follows, u32 │ partition, u32 │ offset, u64 │ bytes
//! ```
//!
//! Numbers are little-endian. The mark says how much of it counts; the checksums find what was changed
//! since.

#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // It parses foreign bytes.

use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use seismic_proto::{Row, Schema};
use seismic_queue::{Offset, Partition};

use super::table_file::PlacedRow;
use crate::files::durable;
use crate::{Error, Result, Rows, failpoints};

/// Bytes of partition and offset.
const PLACE_BYTES: usize = 12;

/// An open spool.
#[derive(Debug)]
pub(super) struct Spool {
    at: PathBuf,
    number: u64,
    file: File,
    /// Length of whole batches. The file itself is never longer between calls.
    bytes: u64,
    /// Encoded rows of one batch, so that each batch is one write.
    encoded: Vec<u8>,
    /// Whether its name is durable.
    is_named: bool,
}

impl Spool {
    /// The spool of that file, of which so much counts.
    pub(super) fn of(at: PathBuf, number: u64, mut file: File, bytes: u64) -> Result<Spool> {
        cut(&mut file, bytes).map_err(Error::io(&at, "cutting back"))?;
        Ok(Spool { at, number, file, bytes, encoded: Vec::new(), is_named: bytes > 0 })
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds rows at its end. When that fails, it is cut back.
    pub(super) fn add(&mut self, rows: &Rows<'_>) -> Result<()> {
        self.encoded.clear();
        for at in rows.iter() {
            let place: [&[u8]; 2] = [&rows.partition().0.to_le_bytes(), &at.offset.0.to_le_bytes()];
            let mut crc = crc32fast::Hasher::new();
            place.iter().for_each(|part| crc.update(part));
            crc.update(at.bytes);
            let length = u32::try_from(at.bytes.len()).expect("a message has at most 16 MiB");
            self.encoded.extend_from_slice(&length.to_le_bytes());
            self.encoded.extend_from_slice(&crc.finalize().to_le_bytes());
            place.iter().for_each(|part| self.encoded.extend_from_slice(part));
            self.encoded.extend_from_slice(at.bytes);
        }
        let half = self.encoded.len() / 2;
        let (first, rest) = self.encoded.split_at(half);
        let written = self
            .file
            .write_all(first)
            .and_then(|()| failpoints::pass_io(failpoints::WRITE))
            .and_then(|()| self.file.write_all(rest));
        if let Err(error) = written {
            if let Err(source) = cut(&mut self.file, self.bytes) {
                return Err(Error::Io { at: self.at.clone(), doing: "cutting back", source });
            }
            return Err(Error::io(&self.at, "writing rows")(error));
        }
        self.bytes = self.bytes.saturating_add(self.encoded.len() as u64);
        Ok(())
    }

    /// Flushes it to the disk.
    pub(super) fn sync(&mut self) -> Result<()> {
        durable::sync(&self.file, &self.at)?;
        if !self.is_named {
            self.at.parent().map_or(Ok(()), durable::sync_folder)?;
            self.is_named = true;
        }
        Ok(())
    }

    /// Hands over each row of it.
    pub(super) fn each(
        &self,
        schema: &Schema,
        each: impl FnMut(PlacedRow) -> Result<()>,
    ) -> Result<()> {
        let file = File::open(&self.at).map_err(Error::io(&self.at, "reading the spool"))?;
        read(&self.at, file, self.bytes, schema, each)
    }
}

/// Hands over each row of the first `bytes` of a spool.
pub(super) fn read(
    at: &std::path::Path,
    file: File,
    bytes: u64,
    schema: &Schema,
    mut each: impl FnMut(PlacedRow) -> Result<()>,
) -> Result<()> {
    let (mut file, mut left) = (BufReader::new(file.take(bytes)), bytes);
    let damaged = |what| Error::CommitFileDamaged { at: at.to_owned(), what };
    let mut record = Vec::new();
    while left > 0 {
        let mut head = [0; 8];
        file.read_exact(&mut head).map_err(|_| damaged("a row of the spool is cut"))?;
        let [a, b, c, d, e, f, g, h] = head;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        let whole = length.saturating_add(PLACE_BYTES);
        left = left
            .checked_sub(head.len() as u64)
            .and_then(|left| left.checked_sub(whole as u64))
            .ok_or_else(|| damaged("a row of the spool is cut"))?;
        record.resize(whole, 0);
        file.read_exact(&mut record).map_err(|_| damaged("a row of the spool is cut"))?;
        if crc32fast::hash(&record) != u32::from_le_bytes([e, f, g, h]) {
            return Err(damaged("a row of the spool was changed: its checksum does not fit"));
        }
        each(placed(&record, schema).ok_or_else(|| damaged("a row of the spool is none"))?)?;
    }
    Ok(())
}

fn placed(record: &[u8], schema: &Schema) -> Option<PlacedRow> {
    let (partition, rest) = record.split_first_chunk::<4>()?;
    let (offset, bytes) = rest.split_first_chunk::<8>()?;
    let mut row = Row::new(schema);
    row.decode(schema, bytes).ok()?;
    Some(PlacedRow {
        partition: Partition(u32::from_le_bytes(*partition)),
        offset: Offset(u64::from_le_bytes(*offset)),
        row,
    })
}

/// Cuts a file to its first `bytes`; the next write is appended there.
fn cut(file: &mut File, bytes: u64) -> std::io::Result<()> {
    file.set_len(bytes)?;
    file.seek(SeekFrom::Start(bytes))?;
    Ok(())
}
