//! How long partitions wait for a worker that was killed: a worker with a fixed name returns at
//! once, without one its session must expire.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::kafka::trial::{STOP_LIMIT, Trial, ended_with};
use crate::stage::{let_it_work, wait_until};

/// The session of a worker.
const SESSION: Duration = Duration::from_secs(10);

/// Kills a worker that many times, starts it again at once, and gives how long rows stood still,
/// the shortest first.
fn killed(trial: &mut Trial, options: &str, times: u64) -> Vec<Duration> {
    let mut worker = trial.worker(options);
    trial.wait_for_rows(50);
    for _ in 0..Trial::rounds(times) {
        trial.wait_for_rows(50);
        assert!(worker.kill(), "it ran");
        worker = trial.flows_again(|trial| trial.worker(options));
    }
    ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    let mut back = trial.line.as_ref().unwrap().back.clone();
    back.sort_unstable();
    back
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_killed_worker_with_a_name_is_back_before_its_session_is_over() {
    let what = "kill -9 of a worker with a named slot, started again at once";
    let Some(mut trial) = Trial::of(1, what) else { return };
    trial.load();
    let back = killed(&mut trial, "--slot one --slots 1", 3);
    // On a busy machine a start alone may take seconds, so the best of them counts.
    assert!(back[0] < SESSION / 2, "{back:?}");
    trial.prove();
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_killed_worker_without_a_name_is_missed_only_after_its_session() {
    let what = "kill -9 of a worker without a name, started again at once";
    let Some(mut trial) = Trial::of(1, what) else { return };
    trial.load();
    let back = killed(&mut trial, "--slots 1", 1);
    assert!(back[0] > SESSION / 2, "{back:?}");
    trial.prove();
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_stopped_worker_without_a_name_leaves_its_partitions_to_others_at_once() {
    let Some(mut trial) = Trial::of(3, "SIGTERM to one of two workers without names") else {
        return;
    };
    trial.load();
    let mut leaving = trial.worker("--slots 1");
    trial.wait_for_rows(50);
    for _ in 0..Trial::rounds(1) {
        let staying = trial.worker("--slots 1");
        trial.wait_for_rows(100);
        ended_with(&leaving.stop_within(Signal::TERM, STOP_LIMIT), 0);
        // Well before a session would be over, the other one has all.
        let left = Instant::now();
        wait_until("the other one has all partitions", || {
            let members = trial.stage.status()["members"].clone();
            let members = members.as_array().unwrap();
            members.len() == 1 && members[0]["partitions"].as_array().unwrap().len() == 4
        });
        assert!(left.elapsed() < SESSION, "it took {:?}", left.elapsed());
        trial.tried();
        leaving = staying;
    }
    ended_with(&leaving.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.prove();
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_worker_with_a_name_that_is_stopped_leaves_its_partitions_to_others_at_once() {
    let what = "a worker with a named slot stopped for good beside another one";
    let Some(mut trial) = Trial::of(8, what) else { return };
    trial.load();
    let left = trial.worker("--slot left --slots 1");
    trial.wait_for_rows(50);
    let right = trial.worker("--slot right --slots 1");
    let mut shown = right.lines();
    wait_until("it has partitions", || shown.now() > 0);
    ended_with(&left.stop_within(Signal::TERM, STOP_LIMIT), 0);
    let began = Instant::now();
    trial.flows_in_all_partitions();
    let took = began.elapsed();
    assert!(took < Duration::from_secs(6), "far below a session of 10 s, and not {took:?}");
    println!("HANDED OVER in {} ms", took.as_millis());
    ended_with(&right.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.prove();
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_worker_with_a_name_whose_broker_is_away_about_as_long_as_a_session_goes_on() {
    let what = "the only broker away for about a session of a worker with a named slot";
    let Some(mut trial) = Trial::of(5, what) else { return };
    trial.load();
    let mut worker = trial.worker("--slot one --slots 2");
    trial.wait_for_rows(50);
    for round in 0..Trial::rounds(1) {
        trial.kafka.nodes[0].kill();
        // With the seconds that it takes to start: the slot has lost its place, or has it still, or
        // finds that out while it commits.
        let_it_work(SESSION / 2 + Duration::from_secs(round % 5));
        let before = trial.wait_for_quiet();
        trial.kafka.nodes[0].restart();
        trial.flows_beyond(before, Instant::now());
        trial.wait_for_rows(100);
        assert!(worker.is_running(), "nobody has taken its slots: {}", worker.stderr());
    }
    ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.prove();
}
