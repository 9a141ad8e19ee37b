//! The input of a trial: files, read as `seismic import` reads them, or a topic as it is.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use seismic_ingest::files::openeew::{self, Component};
use seismic_ingest::files::records::{self, Format, ReadOptions, RecordsSummary};
use seismic_queue::memory::Memory;
use seismic_queue::{Event, Partition, Queue, Span};

use super::arrival::Arrivals;
use super::limits;
use crate::error::Usage;

/// Topic of the queue that files are read into.
const READ: &str = "read";

/// How often the end of a topic is looked for that is read.
const READ_WAIT: Duration = Duration::from_millis(100);

/// How files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum FileFormat {
    /// Records as JSON lines, or the output of `seismic read --format json`
    Jsonl,
    /// Records as CSV with a header
    Csv,
    /// Messages of OpenEEW's accelerometers
    Openeew,
}

/// Where records come from.
pub enum Input<'a> {
    /// Files.
    Files(FileInput),
    /// A topic, up to its present end.
    Topic(&'a dyn Queue, String),
}

/// Files, and how they are to be understood.
pub struct FileInput {
    /// The files.
    pub files: Vec<PathBuf>,
    /// How they are written; `None`: as the name of each says.
    pub format: Option<FileFormat>,
    /// How records are to be understood.
    pub read: ReadOptions,
    /// Whether somebody said what parts columns: else a `.tsv` has tabs.
    pub has_delimiter: bool,
    /// Table of sensors that is applied to records.
    pub sensors: Option<PathBuf>,
    /// Positions of OpenEEW's devices.
    pub locations: Option<PathBuf>,
    /// Which component of their axes becomes the amplitude.
    pub component: Component,
    /// Records per message, where the files do not say.
    pub pack: u32,
    /// Whether the first refused line is an error.
    pub strict: bool,
    /// Partitions of the topic that they would go to.
    pub partitions: u32,
}

/// What was read.
pub struct LoadedInput {
    /// The messages.
    pub arrivals: Arrivals,
    /// Partitions of their topic.
    pub partitions: u32,
    /// What is to be said of files of records.
    pub summary: RecordsSummary,
    /// Whether files of several formats were read, one format after the other.
    pub is_of_parts: bool,
}

/// Reads all of it.
///
/// # Errors
/// What cannot be read, and more than fits.
pub fn load(input: &Input<'_>, stop: &AtomicBool, now_ms: i64) -> anyhow::Result<LoadedInput> {
    match input {
        Input::Files(files) => files.load(stop, now_ms),
        Input::Topic(queue, name) => load_topic(*queue, name, stop),
    }
}

impl FileInput {
    fn load(&self, stop: &AtomicBool, now_ms: i64) -> anyhow::Result<LoadedInput> {
        let queue = Memory::new();
        let mut summary = RecordsSummary::default();
        let mut formats: Vec<(FileFormat, u8)> = Vec::new();
        for file in &self.files {
            let format = self.format_of(file);
            if !formats.contains(&format) {
                formats.push(format);
            }
        }
        let is_full = AtomicBool::new(false);
        for &format in &formats {
            let files: Vec<PathBuf> =
                self.files.iter().filter(|file| self.format_of(file) == format).cloned().collect();
            let before = summary.published;
            let mut progress = |records: u64| {
                if stop.load(Ordering::Relaxed) || before + records > limits::RECORDS {
                    is_full.store(true, Ordering::Relaxed);
                }
            };
            self.import(&queue, format, files, &is_full, &mut progress, &mut summary)?;
        }
        let mut arrivals = Arrivals::default();
        let topic = queue.topic(READ)?;
        let spans = queue.spans(&topic)?;
        check_size(&spans, summary.published)?;
        read_all(&queue, READ, &spans, stop, |partition, message, _| {
            arrivals.push(partition, message, None, now_ms);
        })?;
        if arrivals.bytes > limits::MESSAGE_BYTES {
            return Err(too_large().into());
        }
        let is_of_parts = formats.len() > 1;
        Ok(LoadedInput { arrivals, partitions: self.partitions, summary, is_of_parts })
    }

