//! Fault 17: one sensor falls silent, then all, and then all send at once. Windows close within the
//! idle bound, and the burst is counted.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use seismic_proto::Message;

use super::publisher::{Publisher, record};
use super::trial::Trial;
use crate::stage::{ROWS, let_it_work, wait_until};
use crate::truth::int;

/// Of the job. A record that comes after so much silence falls into another window.
const IDLE_MS: u64 = 500;
const SENSORS: [&str; 8] = ["A", "B", "C", "D", "E", "F", "G", "H"];

#[test]
fn silent_sensors_are_closed_within_the_idle_bound_and_a_burst_after_silence_is_counted() {
    fall_silent(Trial::new(17, "one sensor silent, all silent, a burst after silence"));
}

/// One sensor falls silent, then all, and then they all speak at once, a few times.
pub fn fall_silent(trial: Trial) {
    let mut trial = trial.option("--idle-timeout-ms", &IDLE_MS.to_string());
    let mut publisher = Publisher::new(&trial.stage);
    let mut consumer = trial.spawn(&[]);
    let mut said_by_first = 0;
    for _ in 0..Trial::rounds(2) {
        let began = Instant::now();
        wait_until("enough was said", || {
            said_by_first += speak(&mut publisher, &SENSORS, 1);
            began.elapsed().as_millis() > 400
        });
        wait_until("the first is closed while the others speak", || {
            speak(&mut publisher, &SENSORS[1..], 1);
            closed(&trial, SENSORS[0]) == said_by_first
        });
        wait_until("all are closed", || all_closed(&trial) == publisher.count);
        said_by_first += speak(&mut publisher, &SENSORS, 200);
        let before = trial.rows();
        wait_until("the burst is counted", || all_closed(&trial) == publisher.count);
        trial.wait_for_rows(&mut consumer, before.saturating_sub(1));
        trial.line.tries += 3;
    }
    consumer.stop(Signal::TERM).ok();
    let slowest = slowest_idle_close_ms(&trial);
    let bound =
        format!("idle after {IDLE_MS} ms; closed at most {slowest} ms after the last record");
    trial.line.measured.push(bound);
    assert!(slowest < IDLE_MS as i64 + 10_000, "{slowest} ms");
    trial.prove_records(None);
}

#[test]
fn a_producer_that_stands_still_in_an_append_is_not_taken_for_silence() {
    let trial = Trial::new(17, "a producer that stands still for 1.5 s with its messages appended");
    let mut trial = trial.option("--idle-timeout-ms", "1000");
    let options = "generate --forever --json --rate 2000 --sensors 40 --pack 5 --anomaly-percent 0";
    let args: Vec<_> = options.split_whitespace().collect();
    let mut command = trial.stage.command(&args);
    command.env("FAILPOINTS", "append-in-transaction=5%sleep(1500)");
    let load = trial.stage.start(command);
    let mut consumer = trial.spawn(&[]);
    trial.wait_for_rows(&mut consumer, 0);
    for _ in 0..Trial::rounds(3) {
        // Long enough for a few of them.
        let_it_work(Duration::from_secs(4));
        trial.line.tries += 1;
    }
    consumer.stop(Signal::TERM).ok();
    trial.prove(load);
}

/// Each sensor says so much in one act. Returns how much.
fn speak(publisher: &mut Publisher, sensors: &[&str], records: u64) -> u64 {
    let message = |sensor: &&str| (sensor.to_string(), record(sensor).encode_to_vec());
    let all: Vec<_> = (0..records).flat_map(|_| sensors.iter().map(message)).collect();
    publisher.all(&all);
    records
}

fn all_closed(trial: &Trial) -> u64 {
    int(&trial.stage.status(), "closed")
}

/// Records of a sensor that are in closed windows.
fn closed(trial: &Trial, sensor: &str) -> u64 {
    let done = trial.stage.run(&["read", ROWS, "--format", "json"]);
    let rows = crate::stage::parse(&done.stdout);
    let own = rows.iter().filter(|row| row["value"]["sensor_id"] == sensor);
    own.map(|row| int(&row["value"], "record_count")).sum()
}

/// From the last record of a window to its row, where silence closed it.
fn slowest_idle_close_ms(trial: &Trial) -> i64 {
    let rows = trial.stage.read(ROWS);
    let idle = rows.iter().filter(|row| row["value"]["closed_by"] == "idle");
    let last = |row: &serde_json::Value| row["value"]["last_sample_ts"].as_i64().unwrap();
    idle.map(|row| row["append_ms"].as_i64().unwrap() - last(row)).max().expect("some were idle")
}
