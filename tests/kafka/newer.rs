//! The newest Kafka: what holds on 3.9 holds there.

use rustix::process::Signal;
use seismic_brokers::Kafka;

use super::trial::{STOP_LIMIT, Trial, ended_with};
use crate::stage::wait_until;

#[test]
#[ignore = "more on brokers: .ci/run"]
fn workers_that_are_killed_and_stopped_on_kafka_4_1_lose_and_double_nothing() {
    let Some(kafka) = Kafka::newer() else { return };
    let what = "on Kafka 4.1: a worker killed, and another one stopped, under load";
    let mut trial = Trial::on(kafka).for_fault(1, what);
    trial.load();
    let first = trial.worker("--slot first --slots 1");
    trial.wait_for_rows(50);
    assert!(first.kill(), "it ran");
    let first = trial.worker("--slot first --slots 1");
    trial.wait_for_rows(100);
    let second = trial.worker("--slots 1");
    let mut shown = second.lines();
    wait_until("it has partitions", || shown.now() > 0);
    ended_with(&second.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.wait_for_rows(100);
    ended_with(&first.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.tried();
    trial.prove();
}
