//! `seismic test` of jobs with a statement: lines, rows of windows or a topic through the statement in
//! memory, and what a user sees of it.

use std::fs;

use serde_json::{Value, json};

use super::super::dimension::{self, measured, set_table};
use super::{append, rows};
use crate::stage::Stage;

const LINES: &str = r#"{"JobName":"web","UsedGB":90,"TotalGB":100,"Type":1}
{"JobName":"db","UsedGB":10,"TotalGB":100,"Type":1}

{"JobName":"odd","UsedGB":1,"TotalGB":100,"Type":7}
no JSON
{"JobName":"tape","UsedGB":60,"TotalGB":100,"Type":2}
"#;

const TEST: [&str; 5] = ["test", "--job", "usage.toml", "--input", "lines.jsonl"];

/// The job of docs/sql.md with its table, and lines; nothing was ever run here.
fn stage() -> Stage {
    let stage = dimension::stage();
    fs::write(stage.path("lines.jsonl"), LINES).unwrap();
    stage
}

fn test(stage: &Stage, options: &[&str]) -> String {
    stage.ok(&[&TEST[..], options].concat())
}

#[test]
fn lines_give_rows_and_dead_letters_and_every_line_is_counted_once() {
    let stage = stage();
    let said = test(&stage, &[]);
    for wanted in [
        r#"row {"JobName":"web","UsedRatio":0.9,"UsedThreshold":0.8,"_id":"0/0/0/0"}"#,
        r#"row {"JobName":"tape","UsedRatio":0.6,"UsedThreshold":0.5,"_id":"0/4/0/0"}"#,
        "dead letter missing_key at 0/2 record 0: no row of Threshold has Type = 7 (version ",
        "dead letter unparseable at 0/3 record 0: ",
        "table Threshold (file:thresholds.csv): version ",
        "read 5 records: 3 gave 3 rows, 0 gave none, 2 are dead letters",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    let report: Value = serde_json::from_str(&test(&stage, &["--json"])).unwrap();
    assert_eq!(report["rows"].as_array().unwrap().len(), 3);
    assert_eq!(report["dead_letters"][0]["reason"], "missing_key");
    assert_eq!(report["counts"]["read"], 5);
    assert_eq!(report["tables"][0]["rows"], 2);
    // Neither the queue nor a store has anything of it.
    let none = stage.run(&["status", "--group", "usage"]);
    assert_ne!(none.code, Some(0), "{none}");
}

#[test]
fn rows_are_compared_with_those_that_are_expected() {
    let stage = stage();
    test(&stage, &["--write-rows", "rows.jsonl"]);
    assert!(test(&stage, &["--expect", "rows.jsonl"]).contains("all rows are as expected"));
    fs::write(
        stage.path("some.json"),
        r#"[{"UsedRatio":0.9},{"UsedRatio":0.1},{"UsedRatio":0.6}]"#,
    )
    .unwrap();
    assert!(test(&stage, &["--expect", "some.json"]).contains("all rows are as expected"));
    set_table(&stage, "Type,Value\n1,0.85\n");
    let done = stage.run(&[&TEST[..], &["--expect", "rows.jsonl"]].concat());
    assert_eq!(done.code, Some(3), "{done}");
    assert!(done.stdout.contains("row 1: UsedThreshold is 0.85, expected 0.8"), "{done}");
    assert!(done.stdout.contains("missing: {\"JobName\":\"tape\""), "{done}");
}

#[test]
fn a_test_gives_what_the_job_gives() {
    let stage = stage();
    let lines = [measured("web", 90.0, 1), measured("db", 10.0, 1), measured("odd", 1.0, 7)];
    append(&stage, &lines);
    let of_topic = ["test", "--job", "usage.toml", "--input", "topic:demo-source", "--json"];
    let report: Value = serde_json::from_str(&stage.ok(&of_topic)).unwrap();
    stage.ok(&["run", "--job", "usage.toml", "--until-caught-up"]);
    assert_eq!(report["rows"], json!(rows(&stage, "usage", "demo-sink")));
    // The job behind it is tested on what the first one gave.
    let of_job = ["test", "--job", "alarm.toml", "--input", "topic:demo-sink", "--json"];
    let report: Value = serde_json::from_str(&stage.ok(&of_job)).unwrap();
    let alerts: Vec<i64> = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["AlertOrNot"].as_i64().unwrap())
        .collect();
    assert_eq!(alerts.iter().sum::<i64>(), 1, "{report}");
    assert_eq!(alerts.len(), 2);
}

#[test]
fn rows_of_windows_are_taken_as_the_test_of_the_job_before_writes_them() {
    let stage = Stage::new();
    fs::write(stage.path("windows.toml"), "window = '1s'\n").unwrap();
    let job = r#"group = "strong"
sql = "select sensor_id, window_start_ts, max_amplitude / 2 as half from windows where record_count > 5"
[input]
name = "windows"
topic = "seismic-agg-topic"
of = "seismic"
format = "windows"
[output]
topic = "strong"
columns = { sensor_id = "text", window_start_ts = "int", half = "real" }
"#;
    fs::write(stage.path("strong.toml"), job).unwrap();
    let mut csv = "sensor_id,collect_timestamp,seismic_amplitude,data_quality\n".to_owned();
    (0..40).for_each(|at| csv += &format!("S1,{},{at},1\n", 1_600_000_000_000_i64 + at * 100));
    fs::write(stage.path("pack.csv"), csv).unwrap();
    for file in ["rows.csv", "rows.jsonl"] {
        stage.ok(&["test", "--job", "windows.toml", "--input", "pack.csv", "--write-rows", file]);
        let said = stage.ok(&["test", "--job", "strong.toml", "--input", file]);
        assert!(said.contains("read 4 records: 4 gave 4 rows, 0 gave none"), "{said}");
        assert!(said.contains("\"half\":19.5"), "{said}");
    }
}

#[test]
fn options_that_mean_nothing_to_a_statement_are_refused_with_the_reason() {
    let stage = stage();
    for (options, why) in [
        (&["--shuffle", "5"][..], "--shuffle: it is for jobs that make windows"),
        (&["--duplicate", "5"], "--duplicate: it is for jobs that make windows"),
        (&["--partitions", "4"], "--partitions: it is for jobs that make windows"),
        (&["--write-rows", "rows.csv"], "--write-rows: rows of a job with sql are JSON lines"),
        (&["--tolerance=-1", "--expect", "lines.jsonl"], "it is no number from 0 on"),
        (&["--expect", "lines.jsonl"], "lines.jsonl: it is no JSON: "),
    ] {
        let refused = stage.refused(&[&TEST[..], options].concat(), 2);
        assert!(refused.contains(why), "{options:?}: {refused}");
    }
    fs::write(stage.path("other.jsonl"), "{\"UsedRation\":1}").unwrap();
    let refused = stage.refused(&[&TEST[..], &["--expect", "other.jsonl"]].concat(), 2);
    assert!(refused.contains("has no column UsedRation; did you mean UsedRatio?"), "{refused}");
    fs::remove_file(stage.path("thresholds.csv")).unwrap();
    let done = stage.run(&TEST);
    assert_ne!(done.code, Some(0), "{done}");
    assert!(done.stderr.contains("table Threshold cannot be read"), "{done}");
}
