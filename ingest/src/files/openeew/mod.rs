//! OpenEEW: messages of low-cost accelerometers, as the project publishes them.
//!
//! One JSON message per line, gzip or plain: `device_id`; `x`, `y`, `z` in gal; `sr` samples/s;
//! `device_t` = time of the *last* sample and `cloud_t` = arrival, both in seconds since 1970 UTC.
//! All files are merged by `cloud_t`, and each message becomes one packed message of its samples,
//! keyed by the device: sensor id = device id, event time = `device_t − (n−1−i)/sr` floored to
//! ms, phase `N`, quality 1, frequency = `sr` rounded, arrival = `cloud_t`, position from the
//! table of locations.
//!
//! A message is identified by its device and `device_t` and imported once, whichever file contains
//! it. A queue with an import log keeps this across imports, as ranges of `device_t`, and the rest
//! position of each device, so it does not matter how files are split over imports. In other
//! queues, the same set of files, in any order, is recognised as a whole.

mod component;
mod device_note;
mod devices;
mod file_messages;
mod locations;
mod message;
mod options;
mod sample_encoder;
mod seen_times;
mod summary;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use seismic_queue::{Queue, Topic, partition_of, patiently};
use sha2::{Digest, Sha256};

pub use self::component::{Component, UnknownComponent};
use self::devices::Devices;
use self::file_messages::{Arrived, FileMessages};
use self::message::Message;
pub use self::options::Options;
use self::sample_encoder::SampleEncoder;
pub use self::summary::ImportSummary;
use crate::appender::{Appender, Destination, appending_to, per_second};
use crate::batching::Batcher;
use crate::files::file_digest::{Digest32, digest};
use crate::files::merge::{Merge, TimedItems};
use crate::files::newest_times::NewestTimes;
use crate::files::parse::refusals::shortened;
use crate::{Error, Result, limits, producer_name};

/// Imports and returns when all is durable. The topic is made if it is missing.
///
/// Ends early, and cleanly, soon after `stop` is set; importing again continues from there.
/// `progress` receives the number of durable records from time to time. Lines that are no messages
/// and files that cannot be read are counted and named.
///
/// # Errors
/// A table that is wrong, and errors of the queue.
pub fn import(
    queue: &dyn Queue,
    options: &Options,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(u64),
) -> Result<ImportSummary> {
    options.check()?;
    let began = Instant::now();
    let encoder = SampleEncoder::new(options)?;
    let topic = patiently(stop, || queue.create(&options.topic, options.partitions))?;
    let mut summary = ImportSummary { topic: topic.name.clone(), ..ImportSummary::default() };
    // In the order of their content, so that the order in which they were named does not matter.
    let mut files: BTreeMap<Digest32, PathBuf> = BTreeMap::new();
    for file in &options.files {
        match digest(file) {
            Ok(digest) => drop(files.insert(digest, file.clone())),
            Err(error) => summary.unread.add(&error, None),
        }
    }
    let producer = producer_id(options, &encoder, files.keys())?;
    let import_log = || queue.import_log(&topic);
    let log = patiently(stop, import_log)?;
    // Whoever imported these files before notes were kept is recognised by its producer.
    let is_known = log.is_some() && has_producer(queue, &topic, &producer)?;
    let (mut notes, log) = match is_known {
        true => (None, None),
        false => (patiently(stop, import_log)?, log),
    };
    if log.is_none() && !is_known && !options.again {
        refuse_what_may_be_there(queue, &topic, &producer)?;
    }
    let destination = match log {
        Some(log) => Destination::ImportLog(log),
        None => Destination::Producer(queue.producer(&topic, &producer)?),
    };
    let files: Vec<PathBuf> = files.into_values().collect();
    let notes = notes.as_deref_mut().map(|notes| notes as &mut dyn seismic_queue::ImportLog);
    let mut import = Import {
        encoder,
        devices: Devices::new(options.component, notes),
        batcher: Batcher::new(options.partitions, 1),
        newest: NewestTimes::default(),
        component: options.component,
        full: HashSet::new(),
        summary: &mut summary,
    };
    let (tally, done) = appending_to(destination, stop, progress, |appender| {
        let done = import.run(&files, appender, stop);
        import.summary.devices = import.devices.count();
        // What was read is published, however it ended.
        import.flush(appender);
        done
    });
    summary.published += tally.records;
    summary.recognised += tally.recognised;
    if let Err(source) = done {
        let source = Box::new(source);
        return Err(Error::Partly { published: tally.records, source });
    }
    let took = began.elapsed();
    summary.seconds = took.as_secs_f64();
    summary.records_per_second = per_second(summary.published, took);
    Ok(summary)
}

/// What producers of these imports are called.
const PRODUCER: &str = "openeew";

struct Import<'a> {
    encoder: SampleEncoder,
    devices: Devices<'a>,
    batcher: Batcher,
    newest: NewestTimes,
    component: Component,
    /// Devices of which something had to be forgotten.
    full: HashSet<String>,
    summary: &'a mut ImportSummary,
}

