//! The rule for large clock steps, written from the documented guarantees.

use seismic_pipeline::{Rules, TimeMode};
use seismic_proto::{ClosedBy, SeismicDeadLetter, SeismicRecord};
use seismic_queue::Message;
use sha2::{Digest, Sha256};

use super::late::is_allowed;
use super::statistics::Sample;
use super::{Oracle, SENSOR_ID_BYTES, Sensor};

const HELD_RECORD_BYTES: usize = 4_096;
const STRIDE_MS: i128 = 30 * 86_400_000;

/// A record whose time is not believed yet.
pub struct Held {
    pub sample: Sample,
    letter: SeismicDeadLetter,
    /// Whether it is no dead letter yet.
    pub waits: bool,
    followers: u32,
    others: u32,
}

/// Whether far steps of clocks are asked about.
fn judges(rules: &Rules) -> bool {
    rules.version >= 4 && rules.max_jump_ms > 0 && rules.time == TimeMode::Event
}

/// Whether this time is too far from the clock.
fn is_far(sensor: &Sensor, rules: &Rules, time: i128) -> bool {
    let Some(clock) = sensor.clock else { return false };
    let window = i128::from(rules.window_ms);
    let max_jump = i128::from(rules.max_jump_ms);
    let end = time.div_euclid(window) * window + window;
    match sensor.is_closed(end, rules) {
        true => !is_allowed(sensor, end, rules) && clock - time > max_jump - max_jump / 4,
        false => time - clock > max_jump.max(window).max(sensor.stride),
    }
}

