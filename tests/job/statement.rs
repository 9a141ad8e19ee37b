//! Jobs whose results a statement in SQL makes, as a user has them: the files of docs/sql.md, what
//! is refused, and what each command shows.

#[cfg(feature = "wasm")]
pub mod operators;
mod trial;
pub mod window_kills;
mod windows;

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::stage::{Stage, wait_until};

/// The first job of docs/sql.md: disk usage becomes a ratio.
pub const USAGE: &str = r#"group = "usage"
dead_topic = "usage-dead"
sql = """
insert into MoniteSink
select a.JobName, a.UsedGB * 1.0 / a.TotalGB as UsedRatio, a.Threshold as UsedThreshold
from MoniteDataSource_1 as a
where a.TotalGB > 0
"""

[input]
name = "MoniteDataSource_1"
topic = "demo-source"
columns = { JobName = "text", UsedGB = "real", TotalGB = "real", Threshold = "real" }

[output]
name = "MoniteSink"
topic = "demo-sink"
key = "JobName"
columns = { JobName = "text", UsedRatio = "real", UsedThreshold = "real" }
"#;

/// The second one: a ratio and its threshold become an alert of 0 or 1.
pub const ALARM: &str = r#"group = "usage-alarm"
dead_topic = "usage-alarm-dead"
sql = """
insert into AlarmSink
select a.JobName, case when a.UsedRatio - a.UsedThreshold > 0 then 1 else 0 end as AlertOrNot
from MoniteSink as a
"""

[input]
name = "MoniteSink"
topic = "demo-sink"
of = "usage"
columns = { JobName = "text", UsedRatio = "real", UsedThreshold = "real" }

[output]
name = "AlarmSink"
topic = "demo-alarm"
key = "JobName"
columns = { JobName = "text", AlertOrNot = "int" }
"#;

/// A stage with both files and the topic that they read.
pub fn stage() -> Stage {
    let stage = Stage::new();
    fs::write(stage.path("usage.toml"), USAGE).unwrap();
    fs::write(stage.path("alarm.toml"), ALARM).unwrap();
    stage.ok(&["topic", "create", "demo-source", "--partitions", "2"]);
    stage
}

/// Appends these objects.
pub fn append(stage: &Stage, lines: &[Value]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(stage.path("lines.json"), text).unwrap();
    stage.ok(&["topic", "append", "demo-source", "lines.json", "--key", "JobName"]);
}

/// A measurement.
pub fn measured(job: &str, used: f64, total: f64, threshold: Option<f64>) -> Value {
    json!({ "JobName": job, "UsedGB": used, "TotalGB": total, "Threshold": threshold })
}

/// Rows of a job's output.
pub fn rows(stage: &Stage, group: &str, topic: &str) -> Vec<Value> {
    let text = stage.ok(&["read", topic, "--group", group, "--format", "json"]);
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| line["value"].clone()).collect()
}

