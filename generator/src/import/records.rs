//! Records in the project's own fields, as JSON lines or CSV: what other programs write, and what
//! `seismic read` printed.
//!
//! Files are imported one after the other, each in its order; a record goes to the partition of
//! its sensor, with the sensor as key. A printed message stays as it is, key and packing included,
//! as long as its records belong to the partition of its key; otherwise, as in a topic with
//! another number of partitions, it is taken apart, so that a sensor stays in one partition.
//! Values are not judged, only lines that no record can express are refused.
//!
//! Each file is a producer of its own, named by its content, topic, partitions and packing: a
//! repeated import adds nothing twice, and one that was stopped or killed goes on where it was. A
//! file that grew is another file. What can be read only once, standard input or a pipe, cannot
//! be named by its content: importing it again adds it again.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use seismic_proto::SeismicRecord;
use seismic_queue::limits::MESSAGE_BYTES;
use seismic_queue::{Queue, Topic, partition_of, patiently};
use serde::Serialize;

use super::csv::Table;
use super::digest::{Digest32, digests};
use super::jsonl;
use super::lines::Lines;
pub use super::refusals::Refusals;
use super::refusals::shortened;
use crate::appender::{Appender, Tally, appending};
use crate::kind::Kind;
use crate::lanes::Lanes;
use crate::plan::{named_by, random};
use crate::stream::Made;
use crate::summary::per_second;
use crate::value::{each_record, encode, is_packed};
use crate::{Error, Result, Wrong, limits};

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a header.
    Csv,
}

/// What to import, and where to.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// How the files are written.
    pub format: Format,
    /// Files, gzip or plain; `-` is standard input.
    pub files: Vec<PathBuf>,
    /// Where records go; made if it is missing.
    pub topic: String,
    /// Partitions of the topic.
    pub partitions: u32,
    /// Records per message, as far as they do not come in messages.
    pub pack: u32,
    /// Whether the first line that must be refused ends the import.
    pub strict: bool,
}

impl Options {
    /// An import with the usual topic and partitions that counts what it refuses.
    #[must_use]
    pub fn new(format: Format, files: Vec<PathBuf>) -> Self {
        let crate::Options { topic, partitions, pack, .. } = crate::Options::default();
        Options { format, files, topic, partitions, pack, strict: false }
    }

    fn check(&self) -> Result<()> {
        if self.files.is_empty() {
            return Err(Error::Options { wrong: vec![Wrong::NoFiles] });
        }
        // Topic, partitions and packs follow the same rules as those of a generated run.
        let common = crate::Options {
            topic: self.topic.clone(),
            partitions: self.partitions,
            pack: self.pack,
            ..crate::Options::default()
        };
        common.check()
    }
}

/// What an import did. Serialises to the object that `--json` prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RecordsSummary {
    /// Records that are durable in the topic; those of an earlier try too. A message that is no
    /// record counts as one.
    pub published: u64,
    /// Messages that were there already, from an earlier try of the same import.
    pub recognised: u64,
    /// Lines that are no records.
    pub refused: Refusals,
    /// Files read to their end.
    pub files: u64,
    /// Whether a stop ended it early; import again to go on.
    pub stopped: bool,
    /// How long it took.
    pub seconds: f64,
    /// `published / seconds`.
    pub records_per_second: f64,
    /// Where the records went.
    pub topic: String,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    /// A record that gets its key from its sensor.
    Record(SeismicRecord),
    /// A message with its key.
    Message { key: Vec<u8>, value: Vec<u8> },
}

/// A line that was read.
pub(crate) struct Read {
    /// Its number, from 1; the first one's of several that belong together.
    pub(crate) line: u64,
    /// What it says, or what is wrong with it.
    pub(crate) item: Result<Item, String>,
}

/// Imports and returns when all is durable. The topic is made if it is missing.
///
/// Ends early, and cleanly, soon after `stop` is set; importing again goes on from there.
/// `progress` is told the number of durable records every now and then.
///
/// # Errors
/// A file that cannot be read, a header that names other fields, a file named twice, with
/// `strict` the first line that must be refused, and errors of the queue that do not pass. What
/// came before is in the topic, and is recognised next time.
pub fn import(
    queue: &dyn Queue,
    options: &Options,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(u64),
) -> Result<RecordsSummary> {
    options.check()?;
    let began = Instant::now();
    let producers = producer_ids(options)?;
    let topic = patiently(stop, || queue.create(&options.topic, options.partitions))?;
    let mut summary = RecordsSummary { topic: topic.name.clone(), ..RecordsSummary::default() };
    for (file, producer) in options.files.iter().zip(&producers) {
        let before = summary.published;
        let (queue, mut progress) =
            (To { queue, topic: &topic, producer }, |n| progress(before + n));
        let tally = queue.import(file, options, stop, &mut progress, &mut summary)?;
        summary.published += tally.records;
        summary.recognised += tally.recognised;
        if summary.stopped {
            break;
        }
        summary.files += 1;
    }
    let took = began.elapsed();
    summary.seconds = took.as_secs_f64();
    summary.records_per_second = per_second(summary.published, took);
    Ok(summary)
}

/// Where a file goes, and under which name.
struct To<'a> {
    queue: &'a dyn Queue,
    topic: &'a Topic,
    producer: &'a str,
}

impl To<'_> {
    fn import(
        &self,
        file: &Path,
        options: &Options,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(u64),
        summary: &mut RecordsSummary,
    ) -> Result<Tally> {
        let producer = self.queue.producer(self.topic, self.producer)?;
        let mut job = Job {
            feed: Feed::open(options.format, file)?,
            at: file,
            strict: options.strict,
            lanes: Lanes::new(options.partitions, options.pack),
            bytes: Vec::new(),
            summary,
        };
        appending(producer, stop, progress, |appender| job.run(appender, stop))
    }
}

