//! Where a topic's events end, so that a new run can begin after them.

use std::time::Duration;

use seismic_proto::{BATCH_FIRST_BYTE, Message as _, SeismicRecord, SeismicRecordBatch};
use seismic_queue::{Event, Message, Offset, Partition, Queue, Topic};

use crate::{Result, limits};

/// How long one reading waits; the messages looked for are there already.
const WAIT: Duration = Duration::from_millis(100);

/// Event times that pipelines accept at all, ms since 1970 UTC: the years 1900 to 2199.
const VALID_MS: std::ops::Range<i64> = -2_208_988_800_000..7_258_118_400_000;

/// How far pipelines let an event time be ahead of its append time, ms.
const AHEAD_MS: i64 = 5_000;

/// Newest event time among the valid records in the last [`limits::TAIL_MESSAGES`] messages of
/// each partition, ms since 1970 UTC.
pub(crate) fn newest_event_ms(queue: &dyn Queue, topic: &Topic) -> Result<Option<i64>> {
    let spans = queue.spans(topic)?;
    let mut unread: Vec<(Partition, Offset)> = Vec::new();
    let mut at = Vec::new();
    for (partition, span) in topic.all().zip(&spans) {
        if span.first < span.end {
            let tail = Offset(span.end.0.saturating_sub(limits::TAIL_MESSAGES));
            at.push((partition, tail.max(span.first)));
            unread.push((partition, span.end));
        }
    }
    let mut newest = None;
    if at.is_empty() {
        return Ok(newest);
    }
    let mut reader = queue.reader(topic, &at)?;
    let mut spare = Vec::new();
    while !unread.is_empty() {
        match reader.read(WAIT, &mut spare)? {
            Event::Batch(batch) => {
                newest = newest.max(batch.messages().filter_map(|m| newest_of(&m)).max());
                unread.retain(|&(partition, end)| {
                    partition != batch.partition() || batch.next() < end
                });
                spare.push(batch);
            }
            // Gaps in the offsets may leave nothing before the end.
            Event::CaughtUp(partition, _) => unread.retain(|&(other, _)| other != partition),
            _ => {}
        }
    }
    Ok(newest)
}

fn newest_of(message: &Message<'_>) -> Option<i64> {
    if message.value.len() > limits::TAIL_MESSAGE_BYTES {
        return None;
    }
    let records = if message.value.first() == Some(&BATCH_FIRST_BYTE) {
        SeismicRecordBatch::decode(message.value).ok()?.records
    } else {
        vec![SeismicRecord::decode(message.value).ok()?]
    };
    let valid = records
        .iter()
        .filter(|record| is_valid(record, message.append_ms));
    valid.map(|record| record.collect_timestamp).max()
}

fn is_valid(record: &SeismicRecord, append_ms: i64) -> bool {
    !record.sensor_id.is_empty()
        && record.data_quality == 1
        && (-100.0..=200.0).contains(&record.seismic_amplitude)
        && record.longitude.abs() <= 180.0
        && record.latitude.abs() <= 90.0
        && matches!(record.phase_type.as_str(), "P" | "S" | "N")
        && VALID_MS.contains(&record.collect_timestamp)
        && record.collect_timestamp <= append_ms.saturating_add(AHEAD_MS)
}
