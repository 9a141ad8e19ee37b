//! The status of a job: progress, counts and holds, read from its store and queue into one model
//! with a text and a JSON view.

pub mod json;
pub mod model;
pub mod repartition;
pub mod sensors;
pub mod sink_lags;
pub mod standing;
pub mod statement;
pub mod text;
pub mod windows;

use std::path::Path;

use rustix::fs::statvfs;
use seismic_pipeline::{RetentionLag, irregular_clocks, notices_of_losses, notices_of_sensors};
use seismic_queue::for_a_while;

use self::model::JobStatus;
pub use self::model::numbers;
use self::model::rejecting::RejectingStatus;
use self::model::sensor_partitions::SensorPartitions;
use self::repartition::RepartitionStatus;
use crate::job::kinds;
use crate::job::location::Location;
use crate::job::repartition::{InputQueue, StoredFirstStep};

/// Bytes that are free on the disk of a file.
fn free_bytes(file: &Path) -> Option<u64> {
    let disk = statvfs(file).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Bytes of state up to which sensors are compared over partitions: some 300,000 sensors, so that
/// the status is there at once. The doctor compares more, and `verify` all.
const STATE_BYTES: u64 = 32 << 20;

/// Reads the status of the job at `location`. With `newest`, also how each sensor fares in that
/// many of the newest messages of each partition.
///
/// # Errors
/// When there is no job, or queue or store cannot be read.
pub fn read(location: &Location, newest: Option<u64>) -> anyhow::Result<JobStatus> {
    // In this order: looking at a job that is not there makes no queue either.
    let store = location.open_store()?;
    let view = for_a_while(|| store.view())?;
    let kind = kinds::of(&view)?.operators();
    let opened = InputQueue::open(location, &view)?;
    let queue = opened.queue();
    let (mut spans, mut pinned, mut open) = (Vec::new(), Vec::new(), Vec::new());
    for input in &view.job.inputs {
        let topic = for_a_while(|| queue.topic(&input.name))?;
        input.is_still(&topic, &queue.name())?;
        if spans.is_empty() {
            open = for_a_while(|| queue.open_transactions(&topic))?;
            queue.look_at(&mut open);
        }
        spans.push(for_a_while(|| queue.spans(&topic))?);
        pinned.extend(for_a_while(|| RetentionLag::of(queue, &topic, false))?);
    }
    for topic in view.job.topics() {
        let topics = store.topics();
        let lag = || RetentionLag::of(topics, &topics.topic(topic)?, true);
        pinned.extend(for_a_while(lag)?);
    }
    let members = for_a_while(|| store.members())?;
    let mut status = JobStatus::new(&view, &spans, &pinned, members.as_deref())?;
    let ahead = seismic_sinks::all_ahead((&*store, &view), &location.queue);
    for sink in &mut status.sinks {
        sink.ahead = ahead.get(&sink.sink).map(ToString::to_string);
    }
    if let Some(free) = location.store_url().file().and_then(free_bytes) {
        let is_stored = |topic: &str| view.job.topics().any(|it| it == topic);
        let stored = status.pinned.iter_mut().filter(|pinned| is_stored(&pinned.topic));
        stored.for_each(|pinned| pinned.with_free(free));
    }
    status.hold_back(&open);
    status.tables = statement::tables(&*store, &view)?;
    let notices = notices_of_sensors(&*kind, &*store, &view, STATE_BYTES)?;
    status.partitions_of = SensorPartitions::of(notices.as_deref());
    if let Some((clocks, total)) = irregular_clocks(&*kind, &*store, &view, STATE_BYTES)? {
        status.irregular_clocks = clocks.into_iter().map(Into::into).collect();
        status.irregular_clocks_total = Some(total);
    }
    status.rejecting =
        notices_of_losses(&*kind, &*store, &view)?.iter().map(RejectingStatus::of).collect();
    if let Some(first) = StoredFirstStep::of(location, &view)? {
        let mut first = RepartitionStatus::of(location, &first)?;
        status.lag += first.lag;
        status.held_back += first.held_back;
        // What is open in the internal topic is the first step's own, for a moment.
        status.open_transactions = std::mem::take(&mut first.open_transactions);
        status.repartition = Some(first);
    }
    if let Some(newest) = newest {
        let health = sensors::examine(queue, store.topics(), &view, newest)?;
        status.without_sensor = health.others();
        status.by_sensor = Some(health.sensors().into_iter().map(Into::into).collect());
    }
    Ok(status)
}
