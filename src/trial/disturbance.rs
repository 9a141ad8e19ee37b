//! What a network does to messages, on purpose and from a seed: it drops some, repeats some, and
//! delivers some late.
//!
//! Messages arrive in the order of their times; of one time, in the order of the input. A record of
//! a sensor that is delayed is alone in its message, so that others packed with it are not.

use std::fmt;
use std::str::FromStr;

use seismic_proto::Message as _;
use serde::{Deserialize, Serialize};

use super::arrival::{Arrival, records};
use super::dice::{Throw, throw};
use crate::job::time_span::TimeSpan;

/// Part of the messages, in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percent(f64);

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix('%').unwrap_or(text).parse::<f64>();
        Percent::new(number.unwrap_or(f64::NAN))
    }
}

impl Percent {
    /// So many percent.
    ///
    /// # Errors
    /// For less than nothing, and more than all.
    pub fn new(percent: f64) -> Result<Percent, String> {
        match (0.0..=100.0).contains(&percent) {
            true => Ok(Percent(percent)),
            false => Err("it is no number from 0 to 100".to_owned()),
        }
    }

    fn has(self, throw: f64) -> bool {
        throw * 100.0 < self.0
    }
}

/// A sensor whose messages are on the way for so long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SensorDelay {
    sensor: String,
    ms: i64,
}

impl FromStr for SensorDelay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // An id may hold an equals sign, and a number does not.
        let (sensor, seconds) = text.rsplit_once('=').ok_or("it is not SENSOR=SECONDS")?;
        if sensor.is_empty() {
            return Err("no sensor stands before the equals sign".to_owned());
        }
        Ok(SensorDelay { sensor: sensor.to_owned(), ms: parse_seconds(seconds)? })
    }
}

impl SensorDelay {
    /// Messages of this sensor are on the way for so many seconds.
    ///
    /// # Errors
    /// Without a sensor, and when it is no number of seconds.
    pub fn new(sensor: &str, seconds: f64) -> Result<SensorDelay, String> {
        if sensor.is_empty() {
            return Err("no sensor is named".to_owned());
        }
        Ok(SensorDelay { sensor: sensor.to_owned(), ms: ms_of_seconds(seconds)? })
    }
}

/// The longest delay, s: ten years.
const LONGEST_S: f64 = 315_576_000.0;

/// Seconds as ms.
///
/// # Errors
/// When it is no number of seconds.
pub fn parse_seconds(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is no number of seconds from 0 to {LONGEST_S}");
    // A unit may be said, too: 500ms, 2m.
    let of_span = || text.parse::<TimeSpan>().ok().map(|span| span.ms() as f64 / 1_000.0);
    let seconds = text.parse::<f64>().ok().or_else(of_span).ok_or_else(wrong)?;
    ms_of_seconds(seconds).map_err(|_| wrong())
}

/// The same of a number.
///
/// # Errors
/// As [`parse_seconds`].
pub fn ms_of_seconds(seconds: f64) -> Result<i64, String> {
    match (0.0..=LONGEST_S).contains(&seconds) {
        true => Ok((seconds * 1_000.0).round() as i64),
        false => Err(format!("{seconds} is no number of seconds from 0 to {LONGEST_S}")),
    }
}

/// What is done to messages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Disturbances {
    /// Each message is on the way for up to so long, ms.
    pub shuffle_ms: i64,
    /// Sensors that are further away.
    pub delays: Vec<SensorDelay>,
    /// Messages that come twice.
    pub duplicate: Percent,
    /// Messages that do not come.
    pub drop: Percent,
    /// What decides which ones.
    pub seed: u64,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Disturbed {
    /// Messages that came once more.
    pub duplicated: u64,
    /// Messages that did not come.
    pub dropped: u64,
    /// Messages of sensors that are further away.
    pub delayed: u64,
}

impl Disturbances {
    /// Whether nothing is done.
    #[must_use]
    pub fn are_none(&self) -> bool {
        let Disturbances { shuffle_ms, delays, duplicate, drop, seed: _ } = self;
        *shuffle_ms == 0 && delays.is_empty() && duplicate.0 == 0.0 && drop.0 == 0.0
    }