#[test]
fn two_jobs_that_are_chained_make_alerts_of_measurements() {
    let stage = stage();
    let check = stage.ok(&["job", "check", "usage.toml"]);
    assert!(check.contains("is valid: group usage reads demo-source"), "{check}");
    append(
        &stage,
        &[
            measured("web", 90.0, 100.0, Some(0.8)),
            measured("db", 10.0, 100.0, Some(0.8)),
            measured("new", 1.0, 2.0, None),
            measured("none", 1.0, 0.0, Some(0.8)),
            json!({ "JobName": "bad", "UsedGB": "5" }),
        ],
    );
    let done = stage.run(&["run", "--job", "usage.toml", "--until-caught-up"]).ok();
    assert!(done.stderr.contains("read 5 records"), "{done}");
    assert!(done.stderr.contains(": 3 rows, 1 dead letters"), "{done}");
    stage.ok(&["run", "--job", "alarm.toml", "--until-caught-up"]);
    let mut ratios = rows(&stage, "usage", "demo-sink");
    ratios.sort_by_key(|row| row["JobName"].to_string());
    assert_eq!(ratios[2]["JobName"], "web");
    assert_eq!(ratios[2]["UsedRatio"], 0.9);
    assert!(ratios[2]["_id"].as_str().unwrap().ends_with("/0/0/0"), "{ratios:?}");
    let alerts = rows(&stage, "usage-alarm", "demo-alarm");
    let of = |job: &str| {
        alerts.iter().find(|row| row["JobName"] == job).map(|row| row["AlertOrNot"].clone())
    };
    assert_eq!([of("web"), of("db"), of("new")].map(Option::unwrap), [1, 0, 0].map(Value::from));
    assert_eq!(of("none"), None);
    let letters = stage.ok(&["read", "usage-dead", "--group", "usage"]);
    assert!(letters.contains("wrong_type demo-source/"), "{letters}");
    assert!(letters.contains(": UsedGB is to be real, and is text"), "{letters}");
    for group in ["usage", "usage-alarm"] {
        let proof = stage.ok(&["verify", "--complete", "--group", group]);
        assert!(proof.starts_with("verified: "), "{proof}");
        assert!(proof.contains("bit-identical, also with other cuts"), "{proof}");
        let proof = stage.json(&["verify", "--group", group, "--json"]);
        assert_eq!(proof["verified"], true, "{proof}");
    }
    let status = stage.ok(&["status", "--group", "usage"]);
    assert!(status.contains("insert into MoniteSink select a.JobName"), "{status}");
    let status = stage.json(&["status", "--json", "--group", "usage"]);
    assert_eq!((&status["read"], &status["rejected"]), (&json!(5), &json!(1)), "{status}");
    assert_eq!(status["by_reason"]["wrong_type"], 1, "{status}");
    stage.ok(&["doctor", "--group", "usage"]);
    let asked =
        stage.ok(&["sql", "select count(*) from rows", "--group", "usage", "--format", "csv"]);
    assert_eq!(asked, "count(*)\n3\n");
}

