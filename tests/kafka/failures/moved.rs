//! Brokers that come back under the same id at another address, as containers do that are recreated.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use seismic_brokers::Kafka;

use crate::kafka::trial::{STOP_LIMIT, Trial, ended_with};
use crate::stage::let_it_work;

/// Has librdkafka read, and not our own fetcher.
const LIBRDKAFKA: &str = "--kafka queued.min.messages=50000";

/// Moves each of three brokers in turn under one worker: in the end nobody is at an address that it,
/// the producer and the reader were given.
fn moved_one_after_the_other(reading: &str, what: &str) {
    let Some(kafka) = Kafka::three() else { return };
    let mut trial = Trial::on(kafka).for_fault(5, what);
    trial.load();
    let mut worker = trial.worker(reading);
    trial.wait_for_rows(50);
    for node in 0..3 {
        if node == 1 {
            trial.kafka.nodes[node].kill();
        } else {
            trial.kafka.nodes[node].stop();
        }
        let port = trial.kafka.free_port();
        trial.kafka.restart_elsewhere(node, port);
        trial.flows_in_all_partitions();
        trial.wait_for_rows(100);
    }
    assert!(worker.is_running(), "it is no reason to end: {}", worker.stderr());
    ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.follow();
    trial.prove();
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn three_brokers_that_come_back_elsewhere_one_after_the_other_are_followed() {
    let what = "each of three brokers, one after the other, started again at another address";
    moved_one_after_the_other("", what);
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn three_brokers_that_come_back_elsewhere_are_followed_where_librdkafka_reads() {
    let what = "each of three brokers started again at another address, where librdkafka reads";
    moved_one_after_the_other(LIBRDKAFKA, what);
}

/// Moves the only broker, which coordinates the group and all transactions before and afterwards, to
/// the second of the given addresses and back to the first.
fn moved_there_and_back(options: &str, what: &str) {
    let Some(kafka) = Kafka::one() else { return };
    let (first, second) = (kafka.nodes[0].port(), kafka.free_port());
    let mut trial = Trial::on(kafka).for_fault(5, what);
    let both = format!("kafka://127.0.0.1:{first},127.0.0.1:{second}");
    trial.stage.place = vec!["--queue".to_owned(), both];
    trial.load();
    let mut worker = trial.worker(options);
    trial.wait_for_rows(50);
    for port in [second, first] {
        trial.kafka.nodes[0].kill();
        let_it_work(Duration::from_secs(2));
        let before = trial.wait_for_quiet();
        trial.kafka.restart_elsewhere(0, port);
        trial.flows_beyond(before, Instant::now());
        trial.flows_in_all_partitions();
        trial.wait_for_rows(100);
    }
    assert!(worker.is_running(), "it is no reason to end: {}", worker.stderr());
    ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.prove();
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_coordinator_that_comes_back_elsewhere_is_followed() {
    let what =
        "the only broker, which coordinates the group, started again at another given address";
    moved_there_and_back("", what);
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_coordinator_that_comes_back_elsewhere_is_followed_by_named_slots_and_librdkafka() {
    let what =
        "the only broker started again at another given address; named slots, librdkafka reads";
    moved_there_and_back(&format!("--slot one --slots 2 {LIBRDKAFKA}"), what);
}
