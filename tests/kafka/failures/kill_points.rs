//! A worker that dies at each named place of its loop and of a commit, and in five recoveries
//! running. The places are compiled into the program that tests start, and the environment says
//! where it dies.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use seismic_kafka::failpoints as store;
use seismic_pipeline::failpoints as slot;

use crate::faults::trial::assert_aborted;
use crate::kafka::trial::{STOP_LIMIT, Trial, ended_with};
use crate::stage::{Running, wait_until};

const WORKER: &str = "--slot one --slots 2";

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_worker_that_dies_at_each_named_place_loses_and_doubles_nothing() {
    let what = "death at each named place of step, transaction, snapshot and replay";
    let Some(mut trial) = Trial::of(1, what) else { return };
    trial.load();
    let worker = trial.worker(WORKER);
    trial.wait_for_rows(50);
    assert!(worker.kill(), "it ran");
    for place in slot::ALL.iter().chain(&store::COMMITTING) {
        die_at(&mut trial, place);
    }
    let worker = trial.flows_again(|trial| trial.worker(WORKER));
    ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.prove();
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn five_recoveries_that_die_one_after_the_other_change_nothing() {
    let what =
        "death in five recoveries running, in replay and before the last transaction is ended";
    let Some(mut trial) = Trial::of(2, what) else { return };
    trial.load();
    let worker = trial.worker(WORKER);
    trial.wait_for_rows(200);
    assert!(worker.kill(), "it ran");
    for place in [slot::REPLAY, store::COMMIT_OPENING, slot::REPLAY, slot::REPLAY, slot::REPLAY] {
        die_at(&mut trial, place);
    }
    let worker = trial.flows_again(|trial| trial.worker(WORKER));
    ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.prove();
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_worker_that_dies_when_partitions_are_taken_away_leaves_nothing_open() {
    let what = "death while the group takes partitions away, after the last commit for them";
    let Some(mut trial) = Trial::of(1, what) else { return };
    trial.load();
    let first = trial.failing_worker("--slots 1", &format!("{}=return(abort)", slot::REVOKED));
    trial.wait_for_rows(50);
    let second = trial.worker("--slots 1");
    assert_aborted(&first.wait());
    trial.tried();
    trial.wait_for_rows(200);
    ended_with(&second.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.prove();
}

/// Starts the worker until it has died at this place, after passing it some times.
fn die_at(trial: &mut Trial, place: &str) {
    for passes in [7, 1, 0, 0] {
        let failpoint = format!("{place}={passes}*off->return(abort)");
        let mut worker = trial.failing_worker(WORKER, &failpoint);
        if place == slot::SNAPSHOT_TAKEN {
            // A stop takes one of each partition that it has.
            let mut seen = trial.seen();
            let before = seen.now();
            wait_until("it works, or has died", || {
                seen.now() > before + 20 || !worker.is_running()
            });
            if worker.is_running() {
                worker.signal(Signal::TERM);
            }
        }
        // What every start passes is waited for, also on a busy machine.
        let patience = Duration::from_secs(if passes == 0 { 60 } else { 8 });
        if !ends_within(&mut worker, patience) {
            // It did not come by so often. Killed, it has something to replay the next time.
            assert!(worker.kill(), "it ran");
            continue;
        }
        let done = worker.wait();
        if done.code != Some(0) {
            assert_aborted(&done);
            trial.tried();
            return;
        }
    }
    panic!("{place} is never passed");
}

fn ends_within(worker: &mut Running, patience: Duration) -> bool {
    let began = Instant::now();
    wait_until("it ends, or enough time", || !worker.is_running() || began.elapsed() > patience);
    !worker.is_running()
}