#[test]
fn a_job_runs_until_it_is_stopped_and_continues_where_it_was() {
    let stage = stage();
    let mut all = Vec::new();
    for round in 0..2 {
        let job = stage.spawn(&["run", "--job", "usage.toml"]);
        let lines: Vec<_> = (0..50)
            .map(|i| measured(&format!("job{i}"), f64::from(i + round), 64.0, Some(0.5)))
            .collect();
        append(&stage, &lines);
        all.extend(lines);
        wait_until("rows", || {
            let done = stage.run(&["status", "--json", "--group", "usage"]);
            let status = serde_json::from_str::<Value>(&done.stdout).unwrap_or_default();
            status["read"].as_u64() == Some(all.len() as u64)
        });
        job.stop(Signal::TERM).ok();
    }
    let mut found: Vec<String> = rows(&stage, "usage", "demo-sink")
        .iter()
        .map(|row| format!("{} {}", row["JobName"], row["UsedRatio"]))
        .collect();
    let mut expected: Vec<String> = all
        .iter()
        .map(|line| format!("{} {:?}", line["JobName"], line["UsedGB"].as_f64().unwrap() / 64.0))
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn what_is_wrong_with_a_file_is_named_with_its_line_and_what_may_be_meant() {
    let stage = stage();
    for (from, to, why) in [
        (
            "from MoniteDataSource_1",
            "from MoniteSource_1",
            "f.toml:3: sql: line 3, column 6: there is no table MoniteSource_1; did you mean MoniteDataSource_1?",
        ),
        (
            "insert into MoniteSink",
            "insert into Monitesinks",
            "line 1, column 13: there is no output Monitesinks; did you mean MoniteSink?",
        ),
        (
            "a.TotalGB > 0",
            "a.TotalGb2 > 0",
            "line 4, column 7: there is no column a.TotalGb2; did you mean TotalGB?",
        ),
        ("where a.TotalGB > 0", "order by 1", "not row by row over MoniteDataSource_1"),
        ("[input]", "[inputs]", "inputs: there is no such option; did you mean \"input\"?"),
        (
            "key = \"JobName\"",
            "kex = \"JobName\"",
            "output.kex: there is no such key; did you mean \"key\"?",
        ),
        (
            "UsedGB = \"real\"",
            "UsedGB = \"float\"",
            "UsedGB: \"float\" is no type of a column: write int, real or text",
        ),
        (
            "group = \"usage\"",
            "group = \"usage\"\nwindow = \"1s\"",
            "input: time is missing: write time = { column = \"NAME\", format = \"ms\" }, or time = \"ingest\"",
        ),
        (
            "group = \"usage\"",
            "group = \"usage\"\nlateness = \"1s\"",
            "f.toml:2: lateness: it is of jobs whose rows have an event time, and this one has none",
        ),
        (
            "group = \"usage\"",
            "group = \"usage\"\nrollup = \"1m\"",
            "f.toml:2: rollup: it is of jobs that make windows, and this one has sql",
        ),
        (
            "[input]",
            "[input]\ntime = { column = \"JobName\", format = \"%Y-%q\" }",
            "input.time: \"%Y-%q\": there is no %q: write %Y %m",
        ),
        ("group = \"usage\"", "group = \"usage\"\nsink = [\"csv\"]", "sinks take rows of windows"),
        (
            "group = \"usage\"",
            "group = \"usage\"\ntopic = \"x\"",
            "topic: the topic is said in [input] already",
        ),
        ("[output]\nname", "[output]\nformat", "output.format: there is no such key"),
        (
            "key = \"JobName\"",
            "key = \"JobName\"\n[join]\nwithin = \"1s\"",
            "[join] is of two inputs: write [input.LEFT] and [input.RIGHT]",
        ),
    ] {
        fs::write(stage.path("f.toml"), USAGE.replacen(from, to, 1)).unwrap();
        for command in [&["job", "check", "f.toml"][..], &["run", "--job", "f.toml"]] {
            let refused = stage.refused(command, 2);
            assert!(refused.contains(why), "{to}: {refused}");
        }
    }
    let only_sql = USAGE.split("[input]").next().unwrap();
    fs::write(stage.path("f.toml"), only_sql).unwrap();
    let refused = stage.refused(&["job", "check", "f.toml"], 2);
    assert!(refused.contains("has all three; [input] is missing"), "{refused}");
    // What is shown as a file makes the same job.
    let shown = stage.ok(&["job", "show", "usage.toml"]);
    fs::write(stage.path("again.toml"), shown).unwrap();
    let hash = |file: &str| {
        let check = stage.ok(&["job", "check", file]);
        check.rsplit_once("(rules ").unwrap().1.to_owned()
    };
    assert_eq!(hash("again.toml"), hash("usage.toml"));
}

#[test]
fn another_statement_is_refused_under_progress_and_so_is_a_job_without_one() {
    let stage = stage();
    append(&stage, &[measured("web", 90.0, 100.0, None)]);
    stage.ok(&["run", "--job", "usage.toml", "--until-caught-up"]);
    fs::write(stage.path("f.toml"), USAGE.replace("> 0", "> 1")).unwrap();
    let refused = stage.refused(&["run", "--job", "f.toml", "--until-caught-up"], 2);
    assert!(refused.contains("sql (was insert into MoniteSink select"), "{refused}");
    let plain = ["run", "--group", "usage", "--topic", "demo-source", "--until-caught-up"];
    let done = stage.run(&plain);
    assert_ne!(done.code, Some(0), "{done}");
}

#[test]
fn rows_of_windows_are_an_input_by_their_own_names() {
    let stage = Stage::with_records(&["--records", "5000", "--anomaly-percent", "0"]);
    stage.ok(&["run", "--drain"]);
    let file = r#"
group = "ratio"
sql = """
select sensor_id, window_start_ts, max_amplitude / 4.0 as ratio
from rows where record_count >= 2 and max_amplitude > f32(0.1)
"""
[input]
topic = "seismic-agg-topic"
of = "seismic"
format = "windows"
[output]
topic = "seismic-ratio"
key = "sensor_id"
columns = ["sensor_id text", "window_start_ts int", "ratio real"]
"#;
    fs::write(stage.path("ratio.toml"), file).unwrap();
    stage.ok(&["run", "--job", "ratio.toml", "--until-caught-up"]);
    let key = |row: &Value| (row["sensor_id"].to_string(), row["window_start_ts"].as_i64());
    let windows = stage.read("seismic-agg-topic");
    let expected = windows.iter().map(|line| &line["value"]).filter(|row| {
        row["record_count"].as_u64() >= Some(2) && row["max_amplitude"].as_f64() > Some(0.1)
    });
    let mut expected: Vec<_> = expected.map(key).collect();
    let mut found: Vec<_> = rows(&stage, "ratio", "seismic-ratio").iter().map(key).collect();
    expected.sort();
    found.sort();
    assert!(found.len() > 50);
    assert_eq!(found, expected);
    let proof = stage.ok(&["verify", "--complete", "--group", "ratio"]);
    assert!(proof.starts_with("verified: "), "{proof}");
}
