//! Fault 22: sensor ids without end, and a million sensors.

use std::time::Duration;

use rustix::process::Signal;
use seismic_proto::Message;

use super::publisher::{Publisher, record};
use super::trial::{Trial, rounds};
use crate::stage::{DEAD, let_it_work};
use crate::truth::{int, text};

const GARBAGE_PER_ROUND: u64 = 20_000;

#[test]
fn sensor_ids_without_end_are_rejected_with_an_alarm_and_known_sensors_go_on() {
    let trial = Trial::new(22, "endless distinct garbage sensor ids");
    let mut trial = trial.option("--max-sensors", "1000");
    let load = trial.load_with("--rate 2000 --sensors 50 --pack 5 --anomaly-percent 0");
    let mut consumer = trial.start();
    let mut publisher = Publisher::new(&trial.stage);
    for _ in 0..Trial::rounds(1) {
        for _ in 0..GARBAGE_PER_ROUND / 1_000 {
            let garbage: Vec<_> = (0..1_000).map(|_| garbage(&mut trial)).collect();
            publisher.all(&garbage);
        }
        let before = trial.rows();
        trial.wait_for_rows(&mut consumer, before);
        trial.kill(consumer);
        consumer = trial.resume();
    }
    // It comes once for each partition and start; that so much is lost is a word of its own.
    let partitions = |stderr: &str| stderr.matches("as many sensors as its limit allows").count();
    crate::stage::wait_until("the alarm", || partitions(&consumer.stderr()) > 0);
    let memory = format!("at most {} MiB of memory", consumer.peak_memory_kib() >> 10);
    trial.line.measured.push(memory);
    let done = consumer.stop(Signal::TERM).ok();
    assert!(partitions(&done.stderr) <= 4, "not an alarm per record: {done}");
    load.stop(Signal::TERM).ok();
    trial.stage.ok(&trial.job(&["--drain"]));
    let status = trial.stage.status();
    let limited = int(&status["by_reason"], "sensor_limit");
    assert!(limited > publisher.count - 4_000 - 1, "{limited} of {}", publisher.count);
    let known = trial
        .stage
        .read(DEAD)
        .iter()
        .all(|letter| text(&letter["value"], "reason") == "sensor_limit");
    assert!(known, "the sensors that were known before are not touched");
    trial.prove_records(None);
}

fn garbage(trial: &mut Trial) -> (String, Vec<u8>) {
    let id = format!("garbage {}", trial.dice.draw(0..u64::MAX));
    let bytes = record(&id).encode_to_vec();
    (id, bytes)
}

/// A million of them in the long form.
#[test]
fn a_job_of_very_many_sensors_is_back_soon_after_a_kill() {
    let (sensors, rate) = if rounds() >= 10 { (1_000_000, 100_000) } else { (20_000, 20_000) };
    let what = format!("kill -9 of the worker with {sensors} sensors live at {rate} records/s");
    let mut trial = Trial::new(22, &what).too_large();
    let load = format!("--rate {rate} --sensors {sensors} --pack 50 --anomaly-percent 0");
    let load = trial.load_with(&load);
    let mut consumer = trial.start();
    // Until every sensor has spoken twice, so that windows close all the time.
    let_it_work(Duration::from_millis(2_000 * sensors / rate));
    for _ in 0..Trial::rounds(2).min(4) {
        trial.wait(500..3_000);
        trial.kill(consumer);
        consumer = trial.resume();
    }
    let memory = consumer.peak_memory_kib();
    trial.line.measured.push(format!("at most {} MiB of memory", memory >> 10));
    consumer.stop(Signal::TERM).ok();
    let slowest = *trial.line.back.iter().max().unwrap();
    assert!(slowest < Duration::from_secs(30), "back after {slowest:?}");
    trial.prove(load);
}