impl Import<'_> {
    fn run(
        &mut self,
        paths: &[PathBuf],
        appender: &mut Appender<'_>,
        stop: &AtomicBool,
    ) -> Result<()> {
        let mut files = Vec::with_capacity(paths.len());
        // What is not open is unpacked again from its start.
        let ahead = match paths.len() > limits::OPEN_FILES {
            true => limits::WAITING_PACKED_BYTES / paths.len(),
            false => 0,
        };
        for path in paths {
            match FileMessages::open(path, ahead) {
                Ok(mut file) => {
                    if paths.len() > limits::OPEN_FILES {
                        file.suspend();
                    }
                    files.push(file);
                }
                Err(error) => self.summary.unread.add(&error, None),
            }
        }
        let names: Vec<PathBuf> = files.iter().map(FileMessages::at).collect();
        let mut merge = Merge::new(files);
        while let Some((file, (line, arrived))) = merge.next() {
            if stop.load(Ordering::Relaxed) {
                self.summary.stopped = true;
                return Ok(());
            }
            let refused = match arrived {
                Arrived::Message(message) => self.import_message(&names[file], &message)?,
                Arrived::Refused(what) => Some(what),
            };
            if let Some(what) = refused {
                let (at, what) = (names[file].clone(), shortened(what));
                self.summary.refused.add(&Error::Line { at, line, what }, None);
            }
            if self.batcher.is_full() && !self.flush(appender) {
                return Ok(());
            }
        }
        for file in merge.into_files() {
            let damage = file.lines().damage().map(str::to_owned);
            let damaged = damage.map(|what| Error::Damaged { at: file.at(), what });
            if let Some(error) = file.failure.or(damaged) {
                self.summary.unread.add(&error, None);
            }
        }
        Ok(())
    }

    /// Takes a message, unless it is in already. What is wrong with it, if something is.
    fn import_message(&mut self, at: &Path, message: &Message) -> Result<Option<String>> {
        let device = self.devices.get(&message.device)?;
        if device.seen.has(message.device_us) {
            self.summary.repeated += 1;
            return Ok(None);
        }
        self.summary.messages += 1;
        if device.before.has(message.device_us) {
            self.devices.see(message);
            self.summary.recognised += 1;
            self.summary.published += message.len() as u64;
            return Ok(None);
        }
        let rest = device.note.rest.unwrap_or_else(|| component::rest(message));
        let amplitudes = self.component.amplitudes(message, rest);
        let packs = match self.encoder.encode(message, &amplitudes) {
            Ok(packs) => packs,
            Err(what) => {
                self.summary.messages -= 1;
                return Ok(Some(what));
            }
        };
        device.note.rest = Some(rest);
        self.devices.see(message);
        for pack in packs {
            let key = pack.sensor.as_bytes();
            let partition = partition_of(key, self.batcher.partitions());
            self.batcher.add_message(partition, key, &pack.value, pack.records);
        }
        if !self.devices.add(message) && self.full.insert(message.device.clone()) {
            self.summary.remarks.add(format!(
                "device {}: there are too many gaps to remember all of its messages; the oldest, \
                 imported again, would be added again",
                message.device
            ));
        }
        let first = (message.device.as_str(), message.sample_ms(0));
        let notes = self.devices.notes();
        self.newest.see(notes, first, at, &mut self.summary.remarks)?;
        Ok(None)
    }

    /// Sends what is in progress, with the notes about it. `false` when appending has failed.
    fn flush(&mut self, appender: &mut Appender<'_>) -> bool {
        if self.batcher.is_empty() {
            return true;
        }
        let mut changes = self.devices.take_changes();
        changes.extend(self.newest.take_changes());
        appender.send_noted(&mut self.batcher, changes)
    }
}

/// Refuses files that are not those of an earlier import, where others, or a part of the topic that
/// is not looked through, may hold the same messages.
fn refuse_what_may_be_there(queue: &dyn Queue, topic: &Topic, producer: &str) -> Result<()> {
    let Some(known) = queue.known_producers(topic)? else { return Ok(()) };
    let is_import = |id: &String| id.starts_with(PRODUCER);
    if known.ids.contains(producer) || (known.are_all && !known.ids.iter().any(is_import)) {
        return Ok(());
    }
    Err(Error::MessagesMayBeThere)
}

/// Whether that producer has appended anything.
fn has_producer(queue: &dyn Queue, topic: &Topic, id: &str) -> Result<bool> {
    if queue.known_producers(topic)?.is_some_and(|known| !known.ids.contains(id)) {
        return Ok(false);
    }
    let mut producer = queue.producer(topic, id)?;
    for partition in topic.all() {
        if producer.next_sequence(partition)? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A producer id for exactly this import.
fn producer_id<'a>(
    options: &Options,
    encoder: &SampleEncoder,
    digests: impl Iterator<Item = &'a Digest32>,
) -> Result<String> {
    let Options { component, topic, partitions, sensors, .. } = options;
    let mut content = format!("2 {component} {topic} {partitions} ").into_bytes();
    content.extend_from_slice(&Sha256::digest(encoder.locations()));
    digests.for_each(|digest| content.extend_from_slice(digest));
    if let Some(table) = sensors {
        content.extend_from_slice(b" sensors ");
        content.extend_from_slice(&digest(table)?);
    }
    Ok(producer_name::by_content(PRODUCER, &content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_table_of_sensors_makes_another_import() {
        let folder = tempfile::tempdir().unwrap();
        let name = |table: Option<&str>| {
            let sensors = table.map(|text| {
                let path = folder.path().join("sensors.csv");
                std::fs::write(&path, text).unwrap();
                path
            });
            let locations = folder.path().join("locations.csv");
            std::fs::write(&locations, "device_id,latitude,longitude\n").unwrap();
            let options = Options { sensors, ..Options::new(vec![], locations) };
            producer_id(&options, &SampleEncoder::new(&options).unwrap(), [].iter()).unwrap()
        };
        let names = [name(None), name(Some("id\nS1\n")), name(Some("id\nS1\nS2\n"))];
        assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2]);
    }
}
