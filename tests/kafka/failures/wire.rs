//! A network that loses responses, is cut, or freezes.

use std::time::Duration;

use rustix::process::Signal;
use seismic_brokers::Proxy;

use crate::kafka::trial::{STOP_LIMIT, Trial, ended_with};
use crate::stage::{let_it_work, wait_until};

#[test]
fn a_commit_whose_answer_is_lost_is_read_back_and_never_assumed() {
    let what = "the answer to the end of a transaction is lost, with its connection";
    let Some(mut trial) = Trial::of(7, what) else { return };
    trial.load();
    let worker = trial.wired_worker("");
    trial.wait_for_rows(50);
    for round in 1..=Trial::rounds(2) {
        trial.kafka.wires[0].lose_end_of_transaction();
        wait_until("a lost answer", || u64::from(trial.kafka.wires[0].lost()) >= round);
        trial.tried();
        trial.wait_for_rows(100);
    }
    ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.prove();
}

#[test]
fn a_worker_whose_network_is_cut_or_stands_still_goes_on_when_it_is_back() {
    let what = "the network of a worker is cut for 3 s, and stands still for 8 s";
    let Some(mut trial) = Trial::of(6, what) else { return };
    trial.load();
    let mut worker = trial.wired_worker("--kafka session.timeout.ms=6000");
    trial.wait_for_rows(50);
    trial.kafka.wires[0].cut();
    let_it_work(Duration::from_secs(3));
    trial.flows_again(|trial| trial.kafka.wires[0].heal());
    trial.wait_for_rows(100);
    // Longer than its session: the group gives its partitions to no one, and then back to it.
    trial.kafka.wires[0].freeze();
    let_it_work(Duration::from_secs(8));
    trial.flows_again(|trial| trial.kafka.wires[0].heal());
    trial.wait_for_rows(100);
    assert!(worker.is_running(), "it is no reason to end");
    ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.prove();
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_worker_that_is_heard_or_hears_only_one_way_goes_on_when_the_other_is_back() {
    let what = "one-way cut for 8 s: first nothing of a worker arrives, then no answer";
    let Some(mut trial) = Trial::of(6, what) else { return };
    trial.load();
    let mut worker = trial.wired_worker("");
    trial.wait_for_rows(50);
    for freeze in [Proxy::freeze_requests, Proxy::freeze_answers] {
        freeze(&trial.kafka.wires[0]);
        // Longer than a transaction may take. What was sent meanwhile arrives afterwards.
        let_it_work(Duration::from_secs(8));
        trial.flows_again(|trial| trial.kafka.wires[0].heal());
        trial.wait_for_rows(100);
    }
    assert!(trial.kafka.wires[0].late() > 0, "old requests arrived");
    assert!(worker.is_running(), "it is no reason to end");
    ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.prove();
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn requests_that_arrive_30_s_late_change_nothing_for_the_transactions_of_that_time() {
    let what = "30 s latency for 8 s, whose requests arrive among later transactions";
    let Some(mut trial) = Trial::of(6, what) else { return };
    trial.load();
    let mut worker = trial.wired_worker("");
    trial.wait_for_rows(50);
    for _ in 0..Trial::rounds(1) {
        let before = trial.kafka.wires[0].late();
        trial.kafka.wires[0].slow_down(Duration::from_secs(30));
        let_it_work(Duration::from_secs(8));
        trial.flows_again(|trial| trial.kafka.wires[0].heal());
        // It commits all the while.
        wait_until("an old request", || trial.kafka.wires[0].late() > before);
        let_it_work(Duration::from_secs(8));
        trial.wait_for_rows(100);
    }
    assert!(worker.is_running(), "it is no reason to end");
    ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.prove();
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_worker_that_is_killed_while_it_waits_for_the_end_of_a_transaction_is_followed_by_the_next() {
    let what = "kill -9 of the worker when the end of its transaction was sent and not answered";
    let Some(mut trial) = Trial::of(1, what) else { return };
    trial.load();
    let mut worker = trial.wired_worker("--slot one --slots 1");
    trial.wait_for_rows(50);
    for round in 1..=Trial::rounds(2) {
        trial.kafka.wires[0].lose_end_of_transaction();
        wait_until("a lost answer", || u64::from(trial.kafka.wires[0].lost()) >= round);
        assert!(worker.kill(), "it ran");
        worker = trial.flows_again(|trial| trial.wired_worker("--slot one --slots 1"));
        trial.wait_for_rows(50);
    }
    ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.prove();
}
