//! `run --rollup`: topics of longer spans, across kills and restarts.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::stage::{ROWS, Stage};
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
