//! Faults 1 and 2: the consumer dies at each named place, as `kill -9` there would have it, and in
//! five recoveries running. The places are compiled into the program that tests start, and the
//! environment says where it dies.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use seismic_pipeline::failpoints as slot;
use seismic_sinks::failpoints as sink;
use seismic_sqlite::failpoints as store;

use super::trial::{Trial, assert_aborted};
use crate::stage::{Running, wait_until};

#[test]
fn a_consumer_that_dies_at_each_named_place_loses_and_doubles_nothing() {
    let what = "death at each named place of step, commit, snapshot, replay and CSV sink";
    die_at_each(Trial::new(1, what), &sink::ALL);
}

/// The consumer dies at each named place of its own, and at these of its sink.
pub fn die_at_each(mut trial: Trial, of_sink: &[&str]) {
    let load = trial.load();
    let consumer = trial.start();
    trial.kill(consumer);
    for _ in 0..Trial::rounds(1) {
        for place in slot::ALL.iter().chain(&store::COMMITTING).chain(of_sink) {
            die_at(&mut trial, place);
        }
        let consumer = trial.resume();
        trial.kill(consumer);
    }
    trial.prove(load);
}

#[test]
fn five_recoveries_that_die_one_after_the_other_change_nothing() {
    let trial = Trial::new(2, "death in five recoveries running, in replay and in truncation");
    die_in_recoveries(trial, sink::IN_TRUNCATION);
}

/// The consumer dies in five recoveries running, one of them in that of its sink.
pub fn die_in_recoveries(mut trial: Trial, in_sink: &str) {
    let load = trial.load();
    let mut consumer = trial.start();
    for _ in 0..Trial::rounds(2) {
        trial.wait(200..800);
        trial.kill(consumer);
        for place in [slot::REPLAY, slot::REPLAY, in_sink, slot::REPLAY, slot::REPLAY] {
            die_at(&mut trial, place);
        }
        consumer = trial.resume();
    }
    consumer.stop(Signal::TERM).ok();
    trial.prove(load);
}

/// Starts the consumer until it has died at this place, after passing it some times.
fn die_at(trial: &mut Trial, place: &str) {
    let is_of_snapshots = [slot::SNAPSHOT_TAKEN, store::SNAPSHOT_CHUNK, store::BEFORE_PRUNE];
    let is_of_snapshots = is_of_snapshots.contains(&place);
    let is_of_recovery = [sink::IN_TRUNCATION, sink::AFTER_FENCE].contains(&place);
    for most_passes in [if is_of_snapshots { 3 } else { 20 }, 1, 1, 1, 1] {
        let passes = if is_of_recovery { 0 } else { trial.dice.draw(0..most_passes) };
        let before = trial.rows();
        let mut consumer = trial.start_failing(&format!("{place}={passes}*off->return(abort)"));
        if is_of_snapshots {
            // A stop takes one of each partition.
            trial.wait_for_rows(&mut consumer, before);
            consumer.signal(Signal::TERM);
        }
        if !ends_soon(&mut consumer) {
            // It did not come by so often. Killed, it has something to replay the next time.
            continue;
        }
        let done = consumer.wait();
        if done.code != Some(0) {
            assert_aborted(&done);
            trial.line.tries += 1;
            return;
        }
    }
    panic!("{place} is never passed");
}

fn ends_soon(consumer: &mut Running) -> bool {
    let began = Instant::now();
    wait_until("it ends, or enough time", || {
        !consumer.is_running() || began.elapsed() > Duration::from_secs(4)
    });
    !consumer.is_running()
}
