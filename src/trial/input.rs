//! The input of a trial: files, read as `seismic import` reads them, or a topic as it is.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use seismic_ingest::files::openeew::{self, Component};
use seismic_ingest::files::records::{self, Format, ReadOptions, RecordsSummary};
use seismic_queue::memory::Memory;
use seismic_queue::{Queue, Span, SpanReader};

use super::arrival::Arrivals;
use super::limits;
use crate::error::Usage;

/// Topic of the queue that files are read into.
const READ: &str = "read";

/// How often the end of a topic is looked for that is read.
const READ_WAIT: Duration = Duration::from_millis(100);

/// Bytes of a message in a block, besides its key and its value, at most.
const FRAME_BYTES: u64 = 16;

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
        let (ends, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
        for &format in &formats {
            let files: Vec<PathBuf> =
                self.files.iter().filter(|file| self.format_of(file) == format).cloned().collect();
            let before = summary.published;
            // Nothing is written here: what is too large ends the import as somebody would.
            let mut progress = |records: u64| {
                if before + records > limits::RECORDS || is_over_memory(&queue) {
                    is_over.store(true, Ordering::Relaxed);
                }
                if stop.load(Ordering::Relaxed) || is_over.load(Ordering::Relaxed) {
                    ends.store(true, Ordering::Relaxed);
                }
            };
            let read = self.import(&queue, format, files, &ends, &mut progress, &mut summary);
            if is_over.load(Ordering::Relaxed) {
                return Err(too_large().into());
            }
            read?;
        }
        let mut arrivals = Arrivals::default();
        let topic = queue.topic(READ)?;
        let spans = queue.spans(&topic)?;
        check_size(&spans, summary.published)?;
        read_all(&queue, READ, &spans, (stop, limits::END_PATIENCE), |partition, message, _| {
            arrivals.push(partition, message, None, now_ms);
            !is_large(&arrivals)
        })?;
        if is_large(&arrivals) {
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
    read_all(queue, name, &spans, (stop, limits::END_PATIENCE), |partition, message, taken_ms| {
        arrivals.push(partition, message, Some(taken_ms), i64::MAX);
        !is_large(&arrivals)
    })?;
    if is_large(&arrivals) {
        return Err(too_large().into());
    }
    let summary = RecordsSummary { published: arrivals.records, ..RecordsSummary::default() };
    Ok(LoadedInput { arrivals, partitions: topic.partitions, summary, is_of_parts: false })
}

/// Calls `found` with partition, key and value, and append time of each message, as long as it says
/// that there is room.
///
/// # Errors
/// Those of the queue, and when nothing comes for so long before the end.
fn read_all(
    queue: &dyn Queue,
    name: &str,
    spans: &[Span],
    (stop, patience): (&AtomicBool, Duration),
    mut found: impl FnMut(u32, (&[u8], &[u8]), i64) -> bool,
) -> anyhow::Result<()> {
    let topic = queue.topic(name)?;
    let mut has_room = true;
    for (partition, span) in topic.all().zip(spans) {
        let mut reader = SpanReader::new(queue, &topic, partition, *span)?;
        let mut came = Instant::now();
        while has_room && !reader.is_at_end() && !stop.load(Ordering::Relaxed) {
            let moves = reader.read(READ_WAIT, |message| {
                if has_room {
                    let content = (message.key, message.value);
                    has_room = found(partition.0, content, message.append_ms);
                }
                Ok::<_, seismic_queue::Error>(())
            })?;
            if moves {
                came = Instant::now();
            } else if came.elapsed() >= patience {
                return Err(anyhow!(
                    "topic {name}, partition {}: no message came for {} s, and {} of {} are \
                     read: a transaction that is not finished may hold back its end; `seismic \
                     doctor` names it",
                    partition.0,
                    patience.as_secs(),
                    reader.next(),
                    span.end
                ));
            }
        }
    }
    Ok(())
}

/// Whether the messages that were read are more than fit.
fn is_large(arrivals: &Arrivals) -> bool {
    arrivals.bytes > limits::MESSAGE_BYTES || arrivals.records > limits::RECORDS
}

/// The same while files are read into a queue. What cannot be looked at is refused later.
fn is_over_memory(queue: &Memory) -> bool {
    let size = || {
        let topic = queue.topic(READ)?;
        let messages: u64 = queue.spans(&topic)?.iter().map(|span| span.end.0).sum();
        Ok::<_, seismic_queue::Error>((messages, queue.bytes(&topic)?))
    };
    size().is_ok_and(|(messages, bytes)| {
        messages > limits::MESSAGES || bytes > limits::MESSAGE_BYTES + messages * FRAME_BYTES
    })
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

#[cfg(test)]
mod tests {
    use seismic_queue::{Append, Block, Offset, Partition};

    use super::*;

    fn queue(messages: u32) -> (Memory, Vec<Span>) {
        let queue = Memory::new();
        let topic = queue.create("t", 1).unwrap();
        let mut block = Block::default();
        for _ in 0..messages {
            block.push(b"key", b"value").unwrap();
        }
        let append = Append { partition: Partition(0), first_sequence: 0, block: &block };
        queue.producer(&topic, "p").unwrap().append(&[append]).unwrap();
        let spans = queue.spans(&topic).unwrap();
        (queue, spans)
    }

    #[test]
    fn an_end_that_is_held_back_is_an_error_that_says_where() {
        let (queue, mut spans) = queue(3);
        spans[0].end = Offset(5);
        let patience = (&AtomicBool::new(false), Duration::from_millis(10));
        let mut read = 0;
        let error = read_all(&queue, "t", &spans, patience, |_, _, _| {
            read += 1;
            true
        });
        let why = error.unwrap_err().to_string();
        assert!(why.contains("partition 0") && why.contains("3 of 5"), "{why}");
        assert!(why.contains("transaction") && read == 3, "{why}");
    }

    #[test]
    fn reading_ends_where_there_is_no_more_room() {
        let (queue, spans) = queue(9);
        let mut read = 0;
        let patience = (&AtomicBool::new(false), Duration::from_secs(60));
        read_all(&queue, "t", &spans, patience, |_, _, _| {
            read += 1;
            read < 4
        })
        .unwrap();
        assert_eq!(read, 4);
    }

    #[test]
    fn a_frame_of_a_message_is_no_longer_than_it_is_taken_for() {
        let (queue, spans) = queue(100);
        let bytes = queue.bytes(&queue.topic("t").unwrap()).unwrap();
        assert!((800..=100 * (8 + FRAME_BYTES)).contains(&bytes), "{bytes}");
        assert_eq!(spans[0].end, Offset(100));
    }
}
