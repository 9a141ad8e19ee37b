//! Plays a topic into another one, at its original pace, faster or slower.
//!
//! ```text
//!  topic ─► PartitionReader (each) ─► Timeline (merged) ─► Player (Pace, TimeShift) ─► topic
//! ```
//!
//! It plays the content of the source topic at the start of the replay, in order of arrival
//! (`partition_reader` describes the case of unknown arrivals), each message into the same
//! partition with its key and value. With `shift_time`, times are shifted so that the records
//! happen now.
//!
//! A replay at full speed that does not shift times is named by the source topic, the offsets at
//! which it begins and the topic it goes to: repeating it adds only what was appended to the source
//! since, as long as retention has not deleted from the source. Any other replay is a new one each
//! time.

mod clock;
mod options;
mod pace;
mod partition_reader;
mod player;
mod summary;
mod time_shift;
mod timeline;

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use seismic_queue::{Offset, Queue, Span, Topic};

use self::clock::{Clock, Monotonic};
pub use self::options::Options;
use self::pace::Pace;
use self::partition_reader::PartitionReader;
use self::player::{Player, Step};
pub use self::summary::ReplaySummary;
use self::time_shift::TimeShift;
use self::timeline::Timeline;
use crate::appender::{appending, per_second};
use crate::batching::Batcher;
use crate::{Result, limits, producer_name};

/// How many messages a replay of that topic would play now.
///
/// # Errors
/// When the topic is missing or cannot be read.
pub fn messages(queue: &dyn Queue, from: &str) -> Result<u64> {
    let spans = queue.spans(&queue.topic(from)?)?;
    Ok(spans.iter().map(|span| span.end.0 - span.first.0).sum())
}

/// Replays and returns when all is durable.
///
/// Ends early, and cleanly, within about 100 ms after `stop` is set. `progress` receives the
/// number of durable messages from time to time.
///
/// # Errors
/// [`Error::Options`](crate::Error::Options) and [`Error::SameTopic`](crate::Error::SameTopic)
/// before anything is touched, and errors of the queue that do not pass, among them a source whose
/// messages retention deletes while it is played.
pub fn replay(
    queue: &dyn Queue,
    options: &Options,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(u64),
) -> Result<ReplaySummary> {
    replay_by(
        &mut Monotonic::start(),
        seismic_queue::clock::now_ms(),
        queue,
        options,
        stop,
        progress,
    )
}

fn replay_by(
    clock: &mut dyn Clock,
    now_ms: i64,
    queue: &dyn Queue,
    options: &Options,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(u64),
) -> Result<ReplaySummary> {
    options.check()?;
    let began = Instant::now();
    let from = queue.topic(&options.from)?;
    let spans = queue.spans(&from)?;
    let topic = queue.create(&options.topic, from.partitions)?;
    let producer = queue.producer(&topic, &producer_id(options, &from, &spans))?;
    let timeline = Timeline::open(queue, &from, &spans)?;
    let shift_ms = match timeline.head() {
        Some(first) if options.shift_time => {
            let newest_ms = newest_ms(queue, &from, &spans)?.unwrap_or(first.time_ms);
            let span_ms = newest_ms.saturating_sub(first.time_ms).max(0);
            now_ms.saturating_sub(first.time_ms).saturating_sub(ahead_ms(options, span_ms))
        }
        _ => 0,
    };
    let shift = options.shift_time.then(|| TimeShift::new(shift_ms));
    let pace = Pace::new(options.speed, options.max_gap);
    let player = Player { timeline, pace, shift, clock, stop };
    let mut played = player::Played::default();
    let tally = appending(producer, stop, progress, |appender| {
        let mut batcher = Batcher::new(from.partitions, 1);
        played = player.play(|step| match step {
            Step::Pause => appender.send(&mut batcher),
            Step::Message(next) => {
                // Counted as one record each, since a replay counts messages.
                batcher.add_message(next.partition, next.message.key, next.message.value, 1);
                !batcher.is_full() || appender.send(&mut batcher)
            }
        })?;
        // Whether this is appended is seen when the appending ends.
        let _ = appender.send(&mut batcher);
        Ok(())
    })?;
    let took = began.elapsed();
    Ok(ReplaySummary {
        messages: tally.records,
        recognised: tally.recognised,
        shift_ms,
        behind_ms_max: u64::try_from(played.behind_max.as_millis()).unwrap_or(u64::MAX),
        stopped: played.stopped,
        seconds: took.as_secs_f64(),
        messages_per_second: per_second(tally.records, took),
        from_topic: from.name,
        topic: topic.name,
    })
}

/// How far events would run ahead of the clock by the end, ms, if the first happened now: a replay
/// that is faster than time must begin with events that are past.
fn ahead_ms(options: &Options, span_ms: i64) -> i64 {
    if options.speed == 0.0 || options.max_gap.is_some() {
        span_ms
    } else {
        (span_ms as f64 * (1.0 - 1.0 / options.speed).max(0.0)) as i64
    }
}

/// The newest time at the end of the partitions.
fn newest_ms(queue: &dyn Queue, topic: &Topic, spans: &[Span]) -> Result<Option<i64>> {
    let mut newest_ms = None;
    for (partition, &Span { first, end }) in topic.all().zip(spans) {
        let tail = Offset(end.0.saturating_sub(limits::TAIL_MESSAGES)).max(first);
        let mut messages =
            PartitionReader::open(queue, topic, partition, Span { first: tail, end })?;
        while let Some((time_ms, _)) = messages.head() {
            newest_ms = newest_ms.max(Some(time_ms));
            messages.advance()?;
        }
    }
    Ok(newest_ms)
}

/// The name of a replay.
fn producer_id(options: &Options, from: &Topic, spans: &[Span]) -> String {
    if options.speed != 0.0 || options.shift_time {
        return producer_name::unique("replay");
    }
    let firsts: Vec<u64> = spans.iter().map(|span| span.first.0).collect();
    producer_name::by_content(
        "replay",
        format!("1 {} {} {firsts:?}", from.id, options.topic).as_bytes(),
    )
}

#[cfg(test)]
mod tests;