/// One file's items.
pub(crate) enum Feed {
    Jsonl(Lines),
    Csv(Table),
}

impl Feed {
    fn open(format: Format, file: &Path) -> Result<Self> {
        let limit = match format {
            Format::Jsonl => limits::JSON_LINE_BYTES,
            Format::Csv => limits::LINE_BYTES,
        };
        let lines = if is_stdin(file) { Lines::stdin(limit)? } else { Lines::open(file, limit)? };
        Self::of(format, lines)
    }

    pub(crate) fn of(format: Format, lines: Lines) -> Result<Self> {
        match format {
            Format::Jsonl => Ok(Feed::Jsonl(lines)),
            Format::Csv => Table::open(lines).map(Feed::Csv),
        }
    }

    /// The next line that is not blank.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn next(&mut self) -> Result<Option<Read>> {
        let lines = match self {
            Feed::Csv(table) => return table.next(),
            Feed::Jsonl(lines) => lines,
        };
        loop {
            let item = match lines.read()? {
                None => return Ok(None),
                Some(Ok(line)) if line.trim_ascii().is_empty() => continue,
                Some(Ok(line)) => jsonl::parse(line),
                Some(Err(too_long)) => Err(too_long.to_string()),
            };
            return Ok(Some(Read { line: lines.number(), item }));
        }
    }
}

struct Job<'a> {
    feed: Feed,
    at: &'a Path,
    strict: bool,
    lanes: Lanes,
    /// A record's bytes.
    bytes: Vec<u8>,
    summary: &'a mut RecordsSummary,
}

impl Job<'_> {
    fn run(&mut self, appender: &mut Appender<'_>, stop: &AtomicBool) -> Result<()> {
        while let Some(Read { line, item }) = self.feed.next()? {
            if stop.load(Ordering::Relaxed) {
                self.summary.stopped = true;
                break;
            }
            if let Err(what) = item.and_then(|item| self.put(item)) {
                self.refuse(line, what)?;
            }
            if self.lanes.is_full() && !appender.send(&mut self.lanes) {
                return Ok(());
            }
        }
        if self.summary.stopped {
            // The rest of these packs comes with the import that goes on, which needs them whole.
            self.lanes.drop_packs();
        } else {
            self.lanes.close_packs(i64::MAX);
        }
        // Whether this is appended is seen when the appending ends.
        let _ = appender.send(&mut self.lanes);
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

    fn put(&mut self, item: Item) -> Result<(), String> {
        let (key, value) = match item {
            Item::Record(record) => return self.put_record(&record),
            Item::Message { key, value } => (key, value),
        };
        check_size(&key, &value)?;
        let partition = partition_of(&key, self.lanes.partitions());
        let (mut records, mut elsewhere, mut size) = (0, false, Ok(()));
        let decoded = each_record(&value, |record| {
            let key = record.sensor_id.as_bytes();
            records += 1;
            elsewhere |= partition_of(key, self.lanes.partitions()) != partition;
            // The whole value is more than one record of it.
            size = std::mem::replace(&mut size, Ok(())).and(check_size(key, &value));
        });
        if decoded.is_some() && elsewhere {
            size?;
            each_record(&value, |record| {
                self.put_record(&record).expect("with the whole value it was not too large");
            });
        } else if decoded.is_some() && !is_packed(&value) {
            self.add(&key, &value);
        } else {
            self.lanes.end_pack(partition);
            self.lanes.add_message(partition, &key, &value, records.max(1));
        }
        Ok(())
    }

    fn put_record(&mut self, record: &SeismicRecord) -> Result<(), String> {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        encode(record, &mut bytes);
        let key = record.sensor_id.as_bytes();
        let fits = check_size(key, &bytes);
        if fits.is_ok() {
            self.add(key, &bytes);
        }
        self.bytes = bytes;
        fits
    }

    /// Adds the bytes of one record.
    fn add(&mut self, key: &[u8], value: &[u8]) {
        let partition = partition_of(key, self.lanes.partitions());
        if self.lanes.pack_bytes(partition) + value.len() > limits::PACK_BYTES {
            self.lanes.end_pack(partition);
        }
        self.lanes.add(&Made { kind: Kind::Valid, partition, key, value }, 0);
    }
}

/// Whether a message of that key and value, packed or not, is one that the queue takes.
fn check_size(key: &[u8], value: &[u8]) -> Result<(), String> {
    // Packing adds a tag and a length.
    let size = key.len() + value.len() + 16;
    if size <= MESSAGE_BYTES {
        return Ok(());
    }
    Err(format!("a message of {size} bytes would be larger than the limit of {MESSAGE_BYTES}"))
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

/// The name of each file's producer.
fn producer_ids(options: &Options) -> Result<Vec<String>> {
    let again = |file: &Path| !is_stdin(file) && !is_stream(file);
    let lasting: Vec<PathBuf> = options.files.iter().filter(|file| again(file)).cloned().collect();
    let mut digests = digests(&lasting)?.into_iter();
    let mut id = |file: &PathBuf| match again(file) {
        true => producer_id(options, &digests.next().expect("there is one for each such file")),
        false => format!("records-{:016x}", random()),
    };
    Ok(options.files.iter().map(&mut id).collect())
}

/// Whether a path leads to a pipe or the like; what is not there is a file that is missing.
fn is_stream(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

fn producer_id(options: &Options, digest: &Digest32) -> String {
    let Options { format, topic, partitions, pack, .. } = options;
    let mut content = format!("1 {format:?} {topic} {partitions} {pack} ").into_bytes();
    content.extend_from_slice(digest);
    named_by("records", &content)
}
