//! Jobs whose statement looks at windows of event time, as a user has them.

use std::collections::BTreeMap;
use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use super::rows;
use crate::stage::{Stage, wait_until};

/// Peaks of ten seconds of each sensor, of its one-second windows.
const PEAK: &str = r#"group = "peak"
dead_topic = "peak-dead"
window = "10s"
idle_timeout = "1s"
sql = """
select sensor_id, window_start, window_end - window_start as length,
  max(max_amplitude) as peak, sum(record_count) as records, count(*) as seconds
from windows group by sensor_id, window_start, window_end
"""

[input]
name = "windows"
topic = "seismic-agg-topic"
of = "seismic"
format = "windows"
key = "sensor_id"
time = "window_start_ts"

[output]
topic = "seismic-peak"
key = "sensor_id"
columns = ["sensor_id text", "window_start int", "length int", "peak real", "records int", "seconds int"]
"#;

/// Sensor and window with peak, records and seconds, by a plain loop over the rows of a second.
fn expected(stage: &Stage) -> BTreeMap<(String, i64), (f64, i64, i64)> {
    let mut all = BTreeMap::new();
    for line in stage.read("seismic-agg-topic") {
        let row = &line["value"];
        let start = row["window_start_ts"].as_i64().unwrap().div_euclid(10_000) * 10_000;
        let key = (row["sensor_id"].as_str().unwrap().to_owned(), start);
        let of = all.entry(key).or_insert((f64::MIN, 0, 0));
        // Shown in the shortest form of 32 bits, as which it is compared.
        let peak = f64::from(row["max_amplitude"].as_f64().unwrap() as f32);
        *of = (of.0.max(peak), of.1 + row["record_count"].as_i64().unwrap(), of.2 + 1);
    }
    all
}

fn found(stage: &Stage) -> BTreeMap<(String, i64), (f64, i64, i64)> {
    // There is nothing to read before it has begun.
    let read = stage.run(&["read", "seismic-peak", "--group", "peak", "--format", "json"]);
    let lines = read.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let all: Vec<Value> = lines.map(|line| line["value"].clone()).collect();
    let count = all.len();
    let of = |row: &Value| {
        assert_eq!(row["length"], 10_000);
        let number = |key: &str| row[key].as_i64().unwrap();
        let key = (row["sensor_id"].as_str().unwrap().to_owned(), number("window_start"));
        (key, (row["peak"].as_f64().unwrap(), number("records"), number("seconds")))
    };
    let found: BTreeMap<_, _> = all.iter().map(of).collect();
    assert_eq!(found.len(), count, "each window once");
    found
}

fn stage() -> Stage {
    let stage = Stage::with_records(&["--records", "20000", "--sensors", "20"]);
    stage.ok(&["run", "--drain"]);
    fs::write(stage.path("peak.toml"), PEAK).unwrap();
    stage
}

#[test]
fn peaks_of_ten_seconds_are_those_of_a_plain_loop_and_silence_closes_the_last_ones() {
    let stage = stage();
    let expected = expected(&stage);
    assert!(expected.len() > 40);
    let job = stage.spawn(&["run", "--job", "peak.toml"]);
    wait_until("every window is closed", || found(&stage).len() == expected.len());
    job.stop(Signal::TERM).ok();
    assert_eq!(found(&stage), expected);
    let proof = stage.ok(&["verify", "--complete", "--group", "peak"]);
    assert!(proof.starts_with("verified: "), "{proof}");
    let journal =
        ["sql", "select count(*) as n from journal where kind = 'idle'", "--group", "peak"];
    let journal = stage.ok(&[&journal[..], &["--format", "csv"]].concat());
    assert_ne!(journal.lines().nth(1), Some("0"), "silence is in the journal");
}

/// Alerts by class in windows of a minute, of one partition.
const CLASSES: &str = r#"group = "classes"
dead_topic = "classes-dead"
window = "60s"
lateness = "5s"
sql = """
select class, window_start, count(*) as alerts from alerts group by class, window_start
"""

[input]
name = "alerts"
topic = "alerts"
columns = { class = "text", at = "text" }
time = { column = "at", format = "rfc3339" }

[output]
topic = "alerts-by-class"
key = "class"
columns = { class = "text", window_start = "int", alerts = "int" }
"#;

const ALERTS: &str = r#"{"class":"strong","at":"2020-06-23T12:00:01.250Z"}
{"class":"weak","at":"2020-06-23T13:00:03+01:00"}
{"class":"strong","at":"2020-06-23T12:00:59Z"}
{"class":"strong","at":"2020-06-23T12:01:02Z"}
{"class":"weak","at":"2020-06-23T12:00:40Z"}
{"class":"weak","at":"2020-06-23T12:01:06Z"}
{"class":"weak","at":"2020-06-23T12:00:41Z"}
{"class":"weak","at":"noon"}
"#;