impl Oracle {
    /// Whether the record is held; `Err` when it would be, but is too long.
    pub(super) fn hold(
        &mut self,
        message: Message<'_>,
        index: usize,
        record: &SeismicRecord,
        time: i128,
        bytes: &[u8],
    ) -> Result<bool, &'static str> {
        let append = self.append_ms.unwrap();
        let arrival = if record.arrival_ms == 0 { append } else { record.arrival_ms };
        let sensor = self.sensors.get_mut(&record.sensor_id).unwrap();
        if !judges(&self.rules) || !is_far(sensor, &self.rules, time) {
            return Ok(false);
        }
        let clock = sensor.clock.unwrap();
        let arrived = (time - i128::from(arrival)).abs() <= i128::from(self.rules.max_jump_ms);
        if time > clock && arrived {
            return Ok(false);
        }
        if bytes.len() > HELD_RECORD_BYTES {
            return Err(if time > clock { "clock_jump" } else { "late" });
        }
        for held in &mut sensor.held {
            let follows = (time - held.sample.time).abs() < (time - clock).abs();
            held.followers += u32::from(follows);
            held.others += u32::from(!follows);
        }
        let letter = SeismicDeadLetter {
            reason: String::new(),
            input_topic: self.topic.clone(),
            input_partition: self.partition,
            input_offset: message.offset.0 as i64,
            index: index as i32,
            append_ms: append,
            bytes: bytes.to_vec(),
            original_len: bytes.len() as i64,
            sha256: Sha256::digest(bytes).to_vec(),
            ..Default::default()
        };
        let (amplitude, phase) = (record.seismic_amplitude, record.phase_type.clone());
        let sample = Sample { time, amplitude, phase };
        sensor.held.push(Held { sample, letter, waits: true, followers: 0, others: 0 });
        assert!(sensor.held.len() <= 8);
        Ok(true)
    }

    /// A record that is not held speaks for the clock.
    pub(super) fn vote(&mut self, id: &str, time: i128) {
        let sensor = self.sensors.get_mut(id).unwrap();
        let clock = sensor.clock;
        for held in &mut sensor.held {
            let from_clock = (time - clock.unwrap()).abs();
            held.others += u32::from((time - held.sample.time).abs() >= from_clock);
        }
    }

    /// Follows, gives up or counts what is held, until nothing can be decided.
    pub(super) fn decide(&mut self, id: &str, offset: u64) {
        loop {
            let rules = self.rules.clone();
            let sensor = self.sensors.get_mut(id).unwrap();
            let place = |is_it: &dyn Fn(&Held) -> bool| sensor.held.iter().position(is_it);
            if let Some(at) = place(&|held| held.followers >= 2) {
                let clock = sensor.clock.unwrap();
                sensor.stride = stride(&sensor.held[at..], clock);
                let held = sensor.held.remove(at);
                if held.sample.time < clock {
                    self.set_back(id, offset);
                }
                self.count_held(id, held, offset);
            } else if let Some(at) = place(&|held| {
                // A clock that was set back stays behind.
                let back = Some(held.sample.time) < sensor.clock;
                held.others >= if back { 1 } else { 2 }
            }) {
                let held = sensor.held.remove(at);
                self.give_up(id, held, (ClosedBy::Time, offset));
            } else if let Some(at) = place(&|held| !is_far(sensor, &rules, held.sample.time)) {
                let held = sensor.held.remove(at);
                self.count_held(id, held, offset);
            } else {
                return;
            }
        }
    }

    /// Gives up everything that a sensor holds, and remembers only the times.
    pub(super) fn give_up_all(&mut self, id: &str, by: ClosedBy) {
        for at in 0..self.sensors[id].held.len() {
            let held = &mut self.sensors.get_mut(id).unwrap().held[at];
            let copy = Held {
                sample: held.sample.clone(),
                letter: held.letter.clone(),
                waits: std::mem::replace(&mut held.waits, false),
                ..*held
            };
            self.give_up(id, copy, (by, self.position));
        }
    }

    fn give_up(&mut self, id: &str, held: Held, decided: (ClosedBy, u64)) {
        let ahead = held.sample.time > self.sensors[id].clock.unwrap();
        let reason = if ahead { "clock_jump" } else { "late" };
        self.bury_held(id, held, reason, decided);
    }

    fn count_held(&mut self, id: &str, held: Held, offset: u64) {
        if held.waits {
            if let Err(reason) = self.place(id, held.sample.clone()) {
                self.count_reject_at(id, held.sample.time, reason);
                self.bury_held(id, held, reason, (ClosedBy::Time, offset));
            }
        } else {
            self.sensors.get_mut(id).unwrap().advance(held.sample.time);
        }
        self.close_due(id, offset);
    }

    fn bury_held(&mut self, id: &str, held: Held, reason: &str, decided: (ClosedBy, u64)) {
        if held.waits {
            *self.totals.dead.entry(reason.to_owned()).or_default() += 1;
            let key = id.as_bytes()[..id.len().min(SENSOR_ID_BYTES)].to_vec();
            let letter = SeismicDeadLetter {
                reason: reason.to_owned(),
                decided_by: decided.0.into(),
                decided_offset: decided.1 as i64,
                ..held.letter
            };
            self.dead.push((key, letter));
        }
    }

    /// The clock is set back: what is open is closed, and a new era begins.
    fn set_back(&mut self, id: &str, offset: u64) {
        let starts: Vec<i128> = self.sensors[id].windows.keys().copied().collect();
        for start in starts {
            self.close(id, start, ClosedBy::Time, offset);
        }
        self.close_late(id, true, ClosedBy::Time, offset);
        self.close_spans(id, None, ClosedBy::Time, offset);
        let sensor = self.sensors.get_mut(id).unwrap();
        sensor.again_until = sensor.again_until.max(sensor.closed_until);
        (sensor.clock, sensor.closed_until, sensor.pending) = (None, None, None);
        sensor.late.pending = None;
        sensor.spans.clear();
        sensor.era += 1;
    }
}

/// Twice the smallest distance between the first of these and those that follow it.
fn stride(held: &[Held], clock: i128) -> i128 {
    let first = held[0].sample.time;
    let times = held.iter().map(|held| held.sample.time);
    let mut times: Vec<i128> = times
        .filter(|&time| time == first || (time - first).abs() < (time - clock).abs())
        .collect();
    times.sort_unstable();
    times.dedup();
    let least = times.windows(2).map(|pair| pair[1] - pair[0]).min();
    (2 * least.unwrap_or(0)).min(STRIDE_MS)
}
