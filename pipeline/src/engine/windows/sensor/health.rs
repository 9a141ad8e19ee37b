//! The health of sensors, computed from the records themselves: rate, gaps, repeats and clock
//! error. Pure: it receives records in log order and gives the result at the end.
//!
//! A sensor's clock offset is the median, over messages, of (arrival − newest event time in the
//! message), minus the usual transit time: the same median over all sensors, if there are several
//! and it is short enough to be a transit time. So a lone station is judged by the clock of its
//! receiver. Positive: the clock is slow, or transit takes longer. The spread is the median
//! absolute deviation. Both tolerate outliers in up to half of the messages (P. J. Rousseeuw and C.
//! Croux, *Alternatives to the Median Absolute Deviation*, 1993).
//!
//! Only live arrivals tell something about a clock: an imported archive arrives years after it was
//! recorded. An arrival is live when the gateway recorded it (`arrival_ms`), when the event time is
//! in the future, or when event time and arrival advance at the same pace. Otherwise there is no
//! offset.

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

/// A way longer than this is none, ms: then most clocks are wrong.
const WAY_MS: i64 = 300_000;

/// Fewest sensors that say how long the way is.
const SENSORS_FOR_WAY: usize = 3;

/// A record this far ahead of its arrival has not come from an archive, ms; nor has one that is as
/// near.
const NEAR_MS: i64 = 5_000;

/// Arrivals over this time show at what pace they come, ms.
const PACE_MS: i64 = 10_000;

/// An archive may be replayed at its pace; what is further behind than any time zone is one, ms.
const LIVE_MS: i64 = 36 * 3_600_000;

/// Zones are half hours apart, and at most 14 hours from UTC (Kiribati), ms.
const ZONE_MS: i64 = 30 * 60_000;
const ZONES: i64 = 28;

/// A clock in another zone is right but for that: it is not further from the zone, ms.
const ZONE_ERROR_MS: i64 = 60_000;

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
    /// Arrival and event time of the first message that is compared.
    began_ms: Option<(i64, i64)>,
    /// Event time of the newest message.
    newest_of_message_ms: i64,
    /// Whether a gateway wrote the last arrival down.
    has_arrivals: bool,
    /// Delays of messages, ms.
    delays: VecDeque<i64>,
    /// Newest event times, in the order in which they came.
    times: VecDeque<i64>,
    dead: Vec<(RejectReason, u64)>,
    /// Longitude and latitude of the newest record that says where it is.
    position: Option<(f64, f64)>,
}

/// How one sensor fares.
#[derive(Clone, Debug, PartialEq)]
pub struct SensorHealth {
    /// Its id.
    pub sensor: String,
    /// Records seen.
    pub records: u64,
    /// Samples per second, from the usual interval between event times; `None` before there are
    /// two.
    pub rate_hz: Option<f64>,
    /// Intervals between event times that were longer than 1.5 usual ones.
    pub gaps: u64,
    /// Records whose event time was among the 512 before them.
    pub repeats: u64,
    /// Records rejected, and late ones.
    pub rejected: u64,
    /// Records that came after their window was closed.
    pub late: u64,
    /// Records far ahead of its clock that later ones did not follow.
    pub clock_jumps: u64,
    /// How far its clock is behind, ms; `None` where nothing can be said: it came from an archive.
    pub clock_offset_ms: Option<i64>,
    /// Median absolute deviation of the delays, ms.
    pub clock_spread_ms: Option<i64>,
    /// The time zone, as minutes from UTC, in which its clock would be right: an offset of half and
    /// whole hours.
    pub zone_minutes: Option<i64>,
    /// Oldest and newest event time, ms since 1970 UTC.
    pub event_ms: (i64, i64),
    /// Arrival or append time of the last message, ms since 1970 UTC.
    pub last_seen_ms: i64,
    /// Longitude and latitude, degrees, of the newest record that has some that are on this planet.
    pub position: Option<(f64, f64)>,
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
        let live = self.sensors.values().filter(|sensor| sensor.is_live());
        let usual: VecDeque<i64> = live.filter_map(|sensor| median(&sensor.delays)).collect();
        let is_way = |delay: &i64| usual.len() >= SENSORS_FOR_WAY && delay.abs() <= WAY_MS;
        let usual = median(&usual).filter(is_way).unwrap_or(0);
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
                sensor.has_arrivals = record.arrival_ms != 0;
                sensor.began_ms.get_or_insert((arrival_ms, record.time_ms));
                sensor.newest_of_message_ms = record.time_ms;
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
        let (longitude, latitude) = (record.longitude, record.latitude);
        // Of a record without them both are 0.
        let is_said = longitude != 0.0 || latitude != 0.0;
        if is_said && longitude.abs() <= 180.0 && latitude.abs() <= 90.0 {
            self.position = Some((longitude, latitude));
        }
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

