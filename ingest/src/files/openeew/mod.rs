//! OpenEEW: messages of low-cost accelerometers, as the project publishes them.
//!
//! One JSON message per line, gzip or plain: `device_id`; `x`, `y`, `z` in gal; `sr` samples/s;
//! `device_t` = time of the *last* sample and `cloud_t` = arrival, both in seconds since 1970 UTC.
//! All files are merged by `cloud_t`, and each message becomes one packed message of its samples,
//! keyed by the device: sensor id = device id, event time = `device_t − (n−1−i)/sr` floored to
//! ms, phase `N`, quality 1, frequency = `sr` rounded, arrival = `cloud_t`, position from the
//! table of locations. Messages that a device repeats are imported each time.
//!
//! The producer is named by the content of the files, the table, component and topic: a repeated
//! or resumed import of the same files, in any order, adds nothing twice. A file that grew is
//! another file, and importing it adds all of it: import complete files.

mod component;
mod locations;
mod merge;
mod message;
mod options;
mod summary;

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use seismic_proto::SeismicRecord;
use seismic_queue::{Queue, partition_of, patiently};
use sha2::{Digest, Sha256};

use self::component::Amplitudes;
pub use self::component::{Component, UnknownComponent};
use self::locations::Locations;
use self::merge::{Arrived, Merge};
pub use self::options::Options;
pub use self::summary::ImportSummary;
use crate::appender::{Appender, appending, per_second};
use crate::batching::Batcher;
use crate::codec::{encode, pack_record};
use crate::files::file_digest::{Digest32, digests};
use crate::{Error, Result, producer_name};

/// Imports and returns when all is durable. The topic is made if it is missing.
///
/// Ends early, and cleanly, soon after `stop` is set; importing again continues from there.
/// `progress` receives the number of durable records from time to time.
///
/// # Errors
/// The first line that cannot be parsed ends the import, with file, line and what is wrong;
/// what came before it may be in the topic, and is recognised next time only if the files are the
/// same. Also a device without a location, a file named twice, and errors of the queue.
pub fn import(
    queue: &dyn Queue,
    options: &Options,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(u64),
) -> Result<ImportSummary> {
    options.check()?;
    let began = Instant::now();
    let locations = Locations::read(&options.locations)?;
    // In the order of their content, so that the order in which they were named does not matter.
    let digests: BTreeMap<_, _> =
        digests(&options.files)?.into_iter().zip(options.files.iter().cloned()).collect();
    let producer = producer_id(options, &locations, digests.keys());
    let files: Vec<PathBuf> = digests.into_values().collect();
    let mut import = Import {
        merge: Merge::open(&files)?,
        amplitudes: Amplitudes::new(options.component),
        locations: &locations,
        devices: HashSet::new(),
        messages: 0,
        stopped: false,
    };
    let topic = patiently(stop, || queue.create(&options.topic, options.partitions))?;
    let producer = queue.producer(&topic, &producer)?;
    let batcher = Batcher::new(options.partitions, 1);
    let tally =
        appending(producer, stop, progress, |appender| import.run(batcher, appender, stop))?;
    let took = began.elapsed();
    Ok(ImportSummary {
        published: tally.records,
        messages: import.messages,
        recognised: tally.recognised,
        devices: import.devices.len() as u64,
        stopped: import.stopped,
        seconds: took.as_secs_f64(),
        records_per_second: per_second(tally.records, took),
        topic: topic.name,
    })
}

struct Import<'a> {
    merge: Merge,
    amplitudes: Amplitudes,
    locations: &'a Locations,
    devices: HashSet<String>,
    messages: u64,
    stopped: bool,
}

impl Import<'_> {
    fn run(
        &mut self,
        mut batcher: Batcher,
        appender: &mut Appender<'_>,
        stop: &AtomicBool,
    ) -> Result<()> {
        let partitions = batcher.partitions();
        let mut value = Vec::new();
        while let Some(arrived) = self.merge.next()? {
            if stop.load(Ordering::Relaxed) {
                self.stopped = true;
                break;
            }
            self.encode_message(&arrived, &mut value)?;
            let key = arrived.message.device.as_bytes();
            let records = arrived.message.len() as u32;
            batcher.add_message(partition_of(key, partitions), key, &value, records);
            self.messages += 1;
            if !self.devices.contains(&arrived.message.device) {
                self.devices.insert(arrived.message.device);
            }
            if batcher.is_full() && !appender.send(&mut batcher) {
                return Ok(());
            }
        }
        // Whether this is appended is seen when the appending ends.
        let _ = appender.send(&mut batcher);
        Ok(())
    }

    /// Encodes the samples of a message as one packed message.
    fn encode_message(&mut self, arrived: &Arrived, value: &mut Vec<u8>) -> Result<()> {
        let message = &arrived.message;
        let Some((longitude, latitude)) = self.locations.get(&message.device) else {
            return Err(Error::NoLocation {
                at: arrived.at.clone(),
                line: arrived.line,
                device: message.device.clone(),
                locations: self.locations.at.clone(),
            });
        };
        let amplitudes = self.amplitudes.compute(message);
        let mut record = SeismicRecord {
            sensor_id: message.device.clone(),
            longitude,
            latitude,
            frequency: message.rate_hz.round() as i32,
            phase_type: "N".to_owned(),
            data_quality: 1,
            arrival_ms: message.arrival_ms(),
            ..SeismicRecord::default()
        };
        let mut bytes = Vec::new();
        value.clear();
        for (i, amplitude) in amplitudes.into_iter().enumerate() {
            record.collect_timestamp = message.sample_ms(i);
            record.seismic_amplitude = amplitude;
            bytes.clear();
            encode(&record, &mut bytes);
            pack_record(value, &bytes);
        }
        Ok(())
    }
}

/// A producer id for exactly this import.
fn producer_id<'a>(
    options: &Options,
    locations: &Locations,
    digests: impl Iterator<Item = &'a Digest32>,
) -> String {
    let Options { component, topic, partitions, .. } = options;
    let mut content = format!("2 {component} {topic} {partitions} ").into_bytes();
    content.extend_from_slice(&Sha256::digest(&locations.content));
    digests.for_each(|digest| content.extend_from_slice(digest));
    producer_name::by_content("openeew", &content)
}
