//! Faults 6 and 7: a network that is cut, frozen in one direction or both, slower than any timeout,
//! or loses responses.

use std::time::Duration;

use rustix::process::Signal;
use seismic_brokers::{Flush, RocketMq};

use super::trial;
use crate::faults::trial::Trial;
use crate::stage::{STOP, let_it_work, wait_until};
use crate::truth::int;

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_job_whose_network_is_cut_stands_still_or_is_slow_goes_on_when_it_is_back() {
    let Some(rocketmq) = RocketMq::one(Flush::Async) else { return };
    let what =
        "the job's network is cut, lets no answers through, stands still, takes 30 s a frame";
    let mut trial = trial(&rocketmq, 6, what).by_way_of(&rocketmq.wired_url());
    let load = trial.load_with("--rate 4000 --sensors 50 --pack 5");
    let mut consumer = trial.start();
    let wire = &rocketmq.wires[0];
    let late = || wire.slow_down(Duration::from_secs(30));
    let harms: [(&dyn Fn(), u64); 4] = [
        (&|| wire.cut(), 3),
        // Longer than an answer is waited for: what was sent is of unknown outcome.
        (&|| wire.freeze_answers(), 12),
        (&|| wire.freeze(), 12),
        // What was given up arrives all the same, behind what is sent later.
        (&late, 45),
    ];
    let mut late = 0;
    for (harm, seconds) in harms {
        trial.wait(200..800);
        late = wire.late();
        harm();
        let_it_work(Duration::from_secs(seconds));
        assert!(consumer.is_running(), "it is no reason to end: {}", consumer.stderr());
        consumer = trial.flows_again(|_| {
            wire.heal();
            consumer
        });
        trial.line.tries += 1;
    }
    assert!(wire.late() > late, "what was given up did not arrive");
    let done = consumer.stop(Signal::TERM).ok();
    assert!(
        !done.stderr.contains("is busy"),
        "job and sink wait for each other at the store: {done}"
    );
    trial.prove(load);
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_job_that_begins_while_its_broker_cannot_be_reached_waits_for_it() {
    let Some(rocketmq) = RocketMq::one(Flush::Async) else { return };
    let what = "the job begins while the network to its broker is cut";
    let mut trial = trial(&rocketmq, 6, what).by_way_of(&rocketmq.wired_url());
    let load = trial.load_with("--rate 4000 --sensors 50 --pack 5");
    for _ in 0..Trial::rounds(2) {
        rocketmq.wires[0].cut();
        let consumer = trial.spawn(&[]);
        wait_until("it waits", || consumer.stderr().contains("retrying"));
        let mut consumer = trial.flows_again(|_| {
            rocketmq.wires[0].heal();
            consumer
        });
        assert!(consumer.is_running());
        trial.line.tries += 1;
        consumer.stop(Signal::TERM).ok();
    }
    trial.prove(load);
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn rows_whose_acknowledgement_is_lost_are_read_back_and_not_sent_again() {
    let Some(rocketmq) = RocketMq::one(Flush::Async) else { return };
    let what = "the answer to a send of the sink is lost, with its connection";
    let mut trial = trial(&rocketmq, 7, what).by_way_of(&rocketmq.wired_url());
    let load = trial.load_with("--rate 4000 --sensors 50 --pack 5");
    let mut consumer = trial.start();
    let to_the_sink = format!("\"b\":\"{}\"", trial.stage.data.replace("trial", "shown"));
    for round in 1..=Trial::rounds(2) {
        rocketmq.wires[0].lose_answer_to(&to_the_sink);
        wait_until("a lost answer", || u64::from(rocketmq.wires[0].lost()) >= round);
        trial.line.tries += 1;
        let before = trial.rows();
        trial.wait_for_rows(&mut consumer, before + 100);
    }
    consumer.stop(Signal::TERM).ok();
    trial.prove(load);
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn records_whose_acknowledgement_is_lost_are_read_back_and_not_sent_again() {
    let Some(rocketmq) = RocketMq::one(Flush::Async) else { return };
    let mut trial = trial(&rocketmq, 7, "the answer to a send of a producer is lost");
    let options = "generate --forever --rate 6000 --sensors 50 --pack 5 --json --topic";
    let topic = trial.stage.data.clone();
    let load: Vec<&str> = options.split_whitespace().chain([&*topic]).collect();
    let wired = ["--queue".to_owned(), rocketmq.wired_url()];
    let load = trial.stage.start(trial.stage.command_at(&load, &wired));
    let mut consumer = trial.start();
    let to_the_log = format!("\"b\":\"{topic}\"");
    for round in 1..=Trial::rounds(2) {
        rocketmq.wires[0].lose_answer_to(&to_the_log);
        wait_until("a lost answer", || u64::from(rocketmq.wires[0].lost()) >= round);
        trial.line.tries += 1;
        let before = trial.rows();
        trial.wait_for_rows(&mut consumer, before + 100);
    }
    let published = load.stop_within(Signal::TERM, STOP).ok().stdout;
    let published = serde_json::from_str(&published).unwrap();
    assert!(int(&published, "published") > 0);
    consumer.stop(Signal::TERM).ok();
    trial.prove_records(Some(&published));
}
