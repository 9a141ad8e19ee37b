//! The doctor reports all findings at once, each with its remedy, and creates nothing.

use std::fs;

use rusqlite::Connection;
use seismic_brokers::{Flush, Kafka, RocketMq};
use serde_json::Value;

use crate::stage::{DATA, Done, Stage, wait_until};
use crate::truth::text;

/// Findings of a level, as the program tells programs.
fn found(stage: &Stage, level: &str, args: &[&str]) -> Vec<String> {
    let done = doctor(stage, args);
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let of_level = findings.iter().filter(|finding| finding["level"] == level);
    let found: Vec<_> = of_level
        .map(|finding| {
            let needs_remedy = level != "fine";
            assert_eq!(!text(finding, "remedy").is_empty(), needs_remedy, "{finding}");
            text(finding, "what").to_owned()
        })
        .collect();
    if level == "problem" {
        assert_eq!(done.code, Some(if found.is_empty() { 0 } else { 3 }), "{done}");
    }
    found
}

/// Findings of the places whose names begin so.
fn found_of(stage: &Stage, of: &str) -> Vec<String> {
    let report: Value = serde_json::from_str(&doctor(stage, &[]).stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let of_it = findings.iter().filter(|finding| text(finding, "of").starts_with(of));
    of_it.map(|finding| text(finding, "what").to_owned()).collect()
}

fn doctor(stage: &Stage, args: &[&str]) -> Done {
    stage.run(&[&["doctor", "--json"], args].concat())
}

fn has(findings: &[String], words: &str) {
    assert!(findings.iter().any(|what| what.contains(words)), "{words:?} is not in {findings:#?}");
}

#[test]
fn a_job_that_is_well_has_no_problem_and_words_say_so() {
    let stage = Stage::with_records(&["--records", "1000"]);
    stage.ok(&["run", "--until-caught-up", "--quiet"]);
    assert_eq!(found(&stage, "problem", &["--sink", "csv", "--sink", "console"]), [""; 0]);
    let fine = found(&stage, "fine", &[]);
    has(&fine, "1,000 messages in 4 partitions");
    has(&fine, "the log has what the job reads next, 0 messages");
    has(&fine, "the job does not run now");
    let words = stage.ok(&["doctor"]);
    assert!(words.contains("0 problems, "), "{words}");
}

#[test]
fn looking_at_nothing_makes_nothing() {
    let stage = Stage::new();
    has(&found(&stage, "warning", &[]), "there is no topic \"seismic-data-topic\" yet");
    has(&found(&stage, "fine", &[]), "no job has run here yet");
    assert!(!stage.path("output").exists());
}

#[test]
fn a_log_that_is_cut_made_again_or_damaged_is_a_problem() {
    let stage = Stage::with_records(&["--records", "1000"]);
    stage.ok(&["run", "--max-records", "100", "--quiet"]);
    let queue = Connection::open(stage.path("output/queue.db")).unwrap();
    queue.execute_batch("UPDATE partition SET first = next, next = next + 1").unwrap();
    has(&found(&stage, "problem", &[]), "the log begins at ");
    drop(queue);
    for file in ["queue.db", "queue.db-wal", "queue.db-shm"] {
        // SQLite has put away what the last connection left.
        let _ = fs::remove_file(stage.path("output").join(file));
    }
    stage.generate(&["--records", "10"]);
    has(&found(&stage, "problem", &[]), "was deleted and recreated");
    let queue = Connection::open(stage.path("output/queue.db")).unwrap();
    queue.execute_batch("UPDATE block SET append_ms = append_ms + 3600000").unwrap();
    has(&found(&stage, "problem", &[]), "the CRC of its block is ");
}

#[test]
fn places_that_cannot_be_used_are_all_named_at_once() {
    let stage = Stage::new();
    fs::write(stage.path("queue.db"), "no database, but long enough to be read as one").unwrap();
    fs::write(stage.path("file"), "").unwrap();
    let place = ["--queue", "sqlite:queue.db", "--store", "sqlite:file/home.db"];
    let sinks = ["--sink", "csv:file/rows", "--sink", "csv:/proc/rows"];
    let problems = found(&stage, "problem", &[&place[..], &sinks].concat());
    has(&problems, "queue.db");
    has(&problems, "file is no folder");
    assert!(problems.len() >= 3, "{problems:#?}");
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_kafka_topic_that_may_lose_messages_is_named() {
    let Some(kafka) = Kafka::one() else { return };
    let mut stage = Stage::new();
    stage.place = vec!["--queue".to_owned(), format!("kafka://{}", kafka.address())];
    stage.generate(&["--records", "100"]);
    assert_eq!(found(&stage, "problem", &[]), [""; 0]);
    has(&found(&stage, "warning", &[]), "a partition has 1 replica");
    has(&found(&stage, "fine", &[]), "broker 1: offsets.retention.minutes is 10080");
    let in_the_store = found_of(&stage, "store ");
    has(&in_the_store, "broker 1: offsets.retention.minutes is 10080");
    let unclean = ["--alter", "--entity-type", "topics", "--entity-name", DATA];
    let change = "unclean.leader.election.enable=true,retention.ms=3600000";
    kafka.run("kafka.admin.ConfigCommand", &[&unclean[..], &["--add-config", change]].concat());
    has(&found(&stage, "problem", &[]), "unclean.leader.election.enable is true");
    has(&found(&stage, "warning", &[]), "retention.ms is 3600000");
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_kafka_cluster_that_misses_a_broker_is_well_and_what_it_misses_is_named() {
    let Some(mut kafka) = Kafka::three() else { return };
    let mut stage = Stage::new();
    stage.place = vec!["--queue".to_owned(), format!("kafka://{}", kafka.address())];
    stage.generate(&["--records", "100"]);
    stage.ok(&["run", "--until-caught-up", "--quiet"]);
    let fine = found(&stage, "fine", &[]);
    has(&fine, "broker 3: offsets.retention.minutes is 10080");
    has(&fine, "partitions led by a dead broker are unavailable for that long");
    has(&fine, "__transaction_state: each partition has at least 3 replicas");
    kafka.nodes[2].kill();
    wait_until("its replicas are missed", || {
        let warnings = found(&stage, "warning", &[]);
        let misses = |topic: &str| {
            let of_it = |what: &&String| what.starts_with(&format!("{topic}/"));
            warnings.iter().filter(of_it).any(|what| what.contains("2 of 3 replicas keep up"))
        };
        misses(DATA) && misses("__consumer_offsets") && misses("__transaction_state")
    });
    assert_eq!(found(&stage, "problem", &[]), [""; 0]);
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_rocketmq_broker_that_loses_messages_in_a_power_cut_is_named() {
    for (flush, level) in [(Flush::Async, "warning"), (Flush::Sync, "fine")] {
        let Some(rocketmq) = RocketMq::one(flush) else { return };
        let mut stage = Stage::new();
        stage.place = vec!["--queue".to_owned(), rocketmq.url()];
        stage.generate(&["--records", "100"]);
        assert_eq!(found(&stage, "problem", &[]), [""; 0]);
        has(&found(&stage, level, &[]), "flushDiskType is ");
    }
}
