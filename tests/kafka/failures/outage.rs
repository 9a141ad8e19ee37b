//! Broker outages.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use seismic_brokers::Kafka;

use crate::findings::Findings;
use crate::kafka::trial::{STOP_LIMIT, Trial, ended_with};
use crate::stage::let_it_work;
use crate::truth::int;

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
#[ignore = "long, on brokers: .ci/run --long"]
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
fn a_job_whose_brokers_all_refuse_connections_does_not_spin() {
    let what = "the only broker is gone for 10 s, and every address refuses connections";
    let Some(mut trial) = Trial::of(5, what) else { return };
    trial.load();
    let mut worker = trial.worker("");
    trial.wait_for_rows(50);
    trial.kafka.nodes[0].kill();
    let before = trial.wait_for_quiet();
    let (began, spent) = (Instant::now(), worker.cpu());
    let_it_work(Duration::from_secs(10));
    let share = (worker.cpu() - spent).as_secs_f64() / began.elapsed().as_secs_f64();
    // Clients that begin again without a pause take most of a core or more. How much less it is depends
    // on the build and the machine, so it is measured.
    assert!(share < 0.5, "{:.0} % of a core is taken while no broker is there", 100.0 * share);
    trial.kafka.nodes[0].restart();
    trial.flows_beyond(before, Instant::now());
    trial.wait_for_rows(200);
    assert!(worker.is_running(), "it is no reason to end");
    ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    let taken = format!("{:.0} % of a core meanwhile", 100.0 * share);
    trial.line.as_mut().expect("it is of a fault").measured.push(taken);
    trial.prove();
}

/// How long a stop may take while nothing answers: what `docs/guarantees.md` says.
const DOWN_LIMIT: Duration = Duration::from_secs(5);

/// Takes the only broker away from a working job, and stops that: soon, and as one that has lost
/// nothing.
fn stopped_without_brokers(options: &[&str], what: &str) {
    let Some(mut trial) = Trial::of(5, what) else { return };
    trial.stage.generate(&["--records", "2000", "--seed", "1"]);
    let worker =
        trial.stage.spawn(&[&["run", "--quiet", "--idle-timeout-ms", "0"], options].concat());
    trial.stage.wait_for_job(|status| int(status, "windows") > 0 && int(status, "lag") == 0);
    trial.kafka.nodes[0].kill();
    // Whatever it was doing when the broker went, it asks by now and gets no answer.
    let_it_work(Duration::from_secs(3));
    let done = worker.stop_within(Signal::TERM, DOWN_LIMIT);
    trial.tried();
    trial.kafka.nodes[0].restart();
    // Whatever a transaction was about then, the next run does it again.
    let is_explained = done.stderr.contains("continues from what is committed");
    assert!(done.code == Some(0) || done.code == Some(1) && is_explained, "{done}");
    let drain = [&["run", "--quiet", "--drain", "--idle-timeout-ms", "0"], options].concat();
    trial.stage.ok(&drain);
    trial.stage.verify(&[]);
    trial.finish(&Findings::default());
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_stop_while_all_brokers_are_down_takes_seconds() {
    stopped_without_brokers(&["--sink", "csv:csv"], "SIGTERM while the only broker is gone");
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_stop_of_two_steps_while_all_brokers_are_down_takes_seconds() {
    let what = "SIGTERM of --repartition while the only broker is gone";
    stopped_without_brokers(&["--repartition", "--sink", "csv:csv"], what);
}
