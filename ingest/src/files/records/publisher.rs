//! Turns items into messages of a batcher.

use seismic_proto::SeismicRecord;
use seismic_queue::limits::MESSAGE_BYTES;
use seismic_queue::partition_of;

use super::options::Options;
use crate::batching::Batcher;
use crate::codec::{encode, encoded_len, for_each_record, is_packed};
use crate::files::parse::item::Item;
use crate::files::parse::refusal::Refusal;
use crate::files::sensor_table::SensorTable;
use crate::{Error, limits};

/// What a message holds.
#[derive(Default)]
struct Contents {
    records: u64,
    /// Whether a record belongs to another partition than the key.
    is_elsewhere: bool,
    /// Sensor and time of the first record.
    first: Option<(String, i64)>,
}

/// Fills a batcher.
pub(super) struct Publisher {
    pub(super) batcher: Batcher,
    sensors: Option<SensorTable>,
    pack: u32,
    /// Bytes of the record in progress.
    record_bytes: Vec<u8>,
    /// Sensor and time of the first record of the last item.
    pub(super) last: Option<(String, i64)>,
}

impl Publisher {
    fn new(partitions: u32, pack: u32, sensors: Option<SensorTable>) -> Self {
        let batcher = Batcher::new(partitions, pack);
        Publisher { batcher, sensors, pack, record_bytes: Vec::new(), last: None }
    }

    /// # Errors
    /// A table of sensors that is wrong.
    pub(super) fn of(options: &Options) -> Result<Self, Error> {
        let sensors = options.sensors.as_deref().map(SensorTable::read).transpose()?;
        Ok(Publisher::new(options.partitions, options.pack, sensors))
    }

    /// Whether [`Publisher::add`] takes an item.
    ///
    /// # Errors
    /// Why it cannot be a message.
    pub(super) fn check(&self, item: &Item) -> Result<(), Refusal> {
        match (item, &self.sensors) {
            (Item::Record(record), Some(sensors)) => {
                let mut record = record.clone();
                sensors.apply(&mut record)?;
                check_record(&record)
            }
            (Item::Record(record), None) => check_record(record),
            (Item::Message { value, .. }, Some(sensors)) => {
                with_sensors(value, sensors)?.iter().try_for_each(check_record)
            }
            (Item::Message { key, value }, None) => self.contents(key, value).map(|_| ()),
        }
    }

    /// Adds an item, and says how many messages and records that makes. Where records are packed,
    /// messages are counted as records.
    ///
    /// # Errors
    /// Why it cannot be a message. Nothing of it was added then.
    pub(super) fn add(&mut self, item: Item) -> Result<(u64, u64), Refusal> {
        match item {
            Item::Record(mut record) => {
                if let Some(sensors) = &self.sensors {
                    sensors.apply(&mut record)?;
                }
                self.add_record(&record)?;
                self.last = Some((record.sensor_id, record.collect_timestamp));
                Ok((1, 1))
            }
            Item::Message { key, value } => match &self.sensors {
                Some(sensors) => {
                    let records = with_sensors(&value, sensors)?;
                    self.add_all(&records)
                }
                None => self.add_message(&key, &value),
            },
        }
    }

    fn add_all(&mut self, records: &[SeismicRecord]) -> Result<(u64, u64), Refusal> {
        records.iter().try_for_each(check_record)?;
        records.iter().try_for_each(|record| self.add_record(record))?;
        let first = records.first().map(|first| (first.sensor_id.clone(), first.collect_timestamp));
        self.last = first;
        let count = records.len() as u64;
        Ok((count, count))
    }

    /// Adds a message as it is, or its records one by one when a record belongs to another
    /// partition than the key.
    fn add_message(&mut self, key: &[u8], value: &[u8]) -> Result<(u64, u64), Refusal> {
        let partition = partition_of(key, self.batcher.partitions());
        let contents = self.contents(key, value)?;
        let Some(Contents { records, is_elsewhere, first }) = contents else {
            self.last = None;
            self.batcher.end_pack(partition);
            self.batcher.add_message(partition, key, value, 1);
            return Ok((1, 1));
        };
        self.last = first;
        if is_elsewhere {
            for_each_record(value, |record| {
                self.add_record(&record).expect("with the whole value it was not too large");
            });
            return Ok((records, records));
        }
        if !is_packed(value) {
            self.add_encoded(key, value);
            return Ok((1, 1));
        }
        let records = records.max(1);
        self.batcher.end_pack(partition);
        let count = u32::try_from(records).unwrap_or(u32::MAX);
        self.batcher.add_message(partition, key, value, count);
        Ok((if self.pack == 1 { 1 } else { records }, records))
    }

    /// What a message holds; `None` for one that does not decode.
    fn contents(&self, key: &[u8], value: &[u8]) -> Result<Option<Contents>, Refusal> {
        check_size(key, value)?;
        let partition = partition_of(key, self.batcher.partitions());
        let (mut size, mut contents) = (Ok(()), Contents::default());
        let decoded = for_each_record(value, |record| {
            let key = record.sensor_id.as_bytes();
            contents.records += 1;
            contents.is_elsewhere |= partition_of(key, self.batcher.partitions()) != partition;
            // The whole value is longer than each record in it.
            size = std::mem::replace(&mut size, Ok(())).and(check_size(key, value));
            if contents.first.is_none() {
                contents.first = Some((record.sensor_id, record.collect_timestamp));
            }
        });
        if decoded.is_none() {
            return Ok(None);
        }
        if contents.is_elsewhere {
            size?;
        }
        Ok(Some(contents))
    }

    fn add_record(&mut self, record: &SeismicRecord) -> Result<(), Refusal> {
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

fn with_sensors(value: &[u8], sensors: &SensorTable) -> Result<Vec<SeismicRecord>, Refusal> {
    let mut records = Vec::new();
    for_each_record(value, |record| records.push(record))
        .ok_or("its bytes are no records, so that no sensor can be looked up")?;
    records.iter_mut().try_for_each(|record| sensors.apply(record))?;
    Ok(records)
}

/// Whether the queue accepts the message that a record makes.
fn check_record(record: &SeismicRecord) -> Result<(), Refusal> {
    check_bytes(record.sensor_id.len(), encoded_len(record))
}

/// Whether the queue accepts a message of that key and value, packed or not.
fn check_size(key: &[u8], value: &[u8]) -> Result<(), Refusal> {
    check_bytes(key.len(), value.len())
}

fn check_bytes(key: usize, value: usize) -> Result<(), Refusal> {
    // Packing adds a tag and a length.
    let size = key + value + 16;
    if size <= MESSAGE_BYTES {
        return Ok(());
    }
    Err(format!("a message of {size} bytes would be larger than the limit of {MESSAGE_BYTES}")
        .into())
}
