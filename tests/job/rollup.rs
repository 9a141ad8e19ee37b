//! `run --rollup`: topics of longer spans, across kills and restarts.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::stage::{ROWS, Stage, csv_files};
use crate::truth::{int, text};

const JOB: [&str; 6] = ["run", "--quiet", "--rollup", "10s", "--rollup", "2s"];

/// Records by sensor and start of the span.
fn spans(rows: &[Value], length_ms: i64) -> BTreeMap<(String, i64), u64> {
    let mut spans = BTreeMap::new();
    for row in rows.iter().map(|line| &line["value"]) {
        let start_ms = row["window_start_ts"].as_i64().unwrap();
        let key = (text(row, "sensor_id"), start_ms.div_euclid(length_ms) * length_ms);
        *spans.entry(key).or_default() += int(row, "record_count");
    }
    spans
}

#[test]
fn rows_of_roll_ups_add_up_to_those_of_windows_and_verify_says_so() {
    let stage = Stage::with_records(&["--anomaly-percent", "10"]);
    // Drained half-way: spans are closed early and continue in further panes.
    for bound in [&["--max-records", "1000"][..], &["--drain"]] {
        stage.ok(&[&JOB[..], bound].concat());
    }
    stage.generate(&["--records", "2000"]);
    stage.ok(&[&JOB[..], &["--drain"]].concat());
    for (topic, length_ms) in [("seismic-agg-topic-2s", 2_000), ("seismic-agg-topic-10s", 10_000)] {
        let rows = stage.read(topic);
        assert!(!rows.is_empty());
        for row in &rows {
            let span =
                ["window_end_ts", "window_start_ts"].map(|f| row["value"][f].as_i64().unwrap());
            assert_eq!(span[0] - span[1], length_ms);
        }
        assert_eq!(spans(&rows, length_ms), spans(&stage.read(ROWS), length_ms), "{topic}");
    }
    stage.verify(&[]);
    let proved = stage.ok(&["verify"]);
    assert!(proved.contains("rows of 2 roll-ups are computed from these windows"), "{proved}");
    let status = stage.status();
    assert_eq!(int(&status["rollups"][1], "closed"), int(&status, "closed"), "{status}");
    assert!(stage.ok(&["status"]).contains("seismic-agg-topic-10s: "));
}

#[test]
fn other_roll_ups_under_progress_are_refused_with_the_choice_left() {
    let stage = Stage::with_records(&[]);
    stage.ok(&[&JOB[..], &["--until-caught-up"]].concat());
    let refused = stage.refused(&["run", "--rollup", "2s", "--drain"], 2);
    assert!(refused.contains("--rollup") && refused.contains("--group"), "{refused}");
    stage.ok(&[&JOB[..], &["--drain"]].concat());
    stage.verify(&[]);
}

#[test]
fn a_roll_up_that_fits_no_windows_is_refused_before_anything_is_made() {
    let stage = Stage::with_records(&[]);
    for wrong in ["1500ms", "1s", "2d", "48h"] {
        stage.refused(&["run", "--rollup", wrong], 2);
    }
    assert!(!stage.path("output/queue.seismic.home.db").exists());
}

#[test]
fn a_topic_is_called_as_its_span_was_typed_when_the_job_began() {
    let stage = Stage::with_records(&[]);
    stage.ok(&["run", "--quiet", "--rollup", "1d", "--rollup", "1m", "--until-caught-up"]);
    // The same length in other words continues in the topic that is there.
    stage.ok(&["run", "--quiet", "--rollup", "60s", "--rollup", "24h", "--drain"]);
    for topic in ["seismic-agg-topic-1m", "seismic-agg-topic-1d"] {
        assert!(!stage.read(topic).is_empty(), "{topic}");
    }
    stage.verify(&[]);
}

#[test]
fn a_sink_shows_the_rows_of_a_roll_up_and_verify_compares_them_with_its_topic() {
    let stage = Stage::with_records(&["--anomaly-percent", "10"]);
    let sinks = [
        "csv:windows",
        "csv:spans,source=rollup:2s",
        "parquet:named,source=topic:seismic-agg-topic-10s",
    ];
    let sinks: Vec<_> =
        sinks.iter().filter(|sink| has_parquet() || !sink.contains("parquet")).collect();
    let given: Vec<&str> = sinks.iter().flat_map(|sink| ["--sink", **sink]).collect();
    stage.ok(&[&JOB[..], &["--drain"], &given].concat());
    let shown = |folder: &str| -> usize {
        let lines = |file| fs::read_to_string(file).unwrap().lines().count() - 1;
        csv_files(&stage.path(folder)).into_iter().map(lines).sum()
    };
    assert_eq!(shown("spans"), stage.read("seismic-agg-topic-2s").len());
    assert_eq!(shown("windows"), stage.read(ROWS).len());
    stage.ok(&[&["verify"], &given[..]].concat());
    // Its position is one of the roll-up, which is caught up, and holds that topic alone.
    let status = stage.status();
    assert!(status["sinks"].as_array().unwrap().iter().all(|sink| sink["lag"] == 0), "{status}");
    let source = |sink: &serde_json::Value| sink["source"].as_str().unwrap().to_owned();
    let mut sources: Vec<_> = status["sinks"].as_array().unwrap().iter().map(source).collect();
    sources.sort();
    let expected = ["rollup:10s", "rollup:2s", "rows"];
    let expected = if has_parquet() { &expected[..] } else { &expected[1..] };
    assert_eq!(sources, expected);
    assert!(stage.ok(&["status"]).contains("spans (rollup:2s): 0 rows behind"));
    let holds = |topic| stage.ok(&["retention", topic, "--in", "store"]);
    assert!(holds("seismic-agg-topic-2s").contains("spans holds partition"));
    assert!(!holds(ROWS).contains("spans holds partition"));
    // The folder is the roll-up's, and a row that changes there is found.
    stage.refused(&["sink", "csv:spans", "--until-caught-up"], 2);
    stage.refused(&["sink", "csv:spans,source=rollup:10s", "--until-caught-up"], 2);
    let file = csv_files(&stage.path("spans")).remove(0);
    let changed = fs::read_to_string(&file).unwrap().replacen("S0", "S9", 1);
    fs::write(&file, changed).unwrap();
    assert_eq!(stage.run(&["verify", "--sink", sinks[1]]).code, Some(3));
}

fn has_parquet() -> bool {
    cfg!(feature = "parquet")
}

#[test]
fn a_source_that_the_job_does_not_have_is_refused_with_those_that_it_has() {
    let stage = Stage::with_records(&[]);
    stage.ok(&[&JOB[..], &["--drain"]].concat());
    for source in ["rollup:5s", "topic:seismic-dead-topic"] {
        let sink = format!("csv:spans,source={source}");
        let refused = stage.refused(&["sink", &sink, "--until-caught-up"], 2);
        let there = "it has rows (seismic-agg-topic), rollup:2s (seismic-agg-topic-2s), rollup:10s";
        assert!(refused.contains(there), "{refused}");
    }
    let refused = stage.refused(&["sink", "csv:spans,source=triggers"], 2);
    assert!(refused.contains("no job has triggers"), "{refused}");
}