    /// Whether its records arrived when they were made, as far as their clock is right.
    fn is_live(&self) -> bool {
        let (Some(delay), Some((arrival_ms, event_ms))) = (median(&self.delays), self.began_ms)
        else {
            return false;
        };
        let arrived_ms = self.seen_ms.saturating_sub(arrival_ms);
        let passed_ms = self.newest_of_message_ms.saturating_sub(event_ms);
        let is_paced = arrived_ms >= PACE_MS
            && (arrived_ms / 2..=arrived_ms.saturating_mul(2)).contains(&passed_ms);
        self.has_arrivals || delay <= NEAR_MS || (is_paced && delay <= LIVE_MS)
    }

    fn health(&self, id: &str, usual_delay_ms: i64) -> SensorHealth {
        let delay = median(&self.delays).filter(|_| self.is_live());
        let clock_offset_ms = delay.map(|delay| delay.saturating_sub(usual_delay_ms));
        let deviations =
            |delay: i64| self.delays.iter().map(|d| d.abs_diff(delay) as i64).collect();
        let dead = |reason| self.dead.iter().filter(|(it, _)| *it == reason).map(|(_, n)| n).sum();
        let (late, clock_jumps): (u64, u64) =
            (dead(RejectReason::Late), dead(RejectReason::ClockJump));
        SensorHealth {
            sensor: id.to_owned(),
            records: self.records,
            rate_hz: self.usual_interval_ms().map(|interval_ms| 1_000.0 / interval_ms),
            gaps: self.gaps,
            repeats: self.repeats,
            rejected: self.dead.iter().map(|(_, count)| count).sum::<u64>() - late,
            late,
            clock_jumps,
            clock_offset_ms,
            zone_minutes: clock_offset_ms.and_then(zone_minutes),
            clock_spread_ms: delay.and_then(|delay| median(&deviations(delay))),
            event_ms: (self.first_ms, self.newest_ms),
            last_seen_ms: self.seen_ms,
            position: self.position,
        }
    }
}

