//! The engine's part in idle closes: who is silent, without asking every sensor each time.
//!
//! Sensors with something open are filed in cohorts, by an offset from which on they have spoken:
//!
//! ```text
//!   log     ──0────────128────────256────────384──► position
//!   cohorts   [ from 0 ][ from 128 ][ from 256 …
//! ```
//!
//! A record moves nobody. When everything below an offset is to be closed, only cohorts from below
//! that offset can have a silent sensor; these are gone through, and who has spoken since is filed
//! again by its last offset. Cohorts are a sixteenth of what an idle timeout brings, so each sensor is
//! looked at about once in an idle timeout, and one with nothing open not at all. A silent sensor
//! whose roll-up waits for the log's own time is set aside until the first such roll-up ends.
//!
//! All of it is derived from the sensors, so a snapshot knows nothing of it; an engine that is restored
//! files everyone from 0 on. The tests compare it with asking every sensor.

use std::collections::BTreeMap;

use seismic_proto::ClosedBy;
use seismic_queue::Offset;

use crate::engine::output::Output;
use crate::engine::rollup::Rollups;
use crate::engine::windows::Engine;
use crate::limits;

/// Where a sensor is filed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filing {
    /// Nowhere: nothing is open.
    #[default]
    No,
    /// In a cohort.
    InCohort,
    /// Set aside: it is silent, and only roll-ups are open that the log's own time has not passed.
    Aside,
}

/// Places of the sensors with something open.
#[derive(Debug)]
pub(crate) struct IdleSensors {
    /// By the offset from which on each of them has a record.
    cohorts: BTreeMap<u64, Vec<u32>>,
    /// The cohort that was filed in last, taken out of the others: mostly it is also the next one.
    at_hand: Option<(u64, Vec<u32>)>,
    /// Offsets that share a cohort have the same bits from here on, and never fewer than that.
    shift: u32,
    least_shift: u32,
    /// Those set aside, some of whom may have been filed since.
    aside: Vec<u32>,
    /// End of the first roll-up of those.
    wake_ms: i64,
}

impl Default for IdleSensors {
    fn default() -> Self {
        IdleSensors {
            cohorts: BTreeMap::new(),
            at_hand: None,
            shift: 63,
            least_shift: limits::COHORT_MESSAGES.ilog2(),
            aside: Vec::new(),
            wake_ms: i64::MAX,
        }
    }
}

impl IdleSensors {
    /// Files a sensor that spoke last at `spoke`.
    #[inline]
    fn file(&mut self, place: u32, spoke: Offset) {
        let from = spoke.0 >> self.shift << self.shift;
        match &mut self.at_hand {
            Some((at_hand, places)) if *at_hand == from => places.push(place),
            _ => self.turn_to(from).push(place),
        }
    }

    #[cold]
    fn turn_to(&mut self, from: u64) -> &mut Vec<u32> {
        self.put_back();
        let places = self.cohorts.remove(&from).unwrap_or_default();
        &mut self.at_hand.insert((from, places)).1
    }

    fn put_back(&mut self) {
        self.cohorts.extend(self.at_hand.take());
    }

    /// Takes out who may have said nothing from `below` on. What is filed from now on is filed as
    /// finely as the messages from there to `position` make sensible.
    fn take_cohorts(&mut self, below: Offset, position: Offset) -> Vec<Vec<u32>> {
        self.put_back();
        let messages = (position.0 - below.0) / limits::COHORTS;
        self.shift = messages.checked_ilog2().unwrap_or(0).max(self.least_shift);
        let rest = self.cohorts.split_off(&below.0);
        std::mem::replace(&mut self.cohorts, rest).into_values().collect()
    }

    /// Takes out those set aside, if one of them has a roll-up that ends until `until_ms`.
    fn wake(&mut self, until_ms: i64) -> Vec<u32> {
        if until_ms < self.wake_ms {
            return Vec::new();
        }
        self.wake_ms = i64::MAX;
        std::mem::take(&mut self.aside)
    }
}

impl Engine {
    /// Files a sensor that has just opened a window.
    #[inline]
    pub(crate) fn file_opened(&mut self, place: usize) {
        if self.sensors[place].filed != Filing::InCohort {
            self.file(place as u32);
        }
    }

    pub(crate) fn file(&mut self, place: u32) {
        let sensor = &mut self.sensors[place as usize];
        sensor.filed = Filing::InCohort;
        self.idle_sensors.file(place, sensor.last_offset());
    }

