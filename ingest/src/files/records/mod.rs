//! Records in the project's own fields, as JSON lines or CSV: what other programs write, and what
//! `seismic read` prints.
//!
//! Files are imported one after the other, each in its order; a record goes to the partition of
//! its sensor, with the sensor id as key. A printed message stays as it is, key and packing
//! included, as long as its records belong to the partition of its key. Otherwise (in a topic with
//! another number of partitions) its records are published one by one, so that a sensor stays in
//! one partition. Values are not judged; only lines that cannot be expressed as a record are
//! refused.
//!
//! Each file is a producer of its own, named by its content, topic, partitions and packing: a
//! repeated import adds nothing twice, and an import that was stopped or killed continues where it
//! was. A file that grew is another file. Standard input or a pipe can be read only once and cannot
//! be named by its content: importing it again adds it again.

mod csv;
mod csv_row;
mod field;
mod file_import;
mod float;
mod item;
mod jsonl;
mod options;
mod producer_names;
mod reader;
mod refusals;
mod summary;

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use seismic_queue::{Queue, Topic, patiently};

use self::file_import::FileImport;
pub use self::options::{Format, Options};
use self::producer_names::producer_names;
pub use self::refusals::Refusals;
pub use self::summary::RecordsSummary;
use crate::Result;
use crate::appender::{Tally, appending, per_second};

/// Imports and returns when everything is durable. The topic is made if it is missing.
///
/// Ends early, and cleanly, soon after `stop` is set; importing again continues from there.
/// `progress` receives the number of durable records from time to time.
///
/// # Errors
/// A file that cannot be read, a header that names other fields, a file named twice, with
/// `strict` the first refused line, and errors of the queue that do not pass. The records before
/// the error are in the topic and are recognised by the next import.
pub fn import(
    queue: &dyn Queue,
    options: &Options,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(u64),
) -> Result<RecordsSummary> {
    options.check()?;
    let began = Instant::now();
    let producers = producer_names(options)?;
    let topic = patiently(stop, || queue.create(&options.topic, options.partitions))?;
    let mut summary = RecordsSummary { topic: topic.name.clone(), ..RecordsSummary::default() };
    for (file, producer) in options.files.iter().zip(&producers) {
        let before = summary.published;
        let destination = Destination { queue, topic: &topic, producer };
        let mut progress = |n| progress(before + n);
        let tally = import_file(&destination, file, options, stop, &mut progress, &mut summary)?;
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

/// Where a file's messages go, and the name under which they are appended.
struct Destination<'a> {
    queue: &'a dyn Queue,
    topic: &'a Topic,
    producer: &'a str,
}

fn import_file(
    to: &Destination<'_>,
    file: &Path,
    options: &Options,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(u64),
    summary: &mut RecordsSummary,
) -> Result<Tally> {
    let producer = to.queue.producer(to.topic, to.producer)?;
    let mut import = FileImport::open(file, options, summary)?;
    appending(producer, stop, progress, |appender| import.run(appender, stop))
}
