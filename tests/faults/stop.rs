//! Fault 3, SIGTERM and Ctrl-C under load: stopped within 5 s, everything committed, exit code 0,
//! and nothing to replay at the next start.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use seismic_queue::failpoints::COMMIT_IN_TRANSACTION;

use super::trial::Trial;
use crate::stage::{DATA, ROWS, Stage, wait_until};
use crate::truth::int;

#[test]
fn sigterm_under_load_stops_a_run_that_the_next_one_continues_without_replay() {
    stop_under_load(Trial::new(3, "SIGTERM of the worker under load"), Signal::TERM, "off");
}

#[test]
fn ctrl_c_under_load_stops_a_run_that_the_next_one_continues_without_replay() {
    stop_under_load(Trial::new(3, "Ctrl-C of the worker under load"), Signal::INT, "off");
}

#[test]
fn sigterm_during_a_commit_stops_a_run_that_the_next_one_continues_without_replay() {
    // Every commit takes so long that a stop meets one.
    let trial = Trial::new(3, "SIGTERM of the worker during a commit");
    stop_under_load(trial, Signal::TERM, "sleep(200)");
}

pub fn stop_under_load(mut trial: Trial, signal: Signal, commits: &str) {
    let load = trial.load();
    let mut slowest = Duration::ZERO;
    for _ in 0..Trial::rounds(3) {
        let failpoints = format!("{COMMIT_IN_TRANSACTION}={commits}");
        let consumer = trial.flows_again(|trial| trial.start_failing(&failpoints));
        trial.wait(10..400);
        let began = Instant::now();
        let done = consumer.stop(signal).ok();
        slowest = slowest.max(began.elapsed());
        assert!(done.stderr.contains("read ") && done.stderr.contains(" windows, "), "{done}");
        assert!(!done.stderr.contains("replaying"), "{done}");
        trial.line.tries += 1;
    }
    trial.line.measured.push(format!("slowest stop {} ms", slowest.as_millis()));
    trial.prove(load);
}

#[test]
fn a_killed_run_says_that_it_replayed() {
    // The other side of the tests above: silence there means something.
    let stage = Stage::with_records(&["--records", "1000"]);
    let generator = stage.spawn(&["generate", "--forever", "--rate", "5000"]);
    let consumer = stage.spawn(&["run"]);
    stage.wait_for_job(|status| int(status, "read") > 3_000);
    assert!(consumer.kill());
    generator.stop(Signal::TERM).ok();
    let done = stage.run(&["run", "--until-caught-up"]).ok();
    assert!(done.stderr.contains("after replaying "), "{done}");
}

#[test]
fn a_generator_without_end_stops_when_it_is_told_to() {
    for (signal, pace) in [(Signal::TERM, "0"), (Signal::INT, "50000")] {
        let stage = Stage::new();
        let mut generator = stage.spawn(&["generate", "--forever", "--rate", pace, "--json"]);
        wait_until("records", || !stage.run(&["read", DATA, "--max", "1"]).stdout.is_empty());
        assert!(generator.is_running());
        let done = generator.stop(signal).ok();
        let published = int(&serde_json::from_str(&done.stdout).unwrap(), "published");
        assert_eq!(stage.read(DATA).len() as u64, published);
    }
}

#[test]
fn a_run_that_waits_for_its_topic_and_a_reader_that_follows_stop_too() {
    let stage = Stage::new();
    let consumer = stage.spawn(&["run"]);
    wait_until("it waits", || consumer.stderr().contains("waiting for topic"));
    consumer.stop(Signal::TERM).ok();

    stage.generate(&["--records", "1000"]);
    stage.ok(&["run", "--drain"]);
    let reader = stage.spawn(&["read", ROWS, "--follow"]);
    wait_until("rows", || !reader.stdout().is_empty());
    reader.stop(Signal::INT).ok();
}
