//! Fault 21: the process of a sink is suspended, another takes over, and the first resumes.

use std::time::Duration;

use rusqlite::Connection;
use rustix::process::Signal;
use seismic_brokers::RocketMq;

use super::trial;
use crate::faults::trial::Trial;
use crate::stage::{Running, wait_until};

/// Of the job, beside the queue.
const STORE: &str = "output/queue.seismic.home.db";

#[test]
fn a_sink_that_wakes_up_after_another_took_its_place_is_fenced_and_ends_with_code_4() {
    let Some(rocketmq) = RocketMq::shared() else { return };
    let what = "SIGSTOP of a RocketMQ sink's process, another one instead, then SIGCONT";
    let mut trial = trial(&rocketmq, 21, what);
    let topic = trial.stage.data.replace("trial", "shown");
    let sink = format!("rocketmq:{topic}");
    // The job itself shows nothing, so that sinks are processes of their own.
    trial = trial.option("--sink", "console");
    let load = trial.load_with("--rate 3000 --sensors 50 --pack 5");
    let consumer = trial.start();
    let mut awake = sink_process(&trial, &sink, &topic);
    for _ in 0..Trial::rounds(3) {
        put_to_sleep(&trial, &awake);
        let asleep = awake;
        awake = sink_process(&trial, &sink, &topic);
        asleep.signal(Signal::CONT);
        let done = asleep.wait();
        assert_eq!(done.code, Some(4), "{done}");
        assert!(done.stderr.contains(&topic), "it says where: {done}");
        trial.line.tries += 1;
    }
    awake.stop(Signal::TERM).ok();
    consumer.stop(Signal::TERM).ok();
    trial = trial.option("--sink", &sink);
    trial.prove(load);
}

/// Stops a process where it does not keep the lock of the store's file: one that does keeps
/// everyone from committing until it wakes up, and no other sink shows a row meanwhile.
fn put_to_sleep(trial: &Trial, process: &Running) {
    let store = Connection::open(trial.stage.path(STORE)).unwrap();
    // Others that write are done long before.
    store.busy_timeout(Duration::from_secs(2)).unwrap();
    wait_until("it sleeps without the lock", || {
        process.signal(Signal::STOP);
        let is_free = store.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok();
        if !is_free {
            process.signal(Signal::CONT);
        }
        is_free
    });
}

/// Starts a sink as a process of its own, and waits until it shows rows.
fn sink_process(trial: &Trial, sink: &str, topic: &str) -> Running {
    let before = shown(trial, topic);
    let process = trial.stage.spawn(&["sink", sink]);
    wait_until("it shows rows", || shown(trial, topic) > before);
    process
}

/// How many rows are in the sink's topic by the rule.
fn shown(trial: &Trial, topic: &str) -> usize {
    let done = trial.stage.run(&["read", topic, "--in", "queue", "--format", "json"]);
    // One who looks before the sink's first word takes what follows for records.
    done.stdout.lines().filter(|line| line.contains("window_start_ts")).count()
}
