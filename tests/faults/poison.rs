//! Faults 14, 15 and 16: event times, payloads and amplitudes that no sensor should send, in the
//! middle of a load that must not notice.

use seismic_proto::{Message, SeismicRecord};

use super::dice::Dice;
use super::publisher::{Publisher, record};
use super::trial::Trial;
use crate::stage::{DEAD, ROWS, Running};
use crate::truth::{Reasons, int, text};

const HOUR_MS: i64 = 3_600_000;
const YEAR_2100_MS: i64 = 4_102_444_800_000;

/// A message and the reason for which it must be a dead letter; `None`: it counts.
pub type Poison = (Vec<u8>, Option<&'static str>);

fn poisoned(change: impl FnOnce(&mut SeismicRecord), reason: Option<&'static str>) -> Poison {
    let mut record = record("poison");
    change(&mut record);
    (record.encode_to_vec(), reason)
}

/// Event times that no sensor should send.
pub fn event_times() -> Vec<Poison> {
    let time = |ms: i64, reason| poisoned(|record| record.collect_timestamp = ms, reason);
    let now = record("").collect_timestamp;
    vec![
        time(YEAR_2100_MS, Some("future_timestamp")),
        time(now + HOUR_MS, Some("future_timestamp")),
        time(i64::MAX, Some("bad_time")),
        time(i64::MIN, Some("bad_time")),
        time(-YEAR_2100_MS, Some("bad_time")),
        // A window of its own, since this sensor's clock is not yet beyond it.
        time(-1, None),
        time(0, None),
    ]
}

/// Messages that are no records, or hardly; some are so `long`, in bytes.
pub fn payloads(dice: &mut Dice, long: u64) -> Vec<Poison> {
    let whole = record("poison").encode_to_vec();
    let mut poisons = vec![
        (whole[..whole.len() - 1].to_vec(), Some("unparseable")),
        // A sensor id as a number.
        ([&[0x08, 0x07], &whole[..]].concat(), Some("unparseable")),
        (dice.bytes(long), Some("unparseable")),
        (vec![0x0a, 2, 0xff, 0xfe], Some("unparseable")),
        (Vec::new(), Some("empty_sensor")),
        poisoned(|record| record.sensor_id = "x".repeat(long as usize), Some("long_sensor")),
        // A batch that promises more than there is.
        (vec![0x7a, 0xff, 0xff, 0xff, 0xff, 0x0f], Some("unparseable")),
    ];
    for _ in 0..Trial::rounds(20) {
        let len = dice.draw(1..200);
        let mut bytes = dice.bytes(len);
        // No field has this number and kind: random bytes must not be a record by accident.
        bytes.insert(0, 0x07);
        poisons.push((bytes, Some("unparseable")));
    }
    poisons
}

/// Amplitudes that are no numbers, or hardly.
pub fn amplitudes() -> Vec<Poison> {
    let amplitude =
        |value: f32, reason| poisoned(|record| record.seismic_amplitude = value, reason);
    let out = Some("amplitude_out_of_range");
    vec![
        amplitude(f32::NAN, out),
        amplitude(f32::INFINITY, out),
        amplitude(f32::NEG_INFINITY, out),
        amplitude(f32::MAX, out),
        amplitude(200.000_02, out),
        amplitude(-0.0, None),
        amplitude(f32::from_bits(1), None),
        amplitude(-f32::MIN_POSITIVE / 2.0, None),
    ]
}

#[test]
fn event_times_of_any_value_touch_no_other_sensor() {
    let what = "event times: 2100, 1970, negative, i64 limits, one hour ahead";
    poison(Trial::new(14, what), &event_times());
}

#[test]
fn payloads_of_any_kind_are_dead_letters_once() {
    let mut trial =
        Trial::new(15, "payloads: truncated, wrong wire type, 10 MB, not UTF-8, empty, random");
    let poisons = payloads(&mut trial.dice, 10 << 20);
    poison(trial, &poisons);
}

#[test]
fn amplitudes_that_are_no_numbers_are_rejected_and_the_smallest_are_exact() {
    let trial = Trial::new(16, "amplitudes: NaN, infinite, out of range, -0.0, subnormal");
    poison(trial, &amplitudes());
}

/// Publishes the poison in the middle of a load, kills the consumer after it, and proves that it
/// ended as it must and nothing else was touched.
pub fn poison(mut trial: Trial, poisons: &[Poison]) {
    let load = trial.load_with("--rate 5000 --sensors 50 --pack 5 --anomaly-percent 0");
    let mut consumer = trial.start();
    let mut publisher = Publisher::new(&trial.stage);
    let mut expected = Reasons::new();
    for (bytes, reason) in poisons {
        publisher.bytes("poison", bytes);
        if let Some(reason) = reason {
            *expected.entry((*reason).to_owned()).or_default() += 1;
        }
        trial.line.tries += 1;
    }
    // Results continue, and also after a restart that replays the poison.
    for _ in 0..2 {
        let before = trial.rows();
        trial.wait_for_rows(&mut consumer, before);
        consumer = restart(&mut trial, consumer);
    }
    consumer.stop(rustix::process::Signal::TERM).ok();
    let done = load.stop(rustix::process::Signal::TERM).ok();
    let load = serde_json::from_str(&done.stdout).unwrap();
    let by_load = int(&load, "published");

    trial.stage.ok(&trial.job(&["--drain"]));
    let status = trial.stage.status();
    assert_eq!(int(&status, "read"), by_load + publisher.count);
    let counted = publisher.count - expected.values().sum::<u64>();
    assert_eq!(int(&status, "closed"), by_load + counted, "{status}");
    let mut reasons = Reasons::new();
    for letter in trial.stage.read(DEAD) {
        *reasons.entry(text(&letter["value"], "reason")).or_default() += 1;
    }
    assert_eq!(reasons, expected);
    let rows = trial.stage.read(ROWS);
    let own = rows.iter().filter(|row| row["value"]["sensor_id"] == "poison");
    assert_eq!(own.map(|row| int(&row["value"], "record_count")).sum::<u64>(), counted);
    trial.prove_records(None);
}

fn restart(trial: &mut Trial, consumer: Running) -> Running {
    assert!(consumer.kill(), "poison ends no process");
    trial.resume()
}
