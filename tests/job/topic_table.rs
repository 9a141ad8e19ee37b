//! A table that is a topic: the newest message of each key, as another job or a program writes it.

use std::fs;

use serde_json::{Value, json};

use super::dimension::{USAGE, found, measured, stage};
use super::statement::append;
use crate::stage::{Stage, wait_until};

/// The job of docs/sql.md, which looks things up in a topic of its queue.
fn of_topic(more: &str) -> Stage {
    let stage = stage();
    let source = format!("source = \"topic:thresholds\"\n{more}");
    let job = USAGE.replace("source = \"file:thresholds.csv\"\n", &source);
    fs::write(stage.path("usage.toml"), job).unwrap();
    stage.ok(&["topic", "create", "thresholds", "--partitions", "3"]);
    stage
}

/// Writes rows of the table, or says that there are none any more.
fn write(stage: &Stage, rows: &[Value], options: &[&str]) {
    let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
    fs::write(stage.path("rows.jsonl"), text).unwrap();
    let append = ["topic", "append", "thresholds", "rows.jsonl", "--key", "Type"];
    stage.ok(&[&append[..], options].concat());
}

fn row(kind: i64, value: f64) -> Value {
    json!({ "Type": kind, "Value": value, "_id": "whatever" })
}

fn run(stage: &Stage) {
    stage.ok(&["run", "--job", "usage.toml", "--until-caught-up"]);
}

fn verify(stage: &Stage) {
    let proof = stage.ok(&["verify", "--complete", "--group", "usage"]);
    assert!(proof.starts_with("verified: "), "{proof}");
}

fn letters(stage: &Stage) -> String {
    stage.ok(&["read", "usage-dead", "--group", "usage"])
}

#[test]
fn the_newest_message_of_a_key_is_its_row_until_one_without_a_value() {
    let stage = of_topic("");
    write(&stage, &[row(1, 0.1), row(2, 0.2), row(1, 0.8)], &[]);
    append(&stage, &[measured("a", 1.0, 1), measured("b", 1.0, 2)]);
    run(&stage);
    assert_eq!(found(&stage), ["a 0.8", "b 0.2"]);
    write(&stage, &[row(1, 0.9)], &[]);
    write(&stage, &[json!({ "Type": 2 })], &["--delete"]);
    append(&stage, &[measured("c", 1.0, 1), measured("d", 1.0, 2)]);
    run(&stage);
    assert_eq!(found(&stage), ["a 0.8", "b 0.2", "c 0.9"]);
    assert!(letters(&stage).contains("no row of Threshold has Type = 2"), "{}", letters(&stage));
    // What is done again is done with the rows of then.
    verify(&stage);
    let shown = stage.ok(&["status", "--group", "usage"]);
    assert!(shown.contains("table Threshold (topic:thresholds): version "), "{shown}");
    let report = stage.ok(&["doctor", "--job", "usage.toml", "--topic", "demo-source"]);
    assert!(report.contains("it can be read, and has 1 rows"), "{report}");
}

#[test]
fn a_job_that_runs_looks_things_up_in_what_another_one_writes() {
    let stage = of_topic("of = \"levels\"\n");
    // The other job: what is measured decides on the thresholds.
    let levels = r#"group = "levels"
sql = "select Type, Value * 2 as Value from demands"
[input]
name = "demands"
topic = "demands"
columns = { Type = "int", Value = "real" }
[output]
topic = "thresholds"
key = "Type"
columns = { Type = "int", Value = "real" }
"#;
    fs::write(stage.path("levels.toml"), levels).unwrap();
    stage.ok(&["topic", "create", "demands", "--partitions", "2"]);
    let demand = |value: f64| {
        fs::write(stage.path("demand.jsonl"), json!({ "Type": 1, "Value": value }).to_string())
            .unwrap();
        stage.ok(&["topic", "append", "demands", "demand.jsonl", "--key", "Type"]);
    };
    demand(0.25);
    let levels = stage.start(stage.command(&["run", "--job", "levels.toml"]));
    let usage = stage.start(stage.command(&["run", "--job", "usage.toml"]));
    // The first reading waits for the topic and its rows; a record before them is a dead letter.
    let measure = |name: &str, threshold: f64| {
        let mut number = 0;
        wait_until(&format!("{name} has the threshold {threshold}"), || {
            number += 1;
            append(&stage, &[measured(&format!("{name}-{number}"), 1.0, 1)]);
            // The job makes its topic when it begins.
            let read = stage.run(&["read", "demo-sink", "--group", "usage", "--format", "json"]);
            let mut rows = read.stdout.lines().map(|line| {
                let row: Value = serde_json::from_str(line).unwrap();
                row["value"].clone()
            });
            rows.any(|row| {
                let its_name = row["JobName"].as_str().unwrap_or_default();
                its_name.starts_with(name) && row["UsedThreshold"] == threshold
            })
        });
    };
    measure("a", 0.5);
    demand(0.375);
    measure("b", 0.75);
    for job in [usage, levels] {
        job.stop(rustix::process::Signal::TERM).ok();
    }
    verify(&stage);
    stage.ok(&["verify", "--complete", "--group", "levels"]);
}

