//! The files: several processes on one queue, and what happens when one is taken away.

use std::fs;

use crate::stage::{DATA, Stage};
use crate::truth::{self, int};

#[test]
fn processes_that_publish_to_one_queue_at_once_lose_nothing_and_offsets_are_dense() {
    let stage = Stage::new();
    let load = ["generate", "--records", "20000", "--sample-rate-hz", "100", "--json", "--seed"];
    // Both in the past, so that neither waits for the clock.
    let start = ["--start", "2020-06-23T15:29:00Z"];
    let both = ["1", "2"].map(|seed| stage.spawn(&[&load[..], &[seed], &start].concat()));
    let consumer = stage.spawn(&["run", "--idle-timeout-ms", "0"]);
    for generator in both {
        let summary = serde_json::from_str(&generator.wait().ok().stdout).unwrap();
        assert_eq!(int(&summary, "published"), 20_000);
    }
    stage.wait_for_job(|status| int(status, "read") == 40_000);
    consumer.stop(rustix::process::Signal::TERM).ok();
    stage.ok(&["run", "--idle-timeout-ms", "0", "--drain"]);
    let mut next = [0; 4];
    for line in stage.read(DATA) {
        let next = &mut next[int(&line, "partition") as usize];
        assert_eq!(int(&line, "offset"), *next);
        *next += 1;
    }
    assert_eq!(next.iter().sum::<u64>(), 40_000);
    truth::check(&stage);
    stage.verify(&[]);
}

#[test]
fn a_queue_that_was_made_again_under_a_job_is_refused() {
    let stage = Stage::with_records(&[]);
    stage.ok(&["run", "--until-caught-up"]);
    for file in ["queue.db", "queue.db-wal", "queue.db-shm"] {
        let _ = fs::remove_file(stage.path("output").join(file));
    }
    stage.generate(&[]);
    let stderr = stage.refused(&["run", "--drain"], 2);
    assert!(stderr.contains("input"), "{stderr}");
    let stderr = stage.refused(&["verify"], 2);
    assert!(stderr.contains("was deleted and recreated"), "{stderr}");
    // A new group begins with what is there now.
    stage.ok(&["run", "--drain", "--group", "new"]);
    stage.ok(&["verify", "--group", "new"]);
}
