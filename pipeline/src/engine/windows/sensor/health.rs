//! How sensors fare, seen from the records themselves: rate, gaps, repeats, and how wrong their
//! clocks are. Pure: it is told of records in log order and asked in the end.
//!
//! A sensor's clock offset is the median, over messages, of (arrival − newest event time in the
//! message), less the same median over all sensors: what every message needs on its way is no
//! fault of a clock. Positive: the clock is slow, or the way is longer. The spread is the median
//! absolute deviation. Both bear up to half of the messages being wild
//! (P. J. Rousseeuw and C. Croux, *Alternatives to the Median Absolute Deviation*, 1993).

use std::collections::{HashMap, VecDeque};

use compact_str::CompactString;
use seismic_queue::Message;

use crate::engine::windows::decode::{self, Record};
use crate::engine::windows::reject_reason::RejectReason;

/// Messages of a sensor whose delays are kept: the newest. An odd number has a middle.
const DELAYS: usize = 255;

/// Event times of a sensor that are kept for finding repeats: some seconds of the fastest ones.
const TIMES: usize = 512;

/// Of these, the newest that say what the usual interval is.
const INTERVALS: usize = 64;

/// Sensors looked at; what comes beyond is counted together.
const SENSORS: usize = 1_000_000;

/// An interval of this many usual intervals is a gap.
const GAP: f64 = 1.5;

/// Looks at records of any number of partitions, each in log order.
#[derive(Debug, Default)]
pub struct Health {
    sensors: HashMap<CompactString, Sensor>,
    /// Records of sensors beyond the limit, and records without a sensor.
    others: u64,
    records: Vec<Record>,
}

#[derive(Debug, Default)]
struct Sensor {
    records: u64,
    repeats: u64,
    gaps: u64,
    first_ms: i64,
    newest_ms: i64,
    seen_ms: i64,
    /// Delays of messages, ms.
    delays: VecDeque<i64>,
    /// Newest event times, in the order in which they came.
    times: VecDeque<i64>,
    dead: Vec<(RejectReason, u64)>,
}

/// How one sensor fares.
#[derive(Clone, Debug, PartialEq)]
pub struct SensorHealth {
    /// Its id.
    pub sensor: String,
    /// Records seen.
    pub records: u64,
    /// Samples per second, from the usual interval between event times; `None` before there are two.
    pub rate_hz: Option<f64>,
    /// Intervals between event times that were longer than 1.5 usual ones.
    pub gaps: u64,
    /// Records whose event time was among the 512 before them.
    pub repeats: u64,
    /// Records rejected, and late ones.
    pub rejected: u64,
    /// Records that came after their window was closed.
    pub late: u64,
    /// How far its clock is behind those of the other sensors, ms.
    pub clock_offset_ms: Option<i64>,
    /// Median absolute deviation of the delays, ms.
    pub clock_spread_ms: Option<i64>,
    /// Oldest and newest event time, ms since 1970 UTC.
    pub event_ms: (i64, i64),
    /// Arrival or append time of the last message, ms since 1970 UTC.
    pub last_seen_ms: i64,
}

impl Health {
    /// Looks at a message of the input topic; what does not parse says nothing of a sensor.
    pub fn see(&mut self, message: Message<'_>) {
        let mut records = std::mem::take(&mut self.records);
        if decode::decode(message.value, &mut records).is_ok() {
            for record in &records {
                self.see_record(record, message);
            }
            self.see_delays(&records, message);
        } else {
            self.others += 1;
        }
        self.records = records;
    }

