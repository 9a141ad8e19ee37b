//! Imports files into a queue without an import log: each file is a producer, named by its content,
//! topic, partitions and packing, read options and sensor table, and is recognised as a whole.
//!
//! Files come one after the other, in the order of their first times. A file that grew continues
//! after its imported part (`grown_file.rs`). A corrected file counts as another file and is
//! refused, since it is unknown how much of it was imported. So is a file that may be in a part of
//! the topic that is not searched.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use seismic_queue::{KnownProducers, Queue, Topic};

use super::grown_file::{self, FilePart};
use super::import_run::ImportRun;
use super::note_keys;
use super::options::Options;
use super::producer_names::ProducerNames;
use crate::appender::{Appender, Tally, appending};
use crate::files::parse::item::{Item, Next};
use crate::files::parse::reader::ItemReader;
use crate::{Error, Result};

/// The files in the order of the first time of each.
pub(super) fn by_first_time(options: &Options, files: &[PathBuf]) -> Vec<PathBuf> {
    let mut files = files.to_vec();
    files.sort_by_cached_key(|file| first_time(options, file).unwrap_or(i64::MIN));
    files
}

fn first_time(options: &Options, file: &Path) -> Option<i64> {
    first_of(options, file, Item::time_ms)
}

/// What the first record that says so says.
fn first_of<T>(options: &Options, file: &Path, says: impl Fn(&Item) -> Option<T>) -> Option<T> {
    let mut reader = ItemReader::open(options.format, &options.read, file).ok()?;
    loop {
        match reader.next().ok()? {
            Next::Line(line) => {
                if let Some(found) = line.item.ok().and_then(|item| says(&item)) {
                    return Some(found);
                }
            }
            Next::Pending | Next::End => return None,
        }
    }
}

/// The parts of a file with their producers, among those that the topic knows, if it says which.
/// Ids also tell with which record the file begins: another one that begins so may hold the same
/// records.
///
/// # Errors
/// A file that cannot be read; one of which it cannot be told whether its records are in, unless it
/// is to be imported again.
pub(super) fn parts_of(
    (options, names): (&Options, &ProducerNames),
    file: &Path,
    known: Option<&KnownProducers>,
) -> Result<Vec<FilePart>> {
    let content = names.of(file)?;
    let Some(known) = known.filter(|known| !known.ids.contains(&content)) else {
        return Ok(vec![FilePart::whole(content)]);
    };
    let Some(anchor) = first_of(options, file, |item| Some(note_keys::anchor(item))) else {
        return Ok(vec![FilePart::whole(content)]);
    };
    let begins = anchor.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let producer = format!("{content}.{begins}");
    if options.again || known.ids.contains(&producer) {
        return Ok(vec![FilePart::whole(producer)]);
    }
    let at = file.to_owned();
    match known.ids.iter().any(|id| id.ends_with(&begins)) {
        true => match grown_file::parts(names, file, &begins, known)? {
            Some(parts) => Ok(parts),
            None => Err(Error::NotTheSame { at }),
        },
        false if !known.are_all => Err(Error::MayBeThere { at }),
        false => Ok(vec![FilePart::whole(producer)]),
    }
}

/// Recognises a file of which another version of this program appended that many messages. How it
/// read the file then is not known, so that nothing can be appended behind them.
///
/// # Errors
/// As [`import_file`].
pub(super) fn recognise_file(
    (file, appended): (&Path, u64),
    options: &Options,
    run: &mut ImportRun<'_>,
    stop: &AtomicBool,
) -> Result<()> {
    let mut reader = ItemReader::open(options.format, &options.read, file)?;
    let (mut identity, mut messages, mut records) = (Vec::new(), 0, 0);
    loop {
        let line = match reader.next()? {
            Next::Line(line) => Some(line),
            Next::Pending | Next::End => None,
        };
        if stop.load(Ordering::Relaxed) {
            run.summary.stopped = true;
            return Ok(());
        }
        let is_end = line.is_none();
        if let Some(line) = line {
            run.add_line(file, line, &mut identity)?;
        }
        let batcher = &mut run.publisher.batcher;
        if is_end {
            batcher.close_packs(i64::MAX);
        }
        if is_end || batcher.is_full() {
            let request = batcher.take_request();
            messages += request.blocks().map(|(_, block)| u64::from(block.count())).sum::<u64>();
            records += request.records;
            batcher.reuse(request);
        }
        if is_end {
            break;
        }
    }
    run.end_file(file, reader.comments(), reader.lines().damage());
    run.summary.recognised += appended;
    if messages <= appended {
        run.summary.published += records;
        return Ok(());
    }
    run.summary.published += records.min(appended);
    let what = format!(
        "an earlier version of this program imported {appended} of its {messages} messages; the rest \
         is not added, since it may have read the file in another way; put the missing lines into a \
         file of their own"
    );
    run.summary.unread.add(&Error::Damaged { at: file.to_owned(), what }, None);
    Ok(())
}

/// Imports the part of a file that comes behind that line.
///
/// # Errors
/// With `strict` the first refused line, a file that cannot be read, and errors of the queue.
pub(super) fn import_file(
    (queue, topic): (&dyn Queue, &Topic),
    (file, part, behind): (&Path, &FilePart, u64),
    options: &Options,
    run: &mut ImportRun<'_>,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(u64),
) -> Result<Tally> {
    let producer = queue.producer(topic, &part.producer)?;
    let mut reader = ItemReader::open(options.format, &options.read, file)?;
    reader.skip_to(behind)?;
    let of = (file, part.until);
    appending(producer, stop, progress, |appender| publish(&mut reader, of, run, appender, stop))
}

/// Sends all items, or those before a stop. Packs are cut in the same places each time.
fn publish(
    reader: &mut ItemReader,
    (at, until): (&Path, Option<u64>),
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
        if until.is_some_and(|until| line.number > until) {
            break;
        }
        run.add_line(at, line, &mut identity)?;
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
        if until.is_none() {
            run.end_file(at, reader.comments(), reader.lines().damage());
        }
    }
    // Whether this is appended is seen when the appending ends.
    let _ = appender.send(&mut run.publisher.batcher);
    Ok(())
}
