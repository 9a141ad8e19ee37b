//! Fault 1: `kill -9` of the consumer, again and again, at random moments under load.

use std::time::Duration;

use super::trial::Trial;
use crate::stage::ROWS;

/// Kills the consumer so often, each time at another moment, and proves the job.
pub fn kill_consumers(mut trial: Trial, load: &str, kills: u64) {
    let load = trial.load_with(load);
    let mut consumer = trial.start();
    for _ in 0..Trial::rounds(kills) {
        trial.wait(20..700);
        trial.kill(consumer);
        trial.sink_must_be_committed();
        consumer = trial.resume();
    }
    consumer.stop(rustix::process::Signal::TERM).ok();
    trial.prove(load);
}

#[test]
fn consumers_killed_under_live_load_lose_and_double_nothing() {
    let trial = Trial::new(1, "kill -9 of the worker at random times under load");
    kill_consumers(trial, "--rate 10000 --sensors 50 --pack 5", 8);
}

#[test]
fn consumers_killed_while_sensors_fall_silent_lose_and_double_nothing() {
    let trial = Trial::new(1, "kill -9 of the worker while most windows are closed for idleness");
    // Each sensor speaks every 2 s and is idle after 300 ms.
    let trial = trial.option("--idle-timeout-ms", "300");
    kill_consumers(trial, "--rate 200 --sensors 400 --anomaly-percent 0", 4);
}

#[test]
fn results_flow_again_soon_after_a_kill_with_1000_sensors_at_100_000_records_a_second() {
    let trial = Trial::new(1, "kill -9 of the worker, 1,000 sensors live at 100,000 records/s");
    let mut trial = trial.option("--window-ms", "100").option("--lateness-ms", "0").too_large();
    let load = trial.load_with("--rate 100000 --sensors 1000 --pack 50 --anomaly-percent 0");
    let mut consumer = trial.start();
    for _ in 0..Trial::rounds(3) {
        trial.wait(500..1_500);
        trial.kill(consumer);
        consumer = trial.resume();
    }
    consumer.stop(rustix::process::Signal::TERM).ok();
    // A machine that does other things is slow; a start that reads everything again is slower.
    let slowest = *trial.line.back.iter().max().unwrap();
    assert!(slowest < Duration::from_secs(10), "back after {slowest:?}");
    let idle =
        trial.stage.read(ROWS).iter().filter(|row| row["value"]["closed_by"] == "idle").count();
    assert_eq!(idle, 0);
    trial.prove(load);
}
