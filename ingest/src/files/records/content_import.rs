//! Imports of files into a queue that knows producers alone: each file is a producer, named by its
//! content, topic, partitions and packing, and recognised as a whole.
//!
//! Files come one after the other, in the order of their first times. A file that grew or was mended
//! is another file.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use seismic_queue::{Queue, Topic};

use super::import_run::ImportRun;
use super::options::Options;
use crate::appender::{Appender, Tally, appending};
use crate::files::file_digest::{Digest32, digest};
use crate::files::parse::item::Next;
use crate::files::parse::reader::ItemReader;
use crate::{Result, producer_name};

/// The files in the order of the first time of each.
pub(super) fn by_first_time(options: &Options, files: &[PathBuf]) -> Vec<PathBuf> {
    let mut files = files.to_vec();
    files.sort_by_cached_key(|file| first_time(options, file).unwrap_or(i64::MIN));
    files
}

fn first_time(options: &Options, file: &Path) -> Option<i64> {
    let mut reader = ItemReader::open(options.format, &options.read, file).ok()?;
    loop {
        match reader.next().ok()? {
            Next::Line(line) => {
                if let Some(time) = line.item.ok().and_then(|item| item.time_ms()) {
                    return Some(time);
                }
            }
            Next::Pending | Next::End => return None,
        }
    }
}

/// The name of the producer of a file.
///
/// # Errors
/// When it cannot be read.
pub(super) fn producer_of(options: &Options, file: &Path) -> Result<String> {
    let digest: Digest32 = digest(file)?;
    let Options { format, topic, partitions, pack, .. } = options;
    let mut content = format!("1 {format:?} {topic} {partitions} {pack} ").into_bytes();
    content.extend_from_slice(&digest);
    Ok(producer_name::by_content("records", &content))
}

/// Imports one file.
///
/// # Errors
/// With `strict` the first refused line, a file that cannot be read, and errors of the queue.
pub(super) fn import_file(
    (queue, topic): (&dyn Queue, &Topic),
    (file, producer): (&Path, &str),
    options: &Options,
    run: &mut ImportRun<'_>,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(u64),
) -> Result<Tally> {
    let producer = queue.producer(topic, producer)?;
    let mut reader = ItemReader::open(options.format, &options.read, file)?;
    appending(producer, stop, progress, |appender| publish(&mut reader, file, run, appender, stop))
}

/// Sends all items, or those before a stop. Packs are cut in the same places each time.
fn publish(
    reader: &mut ItemReader,
    at: &Path,
    run: &mut ImportRun<'_>,
    appender: &mut Appender<'_>,
    stop: &AtomicBool,
) -> Result<()> {
    let mut identity = Vec::new();
    while let Next::Line(line) = reader.next()? {
        if stop.load(Ordering::Relaxed) {
            run.summary.stopped = true;
            break;
        }
        run.take(at, line, &mut identity)?;
        let batcher = &mut run.publisher.batcher;
        if batcher.is_full() && !appender.send(batcher) {
            return Ok(());
        }
    }
    if run.summary.stopped {
        // An import that continues needs these packs whole.
        run.publisher.batcher.discard_packs();
    } else {
        run.publisher.batcher.close_packs(i64::MAX);
        run.end_file(at, reader.comments(), reader.lines().damage());
    }
    // Whether this is appended is seen when the appending ends.
    let _ = appender.send(&mut run.publisher.batcher);
    Ok(())
}