#[test]
fn newest_windows_of_sensors_are_a_table() {
    let stage = of_topic("");
    let windows =
        "group = \"coast\"\ntopic = \"samples\"\nidle_timeout = \"0ms\"\nsink = [\"csv:rows\"]\n";
    fs::write(stage.path("coast.toml"), windows).unwrap();
    let generate = ["generate", "--topic", "samples", "--sensors", "2", "--records", "2000"];
    stage.ok(&[&generate[..], &["--anomaly-percent", "0"]].concat());
    stage.ok(&["run", "--job", "coast.toml", "--drain"]);
    let job = r#"group = "usage"
dead_topic = "usage-dead"
sql = "select a.sensor as sensor, w.max_amplitude as peak from asked as a, Window as w where a.sensor = w.sensor_id"
[input]
name = "asked"
topic = "demo-source"
columns = { sensor = "text" }
[dimension.Window]
source = "topic:seismic-agg-topic"
of = "coast"
format = "windows"
key = "sensor_id"
on = { sensor_id = "sensor" }
columns = { sensor_id = "text", max_amplitude = "real" }
[output]
topic = "demo-sink"
columns = { sensor = "text", peak = "real" }
"#;
    fs::write(stage.path("usage.toml"), job).unwrap();
    let rows = stage.ok(&["read", "seismic-agg-topic", "--group", "coast", "--format", "json"]);
    let rows: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let newest =
        rows.iter().rfind(|row| row["value"]["sensor_id"] == rows[0]["value"]["sensor_id"]);
    let newest = newest.unwrap()["value"].clone();
    fs::write(stage.path("asked.jsonl"), json!({ "sensor": newest["sensor_id"] }).to_string())
        .unwrap();
    stage.ok(&["topic", "append", "demo-source", "asked.jsonl"]);
    run(&stage);
    let got = super::statement::rows(&stage, "usage", "demo-sink");
    assert_eq!(got.len(), 1, "{got:?}");
    let (peak, wanted) =
        (got[0]["peak"].as_f64().unwrap(), newest["max_amplitude"].as_f64().unwrap());
    assert!((peak - wanted).abs() <= wanted.abs() * 1e-6, "{peak} {wanted}");
    verify(&stage);
}

#[test]
fn what_is_older_than_keep_is_no_row_and_what_is_wrong_is_said() {
    let stage = of_topic("keep = \"1ms\"\n");
    write(&stage, &[row(1, 0.8)], &[]);
    append(&stage, &[measured("a", 1.0, 1)]);
    run(&stage);
    assert!(letters(&stage).contains("no row of Threshold has Type = 1"), "{}", letters(&stage));

    let stage = of_topic("");
    write(&stage, &[json!({ "Type": 1, "Value": "high" })], &[]);
    append(&stage, &[measured("a", 1.0, 1)]);
    let refused = stage.refused(&["run", "--job", "usage.toml", "--until-caught-up"], 1);
    assert!(refused.contains("topic:thresholds: message "), "{refused}");
    assert!(refused.contains("Value is to be real, and is the text \"high\""), "{refused}");
    // A newer message of the same key mends it.
    write(&stage, &[row(1, 0.8)], &[]);
    run(&stage);
    assert_eq!(found(&stage), ["a 0.8"]);
    let keyless = ["topic", "append", "thresholds", "rows.jsonl"];
    stage.ok(&keyless);
    let report = stage.run(&["doctor", "--job", "usage.toml", "--topic", "demo-source"]);
    assert!(report.stdout.contains("has no key, and a row is the newest message"), "{report}");

    for (source, why) in [
        ("source = \"topic:demo-sink\"\n", "is what this job writes"),
        ("source = \"topic:a b\"\n", "a b"),
        ("source = \"topic:thresholds\"\nformat = \"csv\"\n", "and no CSV"),
        (
            "source = \"topic:thresholds\"\nquery = \"select 1\"\n",
            "query is for tables of a server",
        ),
        ("source = \"file:thresholds.csv\"\nkeep = \"7d\"\n", "keep is for topics"),
        ("source = \"file:thresholds.csv\"\nof = \"x\"\n", "of is for topics"),
        (
            "source = \"file:thresholds.csv\"\nformat = \"windows\"\n",
            "rows of windows are in topics",
        ),
    ] {
        let job = USAGE.replace("source = \"file:thresholds.csv\"\n", source);
        fs::write(stage.path("usage.toml"), job).unwrap();
        let refused = stage.refused(&["job", "check", "usage.toml"], 2);
        assert!(refused.contains(why), "{source}: {refused}");
    }
}