    fn import(
        &self,
        queue: &Memory,
        (format, delimiter): (FileFormat, u8),
        files: Vec<PathBuf>,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(u64),
        into: &mut RecordsSummary,
    ) -> anyhow::Result<()> {
        let format = match format {
            FileFormat::Csv => Format::Csv,
            FileFormat::Jsonl => Format::Jsonl,
            FileFormat::Openeew => {
                let options = openeew::Options {
                    locations: self.locations.clone(),
                    sensors: self.sensors.clone(),
                    component: self.component,
                    topic: READ.to_owned(),
                    partitions: self.partitions,
                    ..openeew::Options::new(files, PathBuf::new())
                };
                let read = openeew::import(queue, &options, stop, progress)?;
                into.published += read.published;
                into.refused.append(read.refused);
                into.unread.append(read.unread);
                into.remarks.append(read.remarks);
                return Ok(());
            }
        };
        let options = records::Options {
            topic: READ.to_owned(),
            partitions: self.partitions,
            pack: self.pack,
            strict: self.strict,
            read: ReadOptions { delimiter, ..self.read.clone() },
            sensors: self.sensors.clone(),
            ..records::Options::new(format, files)
        };
        let read = records::import(queue, &options, stop, progress)?;
        into.published += read.published;
        into.comments += read.comments;
        into.refused.append(read.refused);
        into.unread.append(read.unread);
        into.remarks.append(read.remarks);
        into.defaults.data_quality += read.defaults.data_quality;
        into.defaults.phase_type += read.defaults.phase_type;
        into.defaults.seismic_amplitude += read.defaults.seismic_amplitude;
        Ok(())
    }

    /// How a file is written, and what parts its columns.
    fn format_of(&self, file: &Path) -> (FileFormat, u8) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        let is_tsv = name.ends_with(".tsv");
        let format = self.format.unwrap_or(match name {
            _ if is_tsv || name.ends_with(".csv") || name.ends_with(".txt") => FileFormat::Csv,
            _ if self.locations.is_some() => FileFormat::Openeew,
            _ => FileFormat::Jsonl,
        });
        let delimiter = match is_tsv && !self.has_delimiter {
            true => b'\t',
            false => self.read.delimiter,
        };
        (format, if format == FileFormat::Csv { delimiter } else { b',' })
    }
}

fn load_topic(queue: &dyn Queue, name: &str, stop: &AtomicBool) -> anyhow::Result<LoadedInput> {
    let topic = queue.topic(name)?;
    let spans = queue.spans(&topic)?;
    check_size(&spans, 0)?;
    let mut arrivals = Arrivals::default();
    let mut is_large = false;
    read_all(queue, name, &spans, stop, |partition, message, taken_ms| {
        is_large |= arrivals.bytes > limits::MESSAGE_BYTES;
        if !is_large {
            arrivals.push(partition, message, Some(taken_ms), i64::MAX);
        }
    })?;
    if is_large {
        return Err(too_large().into());
    }
    let summary = RecordsSummary { published: arrivals.records, ..RecordsSummary::default() };
    Ok(LoadedInput { arrivals, partitions: topic.partitions, summary, is_of_parts: false })
}

/// Calls `found` with partition, key and value, and append time of each message.
fn read_all(
    queue: &dyn Queue,
    name: &str,
    spans: &[Span],
    stop: &AtomicBool,
    mut found: impl FnMut(u32, (&[u8], &[u8]), i64),
) -> seismic_queue::Result<()> {
    let topic = queue.topic(name)?;
    let mut spare = Vec::new();
    for (partition, span) in spans.iter().enumerate() {
        let partition = Partition(partition as u32);
        let mut reader = queue.reader(&topic, &[(partition, span.first)])?;
        let mut next = span.first;
        while next < span.end && !stop.load(Ordering::Relaxed) {
            match reader.read(READ_WAIT, &mut spare)? {
                Event::Batch(batch) => {
                    for message in batch.messages().take_while(|it| it.offset < span.end) {
                        found(partition.0, (message.key, message.value), message.append_ms);
                    }
                    next = batch.next();
                    spare.push(batch);
                }
                Event::CaughtUp(_, at) => next = next.max(at),
                _ => {}
            }
        }
    }
    Ok(())
}

fn check_size(spans: &[Span], records: u64) -> anyhow::Result<()> {
    let messages: u64 = spans.iter().map(|span| span.end.0.saturating_sub(span.first.0)).sum();
    match messages > limits::MESSAGES || records > limits::RECORDS {
        true => Err(too_large().into()),
        false => Ok(()),
    }
}

fn too_large() -> Usage {
    Usage(format!(
        "the input has more than {} messages, {} records or {} MiB, and all of it is held in memory: \
         test with a part of it",
        limits::MESSAGES,
        limits::RECORDS,
        limits::MESSAGE_BYTES >> 20
    ))
}
