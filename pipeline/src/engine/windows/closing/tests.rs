//! Idle closing, compared with an engine that checks every sensor.

use super::*;
use crate::engine::windows::rules::Rules;
use proptest::collection::vec;
use proptest::prelude::*;
use seismic_proto::{Message as _, SeismicRecord};
use seismic_queue::{Message, Partition};

impl Engine {
    /// What [`Engine::close_idle`] must equal.
    fn close_idle_asking_all(&mut self, below: Offset, out: &mut Output) -> bool {
        let before = self.outputs();
        let until_ms = self.append_ms.saturating_sub(self.rules.lateness_ms);
        for number in 0..self.sensors.len() {
            if self.sensors[number].is_silent(below) {
                self.spend_held(number, ClosedBy::Idle, out);
                self.close_all(number, ClosedBy::Idle, out);
                let closing = (ClosedBy::Idle, self.position);
                self.close_late_all(number, closing, out);
                self.close_rollups(number, until_ms, closing, out);
            }
        }
        self.outputs() > before
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
}

/// An engine with cohorts of as few messages as there are in a test.
fn engine(rollups_ms: &[i64]) -> Engine {
    let rules = Rules { rollups_ms: rollups_ms.to_vec(), ..Rules::default() };
    let mut engine = Engine::new(rules, "topic", Partition(0), Offset(0));
    engine.idle_sensors.with_small_cohorts();
    engine
}

#[derive(Clone, Debug)]
enum Act {
    /// A sensor sends a record so much later, or earlier, than its last one, and the log's time
    /// continues.
    Send {
        sensor: usize,
        by_ms: i64,
        append_by_ms: i64,
    },
    /// This many messages back.
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
                    ours.idle_sensors.with_small_cohorts();
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
                candidates += engine.idle_sensors.candidates(below);
                assert!(!engine.close_idle(below, &mut out), "nobody is silent");
            }
            let time_ms = 1_600_000_000_000 + round * 100;
            engine.give(sensor, time_ms, time_ms, &mut out);
        }
    }
    // Nine timeouts after the first one.
    assert!((8_000..13_000).contains(&candidates), "{candidates} for 1,000 sensors");
    assert!(engine.idle_sensors.sizes().0 <= 34, "{} cohorts", engine.idle_sensors.sizes().0);
}

#[test]
fn a_burst_after_silence_makes_few_cohorts() {
    let (mut engine, mut out) =
        (Engine::new(Rules::default(), "t", Partition(0), Offset(0)), Output::default());
    engine.close_idle(Offset(0), &mut out);
    (0..10_000)
        .for_each(|sensor| engine.give(sensor, 1_600_000_000_000, 1_600_000_000_000, &mut out));
    engine.close_idle(Offset(0), &mut out);
    assert_eq!(engine.idle_sensors.sizes().0, 3);
}

#[test]
fn who_is_set_aside_and_comes_back_again_and_again_is_remembered_once() {
    let (mut engine, mut out) = (engine(&[86_400_000]), Output::default());
    for cycle in 0..100 {
        let time_ms = 1_600_000_000_000 + cycle * 5_000;
        engine.give(0, time_ms, time_ms, &mut out);
        assert!(engine.close_idle(engine.position(), &mut out));
    }
    let (_, aside) = engine.idle_sensors.sizes();
    assert!(aside <= 2, "{aside}");
}