    /// Closes every window of the sensors whose last record lies below `below`, and those of their
    /// roll-ups that the log's own time has passed by the lateness. `true` when there was one;
    /// then, and only then, the call belongs into the journal.
    ///
    /// # Panics
    /// When `below` is beyond [`Engine::position`]: nobody can know that yet.
    pub fn close_idle(&mut self, below: Offset, out: &mut Output) -> bool {
        assert!(below <= self.position, "only what was read can be idle");
        let before = self.counters.rows();
        let until_ms = self.append_ms.saturating_sub(self.rules.lateness_ms);
        let mut silent = Vec::new();
        for cohort in self.idle_sensors.take_cohorts(below, self.position) {
            silent.extend(cohort.into_iter().filter(|&place| self.is_to_close(place, below)));
        }
        // Who was filed again is not to be looked at twice, nor who was set aside again since.
        for place in self.idle_sensors.wake(until_ms) {
            if self.sensors[place as usize].filed == Filing::Aside && self.is_to_close(place, below)
            {
                silent.push(place);
            }
        }
        // Output follows the order in which sensors were first seen.
        silent.sort_unstable();
        for place in silent {
            self.close_all(place as usize, ClosedBy::Idle, out);
            self.close_rollups(place as usize, until_ms, ClosedBy::Idle, out);
            self.set_aside(place);
        }
        if self.idle_sensors.aside.len() > 2 * self.sensors.len() {
            // Who was filed and set aside again is in it twice.
            self.idle_sensors.aside.sort_unstable();
            self.idle_sensors.aside.dedup();
        }
        self.counters.rows() > before
    }

    /// Whether it has to be closed; if not, it is filed where it belongs.
    fn is_to_close(&mut self, place: u32, below: Offset) -> bool {
        let sensor = &mut self.sensors[place as usize];
        if !sensor.is_silent(below) {
            self.file(place);
            return false;
        }
        sensor.filed = Filing::No;
        sensor.is_open() || sensor.rollups().is_some_and(|rollups| rollups.open().next().is_some())
    }

