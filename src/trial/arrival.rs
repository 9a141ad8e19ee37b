//! Messages of the input with when each arrives.
//!
//! A message arrives when its records say it did (`arrival_ms`), or when the queue that it was read
//! from took it. One of which neither is known arrives as time passes for its sensor: its first
//! message at its event time, each further one so much later as its event time is later, and never
//! before the one before it. So a file keeps the order of each sensor, also where that is wrong,
//! and one record with a wrong time does not move all others. Nothing of that kind arrives later
//! than now.

use std::collections::HashMap;

use seismic_proto::{BATCH_FIRST_BYTE, Message as _, SeismicRecord, SeismicRecordBatch};

/// A message on its way to the queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    /// When it arrives, ms since 1970 UTC.
    pub at_ms: i64,
    /// Where it goes.
    pub partition: u32,
    /// Its key.
    pub key: Box<[u8]>,
    /// Its value.
    pub value: Box<[u8]>,
}

/// Messages in the order of the input.
#[derive(Debug, Default)]
pub struct Arrivals {
    /// The messages.
    pub all: Vec<Arrival>,
    /// Records in them; what cannot be decoded counts as one.
    pub records: u64,
    /// Whether any of them said when it arrived.
    pub is_told: bool,
    /// Bytes of keys and values.
    pub bytes: u64,
    sensors: HashMap<String, Passed>,
    last_ms: i64,
}

/// What is known of a sensor.
#[derive(Clone, Copy, Debug)]
struct Passed {
    event_ms: i64,
    at_ms: i64,
}

impl Arrivals {
    /// Adds a message. `taken_ms`: when the queue took it, where that is known.
    pub fn push(
        &mut self,
        partition: u32,
        (key, value): (&[u8], &[u8]),
        taken_ms: Option<i64>,
        now_ms: i64,
    ) {
        let records = records(value);
        self.records += (records.len() as u64).max(1);
        self.bytes += (key.len() + value.len()) as u64;
        let at_ms = taken_ms.unwrap_or_else(|| self.arrives_at(&records, now_ms));
        self.is_told |= taken_ms.is_some();
        self.last_ms = at_ms;
        self.all.push(Arrival { at_ms, partition, key: key.into(), value: value.into() });
    }

    fn arrives_at(&mut self, records: &[SeismicRecord], now_ms: i64) -> i64 {
        // Nobody knows when what is no record was sent: with what came before it.
        let Some(first) = records.first() else { return self.last_ms };
        if let Some(told) = records.iter().map(|record| record.arrival_ms).find(|&ms| ms != 0) {
            self.is_told = true;
            return told;
        }
        let event_ms = records.iter().map(|record| record.collect_timestamp).max().unwrap_or(0);
        let start = Passed { event_ms, at_ms: event_ms };
        let known = self.sensors.entry(first.sensor_id.clone()).or_insert(start);
        let step = event_ms.saturating_sub(known.event_ms).max(0);
        *known = Passed { event_ms, at_ms: known.at_ms.saturating_add(step) };
        known.at_ms.min(now_ms)
    }
}

/// The records of a message; none when it cannot be decoded.
#[must_use]
pub fn records(value: &[u8]) -> Vec<SeismicRecord> {
    if value.first() == Some(&BATCH_FIRST_BYTE) {
        return SeismicRecordBatch::decode(value).map(|batch| batch.records).unwrap_or_default();
    }
    SeismicRecord::decode(value).map(|record| vec![record]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(records: &[(&str, i64, i64)], now_ms: i64) -> Vec<i64> {
        let mut arrivals = Arrivals::default();
        for &(sensor, time_ms, arrival_ms) in records {
            let record = SeismicRecord {
                sensor_id: sensor.to_owned(),
                collect_timestamp: time_ms,
                arrival_ms,
                ..SeismicRecord::default()
            };
            arrivals.push(0, (sensor.as_bytes(), &record.encode_to_vec()), None, now_ms);
        }
        arrivals.all.iter().map(|arrival| arrival.at_ms).collect()
    }

    #[test]
    fn time_passes_for_each_sensor_and_never_backwards() {
        let of = |all: &[(&str, i64)]| {
            let all: Vec<_> = all.iter().map(|&(sensor, at)| (sensor, at, 0)).collect();
            times(&all, i64::MAX)
        };
        assert_eq!(of(&[("a", 10), ("b", 500), ("a", 20), ("b", 510)]), [10, 500, 20, 510]);
        assert_eq!(of(&[("a", 10), ("a", 5), ("a", 11)]), [10, 10, 16]);
        assert_eq!(times(&[("a", 10, 0), ("a", 9_000, 0), ("a", 20, 0)], 100), [10, 100, 100]);
    }

    #[test]
    fn a_message_that_says_when_it_arrived_arrives_then() {
        assert_eq!(times(&[("a", 10, 30), ("a", 20, 25)], 5), [30, 25]);
    }

    #[test]
    fn what_is_no_record_comes_with_what_was_before_it() {
        let mut arrivals = Arrivals::default();
        let record = SeismicRecord { collect_timestamp: 7, ..SeismicRecord::default() };
        arrivals.push(0, (b"", &record.encode_to_vec()), None, 99);
        arrivals.push(0, (b"", b"\xff\xff"), None, 99);
        assert_eq!(arrivals.all.iter().map(|it| it.at_ms).collect::<Vec<_>>(), [7, 7]);
        assert_eq!((arrivals.records, arrivals.is_told), (2, false));
    }
}