    /// The messages as they arrive, and what was done to them.
    #[must_use]
    pub fn apply(&self, all: Vec<Arrival>) -> (Vec<Arrival>, Disturbed) {
        let mut done = Disturbed::default();
        let mut arrived = Vec::with_capacity(all.len());
        let mut place = 0;
        for message in all {
            for message in self.parts(message) {
                self.send(message, place, &mut arrived, &mut done);
                place += 1;
            }
        }
        // Stable: what arrives at the same time keeps its order.
        arrived.sort_by_key(|message| message.at_ms);
        (arrived, done)
    }

    fn send(
        &self,
        mut message: Arrival,
        place: u64,
        arrived: &mut Vec<Arrival>,
        done: &mut Disturbed,
    ) {
        let throw = |what| throw(self.seed, place, what);
        if self.drop.has(throw(Throw::Drop)) {
            done.dropped += 1;
            return;
        }
        if let Some(delay) = self.delay_of(&message) {
            done.delayed += 1;
            message.at_ms = message.at_ms.saturating_add(delay);
        }
        let late = |what| (throw(what) * self.shuffle_ms as f64) as i64;
        let repeat = self.duplicate.has(throw(Throw::Duplicate)).then(|| Arrival {
            at_ms: message.at_ms.saturating_add(late(Throw::DelayOfRepeat)),
            ..message.clone()
        });
        message.at_ms = message.at_ms.saturating_add(late(Throw::Delay));
        arrived.push(message);
        if let Some(repeat) = repeat {
            done.duplicated += 1;
            arrived.push(repeat);
        }
    }

    fn delay_of(&self, message: &Arrival) -> Option<i64> {
        if self.delays.is_empty() {
            return None;
        }
        let first = records(&message.value).into_iter().next()?;
        self.delays.iter().find(|delay| delay.sensor == first.sensor_id).map(|delay| delay.ms)
    }

    /// The message, or its records one by one where a part of them is delayed: each where the
    /// message goes, which may be elsewhere than its sensor would.
    fn parts(&self, message: Arrival) -> Vec<Arrival> {
        if self.delays.is_empty() {
            return vec![message];
        }
        let records = records(&message.value);
        let is_delayed = |sensor: &str| self.delays.iter().any(|delay| delay.sensor == sensor);
        let delayed = records.iter().filter(|record| is_delayed(&record.sensor_id)).count();
        let is_of_one = records.windows(2).all(|two| two[0].sensor_id == two[1].sensor_id);
        if delayed == 0 || is_of_one {
            return vec![message];
        }
        let one = |record: &seismic_proto::SeismicRecord| {
            let Arrival { at_ms, partition, ref key, .. } = message;
            let value = record.encode_to_vec().into();
            Arrival { at_ms, partition, key: key.clone(), value }
        };
        records.iter().map(one).collect()
    }

    /// Sensors that are to be delayed and are not among the messages.
    #[must_use]
    pub fn unknown<'d>(&'d self, all: &[Arrival]) -> Vec<&'d str> {
        let mut unknown: Vec<&str> = self.delays.iter().map(|delay| &*delay.sensor).collect();
        for message in all {
            if unknown.is_empty() {
                break;
            }
            for record in records(&message.value) {
                unknown.retain(|sensor| *sensor != record.sensor_id);
            }
        }
        unknown
    }
}