#[test]
fn a_test_gives_the_windows_that_the_job_gives_and_a_file_of_it_makes_the_same_job() {
    let stage = Stage::new();
    fs::write(stage.path("classes.toml"), CLASSES).unwrap();
    fs::write(stage.path("alerts.jsonl"), ALERTS).unwrap();
    let said = stage.ok(&["test", "--job", "classes.toml", "--input", "alerts.jsonl"]);
    for wanted in [
        r#"row {"_id":"0/w1592913600000/0","alerts":2,"class":"strong","window_start":1592913600000}"#,
        r#"row {"_id":"0/w1592913600000/1","alerts":2,"class":"weak","window_start":1592913600000}"#,
        r#"row {"_id":"0/w1592913660000/0","alerts":1,"class":"strong","window_start":1592913660000}"#,
        "dead letter late at 0/6 record 0: its window [1592913600000, 1592913660000) is closed",
        "dead letter null_time at 0/7 record 0: at = \"noon\" is no time as rfc3339",
        "read 8 records: 6 gave 4 rows, 0 gave none, 2 are dead letters",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    stage.ok(&["topic", "create", "alerts", "--partitions", "1"]);
    stage.ok(&["topic", "append", "alerts", "alerts.jsonl"]);
    stage.ok(&["run", "--job", "classes.toml", "--until-caught-up"]);
    let proof = stage.ok(&["verify", "--complete", "--group", "classes"]);
    assert!(proof.contains("gave none + 2 in open windows + 2 dead letters"), "{proof}");
    let status = stage.json(&["status", "--json", "--group", "classes"]);
    assert_eq!((&status["open"], &status["open_windows"]), (&2.into(), &1.into()), "{status}");
    stage.ok(&["run", "--job", "classes.toml", "--drain"]);
    let all = rows(&stage, "classes", "alerts-by-class");
    assert_eq!(all.len(), 4);
    all.iter().for_each(|row| assert!(said.contains(&format!("row {row}")), "{row}: {said}"));
    let proof = stage.ok(&["verify", "--complete", "--group", "classes"]);
    assert!(proof.starts_with("verified: 8 records = 6 that gave rows"), "{proof}");
    let shown = stage.ok(&["job", "show", "classes.toml"]);
    fs::write(stage.path("again.toml"), &shown).unwrap();
    let hash = |file: &str| {
        let check = stage.ok(&["job", "check", file]);
        check.rsplit_once("(rules ").unwrap().1.to_owned()
    };
    assert_eq!(hash("again.toml"), hash("classes.toml"), "{shown}");
    // Another window is another job.
    let other = CLASSES.replace("60s", "30s");
    fs::write(stage.path("other.toml"), other).unwrap();
    let refused = stage.refused(&["run", "--job", "other.toml", "--drain"], 2);
    assert!(refused.contains("event time and window (was {"), "{refused}");
    let spread = Stage::new();
    fs::write(spread.path("classes.toml"), CLASSES).unwrap();
    spread.ok(&["topic", "create", "alerts", "--partitions", "2"]);
    let refused = spread.refused(&["run", "--job", "classes.toml", "--drain"], 2);
    assert!(refused.contains("write input.key"), "{refused}");
}

#[test]
fn the_inputs_of_a_join_may_say_how_their_times_are_written() {
    let stage = crate::job::join::stage();
    let file = crate::job::join::VECTOR
        .replacen("ts = \"int\"", "ts = \"text\"", 1)
        .replacen("vertical_ts as v_ts", "utc(horizontal_ts) as v_ts", 1)
        .replacen("v_ts = \"int\"", "v_ts = \"text\"", 1);
    let of_both = file
        .replace("time = \"ts\"\n", "")
        .replacen(
            "[input.vertical]\n",
            "[input.vertical]\ntime = { column = \"ts\", format = \"rfc3339\" }\n",
            1,
        )
        .replacen("[input.horizontal]\n", "[input.horizontal]\ntime = \"ts\"\n", 1);
    fs::write(stage.path("both.toml"), &of_both).unwrap();
    stage.ok(&["job", "check", "both.toml"]);
    let shown = stage.ok(&["job", "show", "both.toml"]);
    fs::write(stage.path("again.toml"), &shown).unwrap();
    let hash = |file: &str| {
        let check = stage.ok(&["job", "check", file]);
        check.rsplit_once("(rules ").unwrap().1.to_owned()
    };
    assert_eq!(hash("again.toml"), hash("both.toml"), "{shown}");
    for (from, to, why) in [
        ("[join]\n", "[join]\ntime = \"ts\"\n", "the inputs say where their time is: leave it out"),
        ("time = \"ts\"\n", "", "join.time is missing"),
        ("rfc3339", "rfc3393", "did you mean \"rfc3339\"?"),
        ("rfc3339", "ms", "ts is text, and a time as ms is int"),
    ] {
        fs::write(stage.path("f.toml"), of_both.replacen(from, to, 1)).unwrap();
        let refused = stage.refused(&["job", "check", "f.toml"], 2);
        assert!(refused.contains(why), "{to}: {refused}");
    }
}
