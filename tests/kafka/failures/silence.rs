//! Sensors that fall silent: their windows are closed in time, and what they send afterwards is
//! counted.

use rustix::process::Signal;
use seismic_proto::Message as _;
use serde_json::Value;

use crate::faults::publisher::{Publisher, record};
use crate::kafka::trial::{STOP_LIMIT, Trial, ended_with};
use crate::stage::{ROWS, wait_until};
use crate::truth::int;

const WORKER: &str =
    "run --quiet --slots 1 --window-ms 200 --lateness-ms 100 --idle-timeout-ms 500 --sink console";

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn windows_of_silent_sensors_are_closed_and_a_burst_after_the_silence_is_counted() {
    let what = "all sensors silent until every window is closed, then a burst";
    let Some(mut trial) = Trial::of(17, what) else { return };
    let worker: Vec<&str> = WORKER.split_whitespace().collect();
    let mut read = 0;
    let mut running = None;
    for _ in 0..Trial::rounds(2) {
        let published = trial.stage.generate(&["--records", "2000", "--sensors", "20"]);
        read += int(&published, "published");
        running.get_or_insert_with(|| trial.stage.spawn(&worker));
        let is_closed =
            |status: &_| (int(status, "read"), int(status, "open_windows")) == (read, 0);
        trial.stage.wait_for_job(is_closed);
        trial.tried();
    }
    ended_with(&running.unwrap().stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.prove();
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_sensor_that_falls_silent_while_others_speak_is_closed_and_its_burst_is_counted() {
    let what = "one sensor silent while others go on, then a burst of it; idle after 500 ms";
    let Some(mut trial) = Trial::of(17, what) else { return };
    trial.load();
    let worker = trial.stage.spawn(&WORKER.split_whitespace().collect::<Vec<_>>());
    trial.wait_for_rows(50);
    let mut publisher = Publisher::at(&trial.url());
    for _ in 0..Trial::rounds(2) {
        let burst = (0..200).map(|_| ("lonely".to_owned(), record("lonely").encode_to_vec()));
        publisher.all(&burst.collect::<Vec<_>>());
        let counted = |row: &Value| int(&row["value"], "record_count");
        wait_until("all of its windows are closed", || {
            lonely(&trial).iter().map(counted).sum::<u64>() == publisher.count
        });
        trial.tried();
    }
    let rows = lonely(&trial);
    let idle: Vec<_> = rows.iter().filter(|row| row["value"]["closed_by"] == "idle").collect();
    assert!(
        idle.len() as u64 >= Trial::rounds(2),
        "nothing but silence closes the last window of a burst"
    );
    let late = |row: &&Value| int(row, "append_ms") - int(&row["value"], "last_sample_ts");
    let slowest = idle.iter().map(late).max().unwrap();
    assert!(slowest < 10_500, "{slowest} ms");
    let measured = format!("closed at most {slowest} ms after the last record");
    trial.line.as_mut().unwrap().measured.push(measured);
    ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.prove();
}

/// Rows of the one sensor.
fn lonely(trial: &Trial) -> Vec<Value> {
    let mut rows = trial.stage.read(ROWS);
    rows.retain(|row| row["value"]["sensor_id"] == "lonely");
    rows
}
