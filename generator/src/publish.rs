//! The shell of a run: takes records from the stream when they are due and publishes them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use seismic_ingest::appender::{Appender, appending};
use seismic_ingest::batching::Batcher;
use seismic_queue::{Partition, Queue, patiently, patiently_by};

use crate::options::Options;
use crate::pace::Pace;
use crate::plan::Plan;
use crate::record_kind::Counts;
use crate::stream::{GeneratedRecord, Stream};
use crate::summary::Summary;
use crate::{Error, Result, limits};

/// Publishes a run and returns when all of it is durable. The topic is made if it is missing.
///
/// Ends early, and cleanly, within about 100 ms after `stop` is set. `progress` receives the
/// number of durable records from time to time. A run that is not paced, with seed and start given,
/// may be repeated, also after it was killed: the messages that the topic has are recognised.
///
/// # Errors
/// [`Error::Options`](crate::Error::Options) before anything is touched, and errors of the queue
/// that do not pass.
pub fn generate(
    queue: &dyn Queue,
    options: &Options,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(u64),
) -> Result<Summary> {
    options.check()?;
    let topic = patiently(stop, || queue.create(&options.topic, options.partitions))?;
    // A queue that is behind cannot say yet where it ends.
    let plan = patiently_by(Error::kind, stop, || Plan::new(options, queue))?;
    let producer = patiently(stop, || queue.producer(&topic, &plan.producer))?;
    let began = Instant::now();
    let mut by_kind = Counts::default();
    let tally = appending(producer, stop, progress, |appender| {
        publish(&plan, appender, stop, &mut by_kind);
        Ok(())
    })?;
    assert_eq!(tally.records, by_kind.total(), "every record made was appended");
    Ok(Summary::new(&plan, &topic.name, by_kind, tally.recognised, began.elapsed()))
}

/// Sends records until there are enough, a stop is requested, or appending fails.
fn publish(plan: &Plan, appender: &mut Appender<'_>, stop: &AtomicBool, by_kind: &mut Counts) {
    let mut stream = Stream::new(plan);
    let mut batcher = Batcher::new(plan.partitions, plan.pack);
    let mut packs = PacksByKind::new(plan);
    let mut pace = Pace::new(plan);
    let mut left = plan.records;
    while left > 0 && !stop.load(Ordering::Relaxed) {
        if !pace.is_due(stream.next_ms()) {
            if plan.live {
                batcher.close_packs(pace.now_ms() - limits::PACK_WAIT.as_millis() as i64);
            }
            if !appender.send(&mut batcher) {
                return;
            }
            pace.sleep(stream.next_ms());
            continue;
        }
        let made = stream.next_record();
        by_kind.add(made.kind);
        packs.add(&made, &mut batcher, pace.now_ms());
        left -= 1;
        if batcher.is_full() && !appender.send(&mut batcher) {
            return;
        }
    }
    if left == 0 || plan.live {
        batcher.close_packs(i64::MAX);
    } else {
        // A stopped run may be repeated, and then the queue recognises messages by their number
        // alone: a pack cut short now would stand for the whole one, and lose records.
        packs.subtract_open(&batcher, by_kind);
        batcher.discard_packs();
    }
    // Whether this is appended is seen when the appending ends.
    let _ = appender.send(&mut batcher);
}

/// The kinds of records in each partition's pack in progress.
struct PacksByKind {
    packed: bool,
    partitions: Vec<Counts>,
}

impl PacksByKind {
    fn new(plan: &Plan) -> Self {
        let partitions = vec![Counts::default(); plan.partitions as usize];
        PacksByKind { packed: plan.pack > 1, partitions }
    }

    /// Adds a record to the batcher.
    fn add(&mut self, made: &GeneratedRecord<'_>, batcher: &mut Batcher, now_ms: i64) {
        let GeneratedRecord { kind, partition, key, value } = *made;
        if kind.stands_alone() {
            return batcher.add_message(partition, key, value, 1);
        }
        batcher.add_record(partition, key, value, now_ms);
        if !self.packed {
            return;
        }
        let counts = &mut self.partitions[partition.0 as usize];
        if batcher.pack_records(partition) == 1 {
            *counts = Counts::default();
        }
        counts.add(kind);
    }

    /// Subtracts the records that are in packs in progress.
    fn subtract_open(&self, batcher: &Batcher, by_kind: &mut Counts) {
        for (partition, counts) in (0..).map(Partition).zip(&self.partitions) {
            if batcher.pack_records(partition) > 0 {
                by_kind.subtract(counts);
            }
        }
    }
}
