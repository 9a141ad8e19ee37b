//! `seismic status`, `checkpoint list`, `verify` and `retention`: output for people and programs.

use serde_json::Value;

use crate::stage::{DATA, ROWS, Stage, csv_files};
use crate::truth::int;

fn fields(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn status_tells_how_far_a_job_is_and_what_it_counted() {
    let stage = Stage::with_records(&["--anomaly-percent", "20"]);
    stage.ok(&["run", "--until-caught-up", "--sink", "csv:csv"]);
    stage.generate(&["--records", "250"]);
    let status = stage.status();
    assert_eq!((&status["group"], &status["topic"]), (&"seismic".into(), &DATA.into()));
    assert_eq!(
        (int(&status, "read"), int(&status, "lag"), int(&status, "sensors")),
        (3_000, 250, 10)
    );
    let rows = stage.read(ROWS).len() as u64;
    assert_eq!(int(&status, "windows"), rows);
    let by_reason = status["by_reason"].as_object().unwrap();
    assert!(by_reason.contains_key("window_limit"), "zeros too");
    let dead: u64 = by_reason.values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(dead, int(&status, "late") + int(&status, "rejected"));

    let parts = status["partitions"].as_array().unwrap();
    assert_eq!(parts.len(), 4);
    let sum = |field: &str| parts.iter().map(|part| int(part, field)).sum::<u64>();
    for field in ["read", "lag", "sensors", "open_windows"] {
        assert_eq!(sum(field), int(&status, field), "{field}");
    }
    assert_eq!((sum("rows"), sum("dead_letters")), (rows, dead));
    assert_eq!((sum("position"), sum("end")), (3_000, 3_250));
    for part in parts {
        assert!(int(part, "last_commit_ms") > 1_500_000_000_000);
        assert_eq!(int(&part["checkpoint"], "position"), int(part, "position"));
    }

    let sinks = status["sinks"].as_array().unwrap();
    assert_eq!(sinks.len(), 1, "the console keeps no position: {status}");
    assert_eq!(int(&sinks[0], "lag"), 0);
    // While no such sink runs, rows wait for it.
    stage.ok(&["run", "--drain"]);
    let behind = stage.read(ROWS).len() as u64 - rows;
    assert!(behind > 0);
    assert_eq!(int(&stage.status()["sinks"][0], "lag"), behind);
}

#[test]
fn status_for_people_names_the_same_numbers() {
    let stage = Stage::with_records(&["--anomaly-percent", "20"]);
    stage.ok(&["run", "--drain", "--sink", "csv:csv"]);
    let text = stage.ok(&["status"]);
    for words in [
        "group seismic reads seismic-data-topic and writes seismic-agg-topic",
        "windows of 1000 ms, lateness 500 ms",
        "3,000 records read = ",
        "lag 0 messages",
        "  unparseable ",
        ": 0 rows behind",
    ] {
        assert!(text.contains(words), "{words:?} is not in\n{text}");
    }
}

#[test]
fn checkpoints_are_numbered_and_few_are_kept() {
    let stage = Stage::with_records(&["--sample-rate-hz", "100", "--sensors", "40"]);
    for _ in 0..12 {
        stage.ok(&["run", "--max-records", "100", "--slots", "1"]);
    }
    let list = stage.json(&["checkpoint", "list", "--json"]);
    let list = list.as_array().unwrap();
    let first =
        ["bytes", "chunks", "created_ms", "kept_as", "names", "number", "partition", "position"];
    assert_eq!(fields(&list[0]), first);
    for partition in 0..4 {
        let of_it: Vec<_> = list.iter().filter(|one| int(one, "partition") == partition).collect();
        // Ten, and one more for an hour or day that ended meanwhile.
        assert!((1..=12).contains(&of_it.len()), "{of_it:?}");
        for pair in of_it.windows(2) {
            assert!(int(pair[0], "number") < int(pair[1], "number"), "oldest first");
            assert!(int(pair[0], "position") <= int(pair[1], "position"));
        }
        let newest = &stage.status()["partitions"][partition as usize]["checkpoint"];
        assert_eq!(newest["number"], of_it.last().unwrap()["number"]);
    }
    let text = stage.ok(&["checkpoint", "list"]);
    assert_eq!(text.lines().count(), list.len() + 1, "a line for each, and a heading");
}

#[test]
fn verify_says_what_it_proved() {
    let stage = Stage::with_records(&["--anomaly-percent", "20"]);
    stage.ok(&["run", "--until-caught-up", "--sink", "csv:csv"]);
    let report = stage.json(&["verify", "--json", "--sink", "csv:csv", "--complete"]);
    let status = stage.status();
    assert_eq!((&report["verified"], &report["complete"]), (&true.into(), &true.into()));
    for field in ["read", "closed", "open", "late", "rejected", "windows"] {
        assert_eq!(report[field], status[field], "{field}");
    }
    assert_eq!(report["sinks"][0]["rows"], status["windows"]);
    let text = stage.ok(&["verify", "--sink", "csv:csv"]);
    assert!(text.starts_with("verified: 3,000 records = "), "{text}");
    assert!(text.contains("csv:csv holds "), "{text}");
}

#[test]
fn retention_lets_go_of_what_nobody_needs_and_names_who_needs_the_rest() {
    let stage = Stage::with_records(&[]);
    stage.ok(&["run", "--until-caught-up"]);
    // Later blocks that the job has not read yet.
    stage.generate(&["--records", "250"]);
    let said = stage.ok(&["retention", DATA, "--max-bytes", "1"]);
    assert!(said.contains("still needs offset "), "{said}");
    let left = stage.read(DATA).len();
    assert!((250..3_250).contains(&left), "{left}");
    // The job continues, and what can be proved of it is.
    stage.ok(&["run", "--drain"]);
    let said = stage.ok(&["verify"]);
    assert!(said.contains("could be proved, the log before them is gone"), "{said}");
    let stderr = stage.refused(&["verify", "--complete"], 1);
    assert!(stderr.contains("the log begins after the job did"), "{stderr}");
    assert_eq!(int(&stage.status(), "read"), 3_250);
}

#[test]
fn a_gap_that_was_forced_under_a_job_is_refused_with_its_offset() {
    let stage = Stage::with_records(&["--records", "1000"]);
    stage.ok(&["run", "--until-caught-up"]);
    stage.generate(&["--records", "250"]);
    stage.generate(&["--records", "250"]);
    stage.ok(&["retention", DATA, "--max-bytes", "1", "--past-holds"]);
    let stderr = stage.refused(&["run", "--drain"], 1);
    assert!(stderr.contains("that the job has not read are gone"), "{stderr}");
}

#[test]
fn rows_wait_for_a_sink_that_has_not_written_them() {
    let stage = Stage::with_records(&[]);
    stage.ok(&["run", "--until-caught-up", "--sink", "csv:csv"]);
    stage.generate(&["--records", "250"]);
    stage.ok(&["run", "--drain"]);
    let said = stage.ok(&["retention", ROWS, "--in", "home", "--max-bytes", "1"]);
    assert!(said.contains("csv"), "the sink is named: {said}");
    stage.ok(&["run", "--drain", "--sink", "csv:csv"]);
    let rows: usize = crate::truth::csv_rows(&stage, "csv").len();
    assert_eq!(rows as u64, int(&stage.status(), "windows"), "none was missed");
    assert!(!csv_files(&stage.path("csv")).is_empty());
}

#[test]
fn a_policy_that_deletes_everything_asks_first() {
    let stage = Stage::with_records(&[]);
    for limit in [["--max-bytes", "0"], ["--max-age", "0"], ["--max-age-ms", "0"]] {
        let refusal = stage.refused(&[&["retention", DATA], &limit[..]].concat(), 2);
        assert!(refusal.contains("cannot be undone; confirm it with --yes"), "{refusal}");
        assert_eq!(stage.read(DATA).len(), 3_000);
    }
    stage.ok(&["retention", DATA, "--max-age", "7d"]);
    assert!(stage.ok(&["retention", DATA]).contains("keeps messages of 7d age"));
    stage.ok(&["retention", DATA, "--max-bytes", "0", "--yes"]);
    assert!(stage.read(DATA).is_empty());
}