/// The time zone of a clock that is so far behind UTC, if it is one. What is ahead of UTC is east.
fn zone_minutes(offset_ms: i64) -> Option<i64> {
    let ahead_ms = offset_ms.checked_neg()?;
    let zones = ahead_ms.checked_add(ahead_ms.signum() * ZONE_MS / 2)? / ZONE_MS;
    let is_zone =
        (1..=ZONES).contains(&zones.abs()) && (ahead_ms - zones * ZONE_MS).abs() <= ZONE_ERROR_MS;
    is_zone.then_some(zones * ZONE_MS / 60_000)
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

#[cfg(test)]
mod tests {
    use seismic_proto::{Message as _, SeismicRecord};
    use seismic_queue::Offset;

    use super::*;

    const HOUR: i64 = 3_600_000;
    const NOW: i64 = 1_700_000_000_000;

    /// A sensor that sends once a second; each record says to be of `event` and arrives at
    /// `arrival` (ms).
    fn see(
        health: &mut Health,
        id: &str,
        event: impl Fn(i64) -> i64,
        arrival: impl Fn(i64) -> i64,
    ) {
        for second in 0..60 {
            let record = SeismicRecord {
                sensor_id: id.to_owned(),
                collect_timestamp: event(second),
                ..SeismicRecord::default()
            };
            let (value, append_ms) = (record.encode_to_vec(), arrival(second));
            health.see(Message { offset: Offset(0), append_ms, key: b"", value: &value });
        }
    }

    /// What is said of a lone sensor: offset and zone.
    fn alone(
        event: impl Fn(i64) -> i64,
        arrival: impl Fn(i64) -> i64,
    ) -> (Option<i64>, Option<i64>) {
        let mut health = Health::default();
        see(&mut health, "A", event, arrival);
        let sensors = health.sensors();
        (sensors[0].clock_offset_ms, sensors[0].zone_minutes)
    }

    #[test]
    fn a_lone_live_station_is_judged_by_its_arrivals() {
        let live = |second| NOW + second * 1_000;
        assert_eq!(alone(live, |second| live(second) + 300), (Some(300), None));
        let behind = alone(|second| live(second) - 8 * HOUR, live);
        assert_eq!(behind, (Some(8 * HOUR), Some(-480)));
        let india = alone(|second| live(second) + 5 * HOUR + HOUR / 2 - 900, live);
        assert_eq!(india.1, Some(330));
        let slow = alone(|second| live(second) - 1_000_000, live);
        assert_eq!(slow, (Some(1_000_000), None));
    }

    #[test]
    fn a_sensor_is_where_its_newest_record_says_that_can_be() {
        let mut health = Health::default();
        let no = f64::NAN;
        for (longitude, latitude) in
            [(-98.0, 16.0), (-98.5, 16.5), (200.0, 0.0), (0.0, 0.0), (no, 1.0)]
        {
            let record = SeismicRecord {
                sensor_id: "A".to_owned(),
                longitude,
                latitude,
                ..SeismicRecord::default()
            };
            let value = record.encode_to_vec();
            health.see(Message { offset: Offset(0), append_ms: NOW, key: b"", value: &value });
        }
        assert_eq!(health.sensors()[0].position, Some((-98.5, 16.5)));
    }

    #[test]
    fn what_claims_to_be_of_the_future_comes_from_no_archive() {
        let ahead = alone(|second| NOW + 8 * HOUR + second * 10, |_| NOW);
        assert_eq!(ahead.1, Some(480));
    }

    #[test]
    fn of_an_archive_nothing_can_be_said() {
        let in_a_burst = |second| NOW + second;
        assert_eq!(alone(|second| NOW - 8 * HOUR + second * 1_000, in_a_burst), (None, None));
        let years = |second| NOW - 50_000 * HOUR + second * 1_000;
        assert_eq!(alone(years, in_a_burst), (None, None));
        let replayed = |second| NOW + second * 1_000;
        assert_eq!(alone(years, replayed), (None, None));
    }

    #[test]
    fn the_way_of_all_is_no_fault_of_a_clock() {
        let live = |second| NOW + second * 1_000;
        let mut health = Health::default();
        for id in ["A", "B", "C"] {
            see(&mut health, id, |second| live(second) - 20_000, live);
        }
        see(&mut health, "D", |second| live(second) - 20_000 - HOUR, live);
        let offsets: Vec<_> = health.sensors().iter().map(|it| it.clock_offset_ms).collect();
        assert_eq!(offsets, [Some(0), Some(0), Some(0), Some(HOUR)]);
    }

    #[test]
    fn half_and_whole_hours_are_time_zones() {
        for (offset_ms, minutes) in [
            (8 * HOUR + 1_500, Some(-480)),
            (-5 * HOUR - HOUR / 2, Some(330)),
            (-HOUR + 59_000, Some(60)),
            (HOUR / 2 - 61_000, None),
            (15 * HOUR, None),
            (0, None),
            (59_000, None),
            (i64::MIN, None),
        ] {
            assert_eq!(zone_minutes(offset_ms), minutes, "{offset_ms}");
        }
    }
}
