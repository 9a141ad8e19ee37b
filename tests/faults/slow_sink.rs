//! Fault 18: a sink is slow or blocks, or commits do not complete and the source must pause.
//! Windows continue where they can, memory is bounded, and a paused source closes nothing for
//! idleness.

use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rustix::process::Signal;

use super::trial::Trial;
use crate::stage::{ROWS, Running, let_it_work, wait_until};

/// Far more than a job of some sensors takes, and less than what it would pile up.
const MEMORY_KIB: u64 = 400 << 10;

/// 60 s in the long form.
fn slowness() -> Duration {
    Duration::from_secs((Trial::rounds(4)).min(60))
}

#[test]
fn a_slow_csv_sink_never_stalls_windows() {
    let trial = Trial::new(18, "a CSV sink that takes 300 ms for each batch of rows");
    slow_down(trial, "sink-after-write");
}

/// The sink takes 300 ms each time it passes that place.
pub fn slow_down(mut trial: Trial, place: &str) {
    let load = trial.load();
    trial.start().stop(Signal::TERM).ok();
    let slow = format!("{place}=sleep(300)");
    let mut consumer = trial.flows_again(|trial| trial.start_failing(&slow));
    let began = Instant::now();
    while began.elapsed() < slowness() {
        let before = trial.rows();
        trial.wait_for_rows(&mut consumer, before);
        trial.line.tries += 1;
    }
    bound_memory(&mut trial, &consumer);
    consumer.stop(Signal::TERM).ok();
    trial.prove(load);
}

#[test]
fn a_console_that_nobody_reads_never_stalls_windows() {
    let mut trial = Trial::new(18, "a console whose pipe nobody reads");
    let load = trial.load();
    trial.start().stop(Signal::TERM).ok();
    let mut command = trial.stage.command(&trial.job(&["--sink", "console"]));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    let mut before = trial.rows();
    // Far more rows than a pipe holds.
    while began.elapsed() < slowness() {
        wait_until("windows go on", || trial.rows() > before + 200);
        before = trial.rows();
        trial.line.tries += 1;
    }
    let mut pipe = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || pipe.read_to_end(&mut Vec::new()));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    wait_until("the end", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    reader.join().unwrap().unwrap();
    trial.prove(load);
}

#[test]
fn commits_that_do_not_come_through_pause_the_source_and_close_nothing() {
    let trial = Trial::new(18, "a store that takes no commits: the source pauses");
    // So many rows that what may wait for a commit is soon full, and a short idle timeout.
    let trial = trial.option("--window-ms", "1").option("--lateness-ms", "0");
    let mut trial = trial.option("--idle-timeout-ms", "1500").too_large();
    let load = trial.load_with("--rate 40000 --sensors 500 --pack 50 --anomaly-percent 0");
    let mut consumer = trial.start();
    let store = Connection::open(trial.stage.path(&trial.store)).unwrap();
    store.busy_timeout(Duration::from_secs(60)).unwrap();
    store.execute_batch("BEGIN IMMEDIATE").unwrap();
    // Longer than the idle timeout, and than what may wait takes to be full.
    let_it_work(Duration::from_secs(5));
    bound_memory(&mut trial, &consumer);
    trial.line.tries += 1;
    consumer = trial.flows_again(|_| {
        drop(store);
        consumer
    });
    // What waited for the commit is read and committed to its end first.
    consumer.stop_within(Signal::TERM, Duration::from_secs(60)).ok();
    let published = load.stop_within(Signal::TERM, Duration::from_secs(60)).ok().stdout;
    let published = serde_json::from_str(&published).unwrap();
    let idle = "select count(*) n from input where closed_by = 'idle'";
    let idle = trial.stage.json(&["sql", idle, "--topic", ROWS, "--format", "json"]);
    assert_eq!(idle["n"], 0, "all sensors spoke all the time");
    trial.prove_records(Some(&published));
}

fn bound_memory(trial: &mut Trial, consumer: &Running) {
    let kib = consumer.peak_memory_kib();
    trial.line.measured.push(format!("at most {} MiB of memory", kib >> 10));
    assert!(kib < MEMORY_KIB, "{kib} KiB");
}