    /// Sets a silent sensor aside until the first of its open roll-ups ends, if it has one.
    fn set_aside(&mut self, place: u32) {
        let sensor = &mut self.sensors[place as usize];
        let open = sensor.rollups().into_iter().flat_map(Rollups::open);
        let ends = open.map(|(level, span)| span.end_ms(self.rules.rollups_ms[level]));
        if let Some(end_ms) = ends.min() {
            sensor.filed = Filing::Aside;
            self.idle_sensors.aside.push(place);
            self.idle_sensors.wake_ms = self.idle_sensors.wake_ms.min(end_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::rules::Rules;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use seismic_proto::{Message as _, SeismicRecord};
    use seismic_queue::{Message, Partition};

    impl Engine {
        /// What [`Engine::close_idle`] must equal.
        fn close_idle_asking_all(&mut self, below: Offset, out: &mut Output) -> bool {
            let before = self.counters.rows();
            let until_ms = self.append_ms.saturating_sub(self.rules.lateness_ms);
            for place in 0..self.sensors.len() {
                if self.sensors[place].is_silent(below) {
                    self.close_all(place, ClosedBy::Idle, out);
                    self.close_rollups(place, until_ms, ClosedBy::Idle, out);
                }
            }
            self.counters.rows() > before
        }

        fn give(&mut self, sensor: usize, time_ms: i64, append_ms: i64, out: &mut Output) {
            let record = SeismicRecord {
                sensor_id: format!("S{sensor}"),
                collect_timestamp: time_ms,
                phase_type: "N".into(),
                data_quality: 1,
                ..SeismicRecord::default()
            };
            let (offset, value) = (self.position(), record.encode_to_vec());
            self.step(Message { offset, append_ms, key: b"", value: &value }, out);
        }

        /// Sensors that a call would look at.
        fn candidates(&self, below: Offset) -> usize {
            let at_hand = self.idle_sensors.at_hand.iter().map(|(from, places)| (from, places));
            let cohorts = self.idle_sensors.cohorts.iter().chain(at_hand);
            cohorts.filter(|&(&from, _)| from < below.0).map(|(_, places)| places.len()).sum()
        }
    }

    /// An engine with cohorts of as few messages as there are in a test.
    fn engine(rollups_ms: &[i64]) -> Engine {
        let rules = Rules { rollups_ms: rollups_ms.to_vec(), ..Rules::default() };
        let mut engine = Engine::new(rules, "topic", Partition(0), Offset(0));
        engine.idle_sensors.least_shift = 0;
        engine
    }

    #[derive(Clone, Debug)]
    enum Act {
        /// A sensor sends a record so much later, or earlier, than its last one, and the log's time
        /// goes on.
        Send {
            sensor: usize,
            by_ms: i64,
            append_by_ms: i64,
        },
        /// So many messages back.
        Idle {
            back: u64,
        },
        Restore,
        End,
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            20 => (0..6usize, -1_500..3_000i64, prop_oneof![0..300i64, 0..4_000i64]).prop_map(
                |(sensor, by_ms, append_by_ms)| Act::Send { sensor, by_ms, append_by_ms }
            ),
            8 => (0..15u64).prop_map(|back| Act::Idle { back }),
            1 => Just(Act::Restore),
            1 => Just(Act::End),
        ]
    }

    fn snapshot(engine: &Engine) -> Vec<u8> {
        let mut bytes = Vec::new();
        engine.snapshot(&mut bytes);
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn closing_the_idle_ones_is_as_asking_every_sensor(
            acts in vec(act(), 1..150), rolls in any::<bool>(),
        ) {
            let rollups_ms: &[i64] = if rolls { &[2_000, 10_000] } else { &[] };
            let (mut ours, mut theirs) = (engine(rollups_ms), engine(rollups_ms));
            let (mut out, mut expected) = (Output::default(), Output::default());
            let (mut times, mut append_ms) = ([1_600_000_000_000; 6], 1_600_000_000_000);
            for act in acts {
                match act {
                    Act::Send { sensor, by_ms, append_by_ms } => {
                        times[sensor] += by_ms;
                        append_ms += append_by_ms;
                        ours.give(sensor, times[sensor], append_ms, &mut out);
                        theirs.give(sensor, times[sensor], append_ms, &mut expected);
                    }
                    Act::Idle { back } => {
                        let below = Offset(ours.position().0.saturating_sub(back));
                        let closed = ours.close_idle(below, &mut out);
                        prop_assert_eq!(closed, theirs.close_idle_asking_all(below, &mut expected));
                    }
                    Act::Restore => {
                        let stored = snapshot(&ours);
                        ours = Engine::restore(&stored, "topic", Partition(0)).unwrap();
                        ours.idle_sensors.least_shift = 0;
                    }
                    Act::End => {
                        ours.end(&mut out);
                        theirs.end(&mut expected);
                    }
                }
                prop_assert_eq!(&out.rows, &expected.rows);
                prop_assert_eq!(&out.rollups, &expected.rollups);
            }
            prop_assert_eq!(snapshot(&ours), snapshot(&theirs));
        }
    }

    /// 1,000 sensors take turns; an idle timeout brings two rounds, and it is asked eight times a
    /// timeout who is silent.
    #[test]
    fn a_sensor_that_speaks_is_looked_at_about_once_in_an_idle_timeout() {
        let (mut engine, mut out, mut candidates) = (engine(&[10_000]), Output::default(), 0);
        for round in 0..20 {
            for sensor in 0..1_000 {
                if engine.position().0 % 250 == 0 {
                    let below = Offset(engine.position().0.saturating_sub(2_000));
                    candidates += engine.candidates(below);
                    assert!(!engine.close_idle(below, &mut out), "nobody is silent");
                }
                let time_ms = 1_600_000_000_000 + round * 100;
                engine.give(sensor, time_ms, time_ms, &mut out);
            }
        }
        // Nine timeouts after the first one.
        assert!((8_000..13_000).contains(&candidates), "{candidates} for 1,000 sensors");
        assert!(
            engine.idle_sensors.cohorts.len() <= 34,
            "{} cohorts",
            engine.idle_sensors.cohorts.len()
        );
    }

    #[test]
    fn a_burst_after_silence_makes_few_cohorts() {
        let (mut engine, mut out) =
            (Engine::new(Rules::default(), "t", Partition(0), Offset(0)), Output::default());
        engine.close_idle(Offset(0), &mut out);
        (0..10_000)
            .for_each(|sensor| engine.give(sensor, 1_600_000_000_000, 1_600_000_000_000, &mut out));
        engine.close_idle(Offset(0), &mut out);
        assert_eq!(engine.idle_sensors.cohorts.len(), 3);
    }

    #[test]
    fn who_is_set_aside_and_comes_back_again_and_again_is_remembered_once() {
        let (mut engine, mut out) = (engine(&[86_400_000]), Output::default());
        for cycle in 0..100 {
            let time_ms = 1_600_000_000_000 + cycle * 5_000;
            engine.give(0, time_ms, time_ms, &mut out);
            assert!(engine.close_idle(engine.position(), &mut out));
        }
        assert!(engine.idle_sensors.aside.len() <= 2, "{:?}", engine.idle_sensors.aside);
    }
}
