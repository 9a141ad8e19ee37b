//! Another program holds a file of ours for a while, as a backup or an SQLite shell does.

use std::time::Duration;

use rusqlite::Connection;
use rustix::process::Signal;

use crate::stage::{Stage, let_it_work, wait_until};
use crate::truth::{self, int};

const QUEUE: &str = "output/queue.db";
const STORE: &str = "output/queue.seismic.home.db";

/// Longer than the program waits for a lock (2 s) before it must retry.
const WHILE: Duration = Duration::from_millis(2_500);

/// Holds the write lock of the file until it is dropped.
fn hold(stage: &Stage, file: &str) -> Connection {
    let db = Connection::open(stage.path(file)).unwrap();
    db.busy_timeout(Duration::from_secs(60)).unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    db
}

#[test]
fn a_file_that_is_held_for_a_while_delays_and_loses_nothing() {
    let stage = Stage::new();
    let generator = stage.spawn(&["generate", "--forever", "--rate", "2000", "--json"]);
    let consumer = stage.spawn(&["run", "--idle-timeout-ms", "0", "--sink", "csv:csv"]);
    for file in [STORE, QUEUE] {
        let windows = || int(&stage.status(), "windows");
        stage.wait_for_job(|status| int(status, "windows") > 0);
        let held = hold(&stage, file);
        let_it_work(WHILE);
        let before = windows();
        drop(held);
        wait_until("results flow again", || windows() > before);
    }
    assert!(consumer.stderr().contains("is busy while committing"), "{}", consumer.stderr());
    assert!(!consumer.stderr().contains('\x1b'), "colours are for terminals");
    let published = generator.stop(Signal::TERM).ok().stdout;
    consumer.stop(Signal::TERM).ok();
    stage.ok(&["run", "--idle-timeout-ms", "0", "--sink", "csv:csv", "--drain"]);
    let published = int(&serde_json::from_str(&published).unwrap(), "published");
    assert_eq!(int(&stage.status(), "read"), published);
    truth::check(&stage);
    truth::check_csv(&stage, "csv");
    stage.verify(&["csv"]);
}

#[test]
fn a_run_stops_in_time_while_its_store_is_held() {
    stop_while_held(STORE);
}

#[test]
fn a_run_stops_in_time_while_the_queue_is_held() {
    stop_while_held(QUEUE);
}

/// The stop must be in time even if the last commit cannot be made; the next run makes it.
fn stop_while_held(file: &str) {
    let stage = Stage::new();
    let generator = stage.spawn(&["generate", "--forever", "--rate", "2000"]);
    let consumer = stage.spawn(&["run", "--idle-timeout-ms", "0"]);
    stage.wait_for_job(|status| int(status, "windows") > 0);
    let held = hold(&stage, file);
    let_it_work(Duration::from_millis(300));
    let done = consumer.stop(Signal::TERM);
    drop(held);
    // What was committed is committed; only a commit that could not be made is a failure.
    let is_fine = done.code == Some(0) || done.stderr.contains("the next run repeats it");
    assert!(is_fine, "{done}");
    generator.stop(Signal::TERM).ok();
    stage.ok(&["run", "--idle-timeout-ms", "0", "--drain"]);
    truth::check(&stage);
    stage.verify(&[]);
}
