//! Event times, payloads and amplitudes that no sensor should send, published to Kafka in the
//! middle of a load that must not notice.

use rustix::process::Signal;

use crate::faults::dice::Dice;
use crate::faults::poison::{Poison, amplitudes, event_times, payloads};
use crate::faults::publisher::Publisher;
use crate::kafka::trial::{STOP_LIMIT, Trial, ended_with};
use crate::stage::{DEAD, ROWS};
use crate::truth::{Reasons, int, text};

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn event_times_of_any_value_touch_no_other_sensor() {
    poison(14, "event times: 2100, 1970, negative, i64 limits, one hour ahead", &event_times());
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn payloads_of_any_kind_are_dead_letters_once() {
    let what = "payloads: truncated, wrong wire type, 10 MB, not UTF-8, empty, random";
    poison(15, what, &payloads(&mut Dice::new(), 10 << 20));
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn amplitudes_that_are_no_numbers_are_rejected_and_the_smallest_are_exact() {
    poison(16, "amplitudes: NaN, infinite, out of range, -0.0, subnormal", &amplitudes());
}

/// Publishes the poison, kills the worker after it, and proves that it ended as it must.
fn poison(fault: u32, what: &str, poisons: &[Poison]) {
    let Some(mut trial) = Trial::of(fault, what) else { return };
    trial.load_with("--anomaly-percent 0");
    let worker = trial.worker("--slot one --slots 1");
    trial.wait_for_rows(50);
    let mut publisher = Publisher::at(&trial.url());
    let mut expected = Reasons::new();
    for (bytes, reason) in poisons {
        publisher.bytes("poison", bytes);
        if let Some(reason) = reason {
            *expected.entry((*reason).to_owned()).or_default() += 1;
        }
        trial.tried();
    }
    trial.wait_for_rows(50);
    assert!(worker.kill(), "poison ends no process");
    let worker = trial.worker("--slot one --slots 1");
    trial.wait_for_rows(50);
    ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.end_load();
    let mut reasons = Reasons::new();
    for letter in trial.stage.read(DEAD) {
        *reasons.entry(text(&letter["value"], "reason")).or_default() += 1;
    }
    assert_eq!(reasons, expected);
    let rows = trial.stage.read(ROWS);
    let own = rows.iter().filter(|row| row["value"]["sensor_id"] == "poison");
    let counted = publisher.count - expected.values().sum::<u64>();
    assert_eq!(own.map(|row| int(&row["value"], "record_count")).sum::<u64>(), counted);
    trial.prove();
}