    /// Notes that a record of the sensor became a dead letter.
    pub fn see_dead_letter(&mut self, sensor: &str, reason: RejectReason) {
        let Some(sensor) = self.sensors.get_mut(sensor) else { return };
        match sensor.dead.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => sensor.dead.push((reason, 1)),
        }
    }

    /// Records that could not be laid to a sensor.
    #[must_use]
    pub fn others(&self) -> u64 {
        self.others
    }

    /// Every sensor, by id.
    #[must_use]
    pub fn sensors(&self) -> Vec<SensorHealth> {
        let usual: Vec<i64> = self.sensors.values().filter_map(|s| median(&s.delays)).collect();
        let usual = median(&usual.into()).unwrap_or(0);
        let mut all: Vec<SensorHealth> =
            self.sensors.iter().map(|(id, sensor)| sensor.health(id, usual)).collect();
        all.sort_by(|a, b| a.sensor.cmp(&b.sensor));
        all
    }

    fn see_record(&mut self, record: &Record, message: Message<'_>) {
        let id = String::from_utf8_lossy(record.sensor.of(message.value));
        if id.is_empty() || (self.sensors.len() >= SENSORS && !self.sensors.contains_key(&*id)) {
            self.others += 1;
            return;
        }
        self.sensors.entry(CompactString::new(&*id)).or_default().see(record);
    }

    /// One delay for each sensor in the message: that of its newest sample.
    fn see_delays(&mut self, records: &[Record], message: Message<'_>) {
        let id = |record: &Record| record.sensor.of(message.value);
        for (i, record) in records.iter().enumerate() {
            let is_last = records.get(i + 1).is_none_or(|next| id(next) != id(record));
            let known = std::str::from_utf8(id(record)).ok();
            if let (true, Some(sensor)) = (is_last, known.and_then(|id| self.sensors.get_mut(id))) {
                let arrival_ms = match record.arrival_ms {
                    0 => message.append_ms,
                    arrival_ms => arrival_ms,
                };
                sensor.seen_ms = sensor.seen_ms.max(arrival_ms);
                push(&mut sensor.delays, arrival_ms.saturating_sub(record.time_ms), DELAYS);
            }
        }
    }
}

impl Sensor {
    fn see(&mut self, record: &Record) {
        let time_ms = record.time_ms;
        if self.times.contains(&time_ms) {
            self.repeats += 1;
        } else if let Some(usual) = self.usual_interval_ms()
            && time_ms > self.newest_ms
            && (time_ms - self.newest_ms) as f64 > GAP * usual
        {
            self.gaps += 1;
        }
        if self.records == 0 {
            (self.first_ms, self.newest_ms) = (time_ms, time_ms);
        }
        self.records += 1;
        self.first_ms = self.first_ms.min(time_ms);
        self.newest_ms = self.newest_ms.max(time_ms);
        push(&mut self.times, time_ms, TIMES);
    }

    /// Median of the positive intervals between the newest event times; `None` before the second.
    fn usual_interval_ms(&self) -> Option<f64> {
        let newest = self.times.iter().rev().take(INTERVALS + 1);
        let pairs = newest.clone().skip(1).zip(newest);
        let mut rising: Vec<i64> =
            pairs.map(|(a, b)| b.saturating_sub(*a)).filter(|step| *step > 0).collect();
        if rising.is_empty() {
            return None;
        }
        rising.sort_unstable();
        // Event times are whole ms, so 31.25 Hz is a mixture of 32 and others: the mean of the
        // middle half is closer to the truth than the middle one.
        let half = &rising[rising.len() / 4..=rising.len() * 3 / 4];
        Some(half.iter().sum::<i64>() as f64 / half.len() as f64)
    }

    fn health(&self, id: &str, usual_delay_ms: i64) -> SensorHealth {
        let delay = median(&self.delays);
        let deviations =
            |delay: i64| self.delays.iter().map(|d| d.abs_diff(delay) as i64).collect();
        let late: u64 =
            self.dead.iter().filter(|(r, _)| *r == RejectReason::Late).map(|(_, n)| n).sum();
        SensorHealth {
            sensor: id.to_owned(),
            records: self.records,
            rate_hz: self.usual_interval_ms().map(|interval_ms| 1_000.0 / interval_ms),
            gaps: self.gaps,
            repeats: self.repeats,
            rejected: self.dead.iter().map(|(_, count)| count).sum::<u64>() - late,
            late,
            clock_offset_ms: delay.map(|delay| delay.saturating_sub(usual_delay_ms)),
            clock_spread_ms: delay.and_then(|delay| median(&deviations(delay))),
            event_ms: (self.first_ms, self.newest_ms),
            last_seen_ms: self.seen_ms,
        }
    }
}

fn push(ring: &mut VecDeque<i64>, value: i64, most: usize) {
    if ring.len() == most {
        ring.pop_front();
    }
    ring.push_back(value);
}

fn median(values: &VecDeque<i64>) -> Option<i64> {
    let mut sorted: Vec<i64> = values.iter().copied().collect();
    let middle = sorted.len() / 2;
    (!sorted.is_empty()).then(|| *sorted.select_nth_unstable(middle).1)
}
