//! Brokers that are gone for a while.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use seismic_brokers::Kafka;

use crate::kafka::trial::{STOP_LIMIT, Trial, ended_with};
use crate::stage::{Running, let_it_work};

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

#[test]
#[ignore = "more on brokers: .ci/run"]
fn whoever_waits_for_a_broker_that_is_gone_leaves_the_cores_to_others() {
    let what = "the only broker is gone for 5 s, and what waits for it takes little CPU time";
    let Some(mut trial) = Trial::of(5, what) else { return };
    trial.load();
    let worker = trial.worker("");
    trial.wait_for_rows(50);
    let sink = trial.stage.spawn(&["sink", "csv:rows"]);
    trial.wait_for_rows(50);
    trial.kafka.nodes[0].kill();
    // Until each of them has noticed.
    let before = trial.wait_for_quiet();
    let waiting = [("the worker", &worker), ("the sink", &sink)];
    let spent = waiting.map(|(_, process)| cpu_ms(process));
    let began = Instant::now();
    let_it_work(Duration::from_secs(5));
    let waited_ms = began.elapsed().as_millis();
    for ((who, process), spent) in waiting.into_iter().zip(spent) {
        let spent = cpu_ms(process) - spent;
        assert!(u128::from(spent) * 3 < waited_ms, "{who} took {spent} ms of {waited_ms} ms");
    }
    trial.kafka.nodes[0].restart();
    trial.flows_beyond(before, Instant::now());
    trial.tried();
    ended_with(&sink.stop(Signal::TERM), 0);
    ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.prove_with(&["rows"]);
}

/// CPU time of all threads of a process: proc(5), fields 14 and 15, in hundredths of a second.
fn cpu_ms(process: &Running) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.pid())).expect("it runs");
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap() * 10).sum()
}