impl fmt::Display for Disturbed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.dropped, "dropped"),
            (self.duplicated, "repeated"),
            (self.delayed, "of delayed sensors"),
        ];
        let said: Vec<String> = parts
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| format!("{number} {what}"))
            .collect();
        f.write_str(&said.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seismic_proto::{SeismicRecord, SeismicRecordBatch};

    fn record(sensor: &str, at_ms: i64) -> SeismicRecord {
        SeismicRecord {
            sensor_id: sensor.to_owned(),
            collect_timestamp: at_ms,
            ..SeismicRecord::default()
        }
    }

    fn arrival(sensor: &str, at_ms: i64) -> Arrival {
        let value = record(sensor, at_ms).encode_to_vec().into();
        Arrival { at_ms, partition: 0, key: sensor.as_bytes().into(), value }
    }

    fn thousand() -> Vec<Arrival> {
        (0..1_000).map(|at| arrival(["a", "b"][at as usize % 2], at * 100)).collect()
    }

    #[test]
    fn the_same_seed_does_the_same_and_another_one_something_else() {
        let with = |seed| Disturbances {
            shuffle_ms: 2_000,
            duplicate: "10".parse().unwrap(),
            drop: "10%".parse().unwrap(),
            seed,
            ..Disturbances::default()
        };
        let (arrived, done) = with(1).apply(thousand());
        assert_eq!((arrived.clone(), done), with(1).apply(thousand()));
        assert_ne!(arrived, with(2).apply(thousand()).0);
        assert!((60..140).contains(&done.dropped) && (60..140).contains(&done.duplicated));
        assert_eq!(arrived.len() as u64, 1_000 - done.dropped + done.duplicated);
        assert!(arrived.is_sorted_by_key(|message| message.at_ms));
        let moved =
            |message: &&Arrival| records(&message.value)[0].collect_timestamp != message.at_ms;
        assert!(arrived.iter().filter(moved).count() > 700);
    }

    #[test]
    fn another_option_changes_nothing_of_what_is_dropped() {
        let drop = Disturbances { drop: Percent(20.0), seed: 3, ..Disturbances::default() };
        let both = Disturbances { shuffle_ms: 50, ..drop.clone() };
        let kept = |of: &Disturbances| {
            let mut kept = of.apply(thousand()).0;
            kept.sort_by_key(|message| records(&message.value)[0].collect_timestamp);
            kept.into_iter().map(|message| message.value).collect::<Vec<_>>()
        };
        assert_eq!(kept(&drop), kept(&both));
    }

    #[test]
    fn nothing_and_everything_are_exact() {
        let all = |duplicate, drop| {
            let of = Disturbances { duplicate, drop, seed: 5, ..Disturbances::default() };
            of.apply(thousand()).0.len()
        };
        assert_eq!(all(Percent(0.0), Percent(0.0)), 1_000);
        assert_eq!(all(Percent(100.0), Percent(0.0)), 2_000);
        assert_eq!(all(Percent(0.0), Percent(100.0)), 0);
    }

    #[test]
    fn a_delayed_sensor_comes_later_and_leaves_others_of_its_message() {
        let of = Disturbances { delays: vec!["a=1.5".parse().unwrap()], ..Disturbances::default() };
        let batch = SeismicRecordBatch { records: vec![record("a", 0), record("b", 0)] };
        let packed =
            Arrival { value: batch.encode_to_vec().into(), partition: 3, ..arrival("x", 0) };
        let (arrived, done) = of.apply(vec![packed, arrival("b", 1_000)]);
        let seen: Vec<_> =
            arrived.iter().map(|it| (it.at_ms, records(&it.value)[0].sensor_id.clone())).collect();
        let expected = [(0, "b"), (1_000, "b"), (1_500, "a")];
        assert_eq!(seen, expected.map(|(at, sensor)| (at, sensor.to_owned())));
        let placed: Vec<_> = arrived.iter().map(|it| (it.partition, &*it.key)).collect();
        assert_eq!(placed, [(3, &b"x"[..]), (0, &b"b"[..]), (3, &b"x"[..])], "none moves");
        assert_eq!(done.delayed, 1);
        assert_eq!(of.unknown(&[arrival("b", 0)]), ["a"]);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["-1", "101", "ten", "", "NaN"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
        for text in ["a", "=1", "a=", "a=-1", "a=x", "a=1e99"] {
            assert!(text.parse::<SensorDelay>().is_err(), "{text}");
        }
        let odd: SensorDelay = "a=b=2s".parse().unwrap();
        assert_eq!((&*odd.sensor, odd.ms), ("a=b", 2_000));
    }
}
