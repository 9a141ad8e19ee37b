//! Brokers that are gone for a while.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use seismic_brokers::Kafka;

use crate::kafka::trial::{STOP_LIMIT, Trial, ended_with};
use crate::stage::let_it_work;

#[test]
fn a_broker_that_crashes_or_is_restarted_is_waited_for() {
    let what = "the only broker is killed and started again, and then restarted cleanly";
    let Some(mut trial) = Trial::of(5, what) else { return };
    trial.load();
    let mut worker = trial.worker("");
    trial.wait_for_rows(50);
    trial.kafka.nodes[0].kill();
    let_it_work(Duration::from_secs(3));
    // Rows may be there before it is known that the broker is.
    let before = trial.wait_for_quiet();
    trial.kafka.nodes[0].restart();
    trial.flows_beyond(before, Instant::now());
    trial.wait_for_rows(200);
    trial.kafka.nodes[0].stop();
    let before = trial.wait_for_quiet();
    trial.kafka.nodes[0].restart();
    trial.flows_beyond(before, Instant::now());
    trial.wait_for_rows(200);
    assert!(worker.is_running(), "it is no reason to end");
    ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.prove();
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn one_of_three_brokers_is_killed_under_load() {
    let Some(kafka) = Kafka::three() else { return };
    let mut trial = Trial::on(kafka).for_fault(5, "one of three brokers is killed under load");
    trial.load();
    let worker = trial.worker("");
    trial.wait_for_rows(50);
    trial.kafka.nodes[1].kill();
    trial.flows_in_all_partitions();
    trial.wait_for_rows(200);
    trial.kafka.nodes[1].restart();
    trial.wait_for_rows(50);
    ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.prove();
}
