//! The newest event of a topic, so that a new run can begin after it.

use std::time::Duration;

use seismic_ingest::limits::TAIL_MESSAGES;
use seismic_proto::{BATCH_FIRST_BYTE, Message as _, SeismicRecord, SeismicRecordBatch, validity};
use seismic_queue::{Event, Message, Offset, Partition, Queue, Topic};

use crate::{Result, limits};

/// How long one read waits; the messages are in the topic already.
const WAIT: Duration = Duration::from_millis(100);

/// Newest event time among the valid records in the last [`TAIL_MESSAGES`] messages of
/// each partition, ms since 1970 UTC.
pub(crate) fn newest_event_ms(queue: &dyn Queue, topic: &Topic) -> Result<Option<i64>> {
    let spans = queue.spans(topic)?;
    let mut unread: Vec<(Partition, Offset)> = Vec::new();
    let mut at = Vec::new();
    for (partition, span) in topic.all().zip(&spans) {
        if span.first < span.end {
            let tail = Offset(span.end.0.saturating_sub(TAIL_MESSAGES));
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
    let valid = records.iter().filter(|record| is_valid(record, message.append_ms));
    valid.map(|record| record.collect_timestamp).max()
}

fn is_valid(record: &SeismicRecord, append_ms: i64) -> bool {
    !record.sensor_id.is_empty()
        && record.data_quality == 1
        && validity::AMPLITUDE.contains(&record.seismic_amplitude)
        && record.longitude.abs() <= 180.0
        && record.latitude.abs() <= 90.0
        && matches!(record.phase_type.as_str(), "P" | "S" | "N")
        && validity::EVENT_MS.contains(&record.collect_timestamp)
        && record.collect_timestamp <= append_ms.saturating_add(validity::MAX_AHEAD_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use seismic_queue::memory::Memory;
    use seismic_queue::{Append, Block};

    fn record(time_ms: i64) -> SeismicRecord {
        SeismicRecord {
            sensor_id: "S001".to_owned(),
            collect_timestamp: time_ms,
            phase_type: "N".to_owned(),
            data_quality: 1,
            ..SeismicRecord::default()
        }
    }

    fn newest(partitions: &[&[Vec<u8>]]) -> Option<i64> {
        let queue = Memory::new();
        let topic = queue.create("t", partitions.len() as u32).unwrap();
        let mut producer = queue.producer(&topic, "p").unwrap();
        for (partition, messages) in topic.all().zip(partitions) {
            let mut block = Block::default();
            messages.iter().for_each(|value| block.push(b"k", value).unwrap());
            producer.append(&[Append { partition, first_sequence: 0, block: &block }]).unwrap();
        }
        newest_event_ms(&queue, &topic).unwrap()
    }

    #[test]
    fn an_empty_topic_has_no_newest_event() {
        assert_eq!(newest(&[&[], &[]]), None);
    }

    #[test]
    fn the_newest_of_all_partitions_is_found_also_in_packs() {
        let packed = SeismicRecordBatch { records: vec![record(9_000), record(8_000)] };
        let single = record(7_000).encode_to_vec();
        assert_eq!(newest(&[&[], &[single.clone(), packed.encode_to_vec(), single]]), Some(9_000));
    }

    #[test]
    fn what_no_pipeline_counts_is_not_the_newest() {
        let bad = [
            SeismicRecord { data_quality: 0, ..record(9_000) },
            SeismicRecord { sensor_id: String::new(), ..record(9_000) },
            SeismicRecord { seismic_amplitude: f32::NAN, ..record(9_000) },
            SeismicRecord { longitude: 181.0, ..record(9_000) },
            SeismicRecord { latitude: f64::NAN, ..record(9_000) },
            SeismicRecord { phase_type: "X".to_owned(), ..record(9_000) },
            record(i64::MAX),
            record(*limits::FUTURE_MS.start()),
        ];
        let mut messages: Vec<_> = bad.iter().map(SeismicRecord::encode_to_vec).collect();
        messages.push(vec![0xff]);
        messages.push(record(1_000).encode_to_vec());
        assert_eq!(newest(&[&messages]), Some(1_000));
    }
}
