//! Publishes one file's items as messages.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use seismic_proto::SeismicRecord;
use seismic_queue::limits::MESSAGE_BYTES;
use seismic_queue::partition_of;

use super::item::{Item, ParsedLine};
use super::options::Options;
use super::reader::ItemReader;
use super::refusals::shortened;
use super::summary::RecordsSummary;
use crate::appender::Appender;
use crate::batching::Batcher;
use crate::codec::{encode, for_each_record, is_packed};
use crate::{Error, Result, limits};

/// The import of one file.
pub(super) struct FileImport<'a> {
    items: ItemReader,
    at: &'a Path,
    strict: bool,
    batcher: Batcher,
    /// Bytes of the record in progress.
    record_bytes: Vec<u8>,
    summary: &'a mut RecordsSummary,
}

impl<'a> FileImport<'a> {
    /// Opens the file.
    ///
    /// # Errors
    /// As [`ItemReader::open`].
    pub(super) fn open(
        at: &'a Path,
        options: &Options,
        summary: &'a mut RecordsSummary,
    ) -> Result<Self> {
        Ok(FileImport {
            items: ItemReader::open(options.format, at)?,
            at,
            strict: options.strict,
            batcher: Batcher::new(options.partitions, options.pack),
            record_bytes: Vec::new(),
            summary,
        })
    }

    /// Sends all items, or those before a stop.
    ///
    /// # Errors
    /// A file that cannot be read, and with `strict` the first refused line.
    pub(super) fn run(&mut self, appender: &mut Appender<'_>, stop: &AtomicBool) -> Result<()> {
        while let Some(ParsedLine { number, item }) = self.items.next()? {
            if stop.load(Ordering::Relaxed) {
                self.summary.stopped = true;
                break;
            }
            if let Err(what) = item.and_then(|item| self.add_item(item)) {
                self.refuse(number, what)?;
            }
            if self.batcher.is_full() && !appender.send(&mut self.batcher) {
                return Ok(());
            }
        }
        if self.summary.stopped {
            // An import that continues needs these packs whole.
            self.batcher.discard_packs();
        } else {
            self.batcher.close_packs(i64::MAX);
        }
        // Whether this is appended is seen when the appending ends.
        let _ = appender.send(&mut self.batcher);
        Ok(())
    }

    fn refuse(&mut self, line: u64, what: String) -> Result<()> {
        let refused = Error::Line { at: self.at.to_owned(), line, what: shortened(what) };
        if self.strict {
            return Err(refused);
        }
        self.summary.refused.add(&refused);
        Ok(())
    }

    fn add_item(&mut self, item: Item) -> Result<(), String> {
        match item {
            Item::Record(record) => self.add_record(&record),
            Item::Message { key, value } => self.add_message(&key, &value),
        }
    }

    /// Adds a message as it is, or its records one by one when a record belongs to another
    /// partition than the key.
    fn add_message(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        check_size(key, value)?;
        let partition = partition_of(key, self.batcher.partitions());
        let (mut records, mut elsewhere, mut size) = (0, false, Ok(()));
        let decoded = for_each_record(value, |record| {
            let key = record.sensor_id.as_bytes();
            records += 1;
            elsewhere |= partition_of(key, self.batcher.partitions()) != partition;
            // The whole value is longer than each record in it.
            size = std::mem::replace(&mut size, Ok(())).and(check_size(key, value));
        });
        if decoded.is_some() && elsewhere {
            size?;
            for_each_record(value, |record| {
                self.add_record(&record).expect("with the whole value it was not too large");
            });
        } else if decoded.is_some() && !is_packed(value) {
            self.add_encoded(key, value);
        } else {
            self.batcher.end_pack(partition);
            self.batcher.add_message(partition, key, value, records.max(1));
        }
        Ok(())
    }

    fn add_record(&mut self, record: &SeismicRecord) -> Result<(), String> {
        let mut bytes = std::mem::take(&mut self.record_bytes);
        bytes.clear();
        encode(record, &mut bytes);
        let key = record.sensor_id.as_bytes();
        let fits = check_size(key, &bytes);
        if fits.is_ok() {
            self.add_encoded(key, &bytes);
        }
        self.record_bytes = bytes;
        fits
    }

    /// Adds the bytes of one record.
    fn add_encoded(&mut self, key: &[u8], value: &[u8]) {
        let partition = partition_of(key, self.batcher.partitions());
        if self.batcher.pack_bytes(partition) + value.len() > limits::PACK_BYTES {
            self.batcher.end_pack(partition);
        }
        self.batcher.add_record(partition, key, value, 0);
    }
}

/// Whether the queue accepts a message of that key and value, packed or not.
fn check_size(key: &[u8], value: &[u8]) -> Result<(), String> {
    // Packing adds a tag and a length.
    let size = key.len() + value.len() + 16;
    if size <= MESSAGE_BYTES {
        return Ok(());
    }
    Err(format!("a message of {size} bytes would be larger than the limit of {MESSAGE_BYTES}"))
}
