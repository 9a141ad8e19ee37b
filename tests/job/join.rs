//! Jobs that join two topics, as a user has them: what is refused, what each command shows, and rows
//! that are those of a plain nested loop over what is in both topics.

use std::collections::BTreeSet;
use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::statement::rows;
use crate::stage::{Stage, wait_until};

/// The vertical and the horizontal channel of stations.
pub const VECTOR: &str = r#"group = "vector"
dead_topic = "vector-dead"
sql = """
select vertical_station as station, vertical_ts as v_ts, horizontal_ts as h_ts,
  sqrt(vertical_amplitude * vertical_amplitude + horizontal_amplitude * horizontal_amplitude) as amplitude
from pairs
"""

[input.vertical]
topic = "vertical"
columns = { station = "text", ts = "int", amplitude = "real" }

[input.horizontal]
topic = "horizontal"
columns = { station = "text", ts = "int", amplitude = "real" }

[join]
key = "station"
time = "ts"
within = ["-10ms", "10ms"]
kind = "left"
lateness = "100ms"

[output]
topic = "vector-rows"
key = "station"
columns = { station = "text", v_ts = "int", h_ts = "int", amplitude = "real" }
"#;

/// A stage with the file and the topics that it reads.
pub fn stage() -> Stage {
    let stage = Stage::new();
    fs::write(stage.path("vector.toml"), VECTOR).unwrap();
    for topic in ["vertical", "horizontal"] {
        stage.ok(&["topic", "create", topic, "--partitions", "2"]);
    }
    stage
}

/// A measurement: station, time, amplitude.
pub type Measured = (String, i64, f64);

/// Appends measurements to a topic.
pub fn append(stage: &Stage, topic: &str, all: &[Measured]) {
    let line = |(station, ts, amplitude): &Measured| {
        format!("{}\n", json!({ "station": station, "ts": ts, "amplitude": amplitude }))
    };
    fs::write(stage.path("lines.json"), all.iter().map(line).collect::<String>()).unwrap();
    stage.ok(&["topic", "append", topic, "lines.json", "--key", "station"]);
}

/// Measurements number `from` to `to` of five stations on both channels, of which some are missing.
pub fn measured(from: i64, to: i64) -> [Vec<Measured>; 2] {
    let of = |i: i64, apart_ms: i64| (format!("S{}", i % 5), i * 20 + apart_ms, (i % 9) as f64);
    let vertical = (from..to).filter(|i| i % 7 != 3).map(|i| of(i, 0)).collect();
    let horizontal = (from..to).filter(|i| i % 11 != 5).map(|i| of(i, (i * 13) % 31 - 15));
    [vertical, horizontal.collect()]
}

/// Station and times of each row of a drained left join, by a plain nested loop.
pub fn joined([left, right]: &[Vec<Measured>; 2]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (station, ts, _) in left {
        let is_mate = |it: &&Measured| it.0 == *station && (it.1 - ts).abs() <= 10;
        let mut mates = right.iter().filter(is_mate).map(|it| it.1.to_string()).peekable();
        if mates.peek().is_none() {
            all.insert(format!("{station} {ts} null"));
        }
        all.extend(mates.map(|mate| format!("{station} {ts} {mate}")));
    }
    all
}

/// The same of what the job has written, and whether there was one twice.
pub fn found(stage: &Stage) -> (BTreeSet<String>, bool) {
    let rows = rows(stage, "vector", "vector-rows");
    let text = |row: &Value| {
        format!("{} {} {}", row["station"].as_str().unwrap(), row["v_ts"], row["h_ts"])
    };
    let all: BTreeSet<_> = rows.iter().map(text).collect();
    let is_doubled = all.len() != rows.len();
    (all, is_doubled)
}

pub fn read(stage: &Stage) -> Option<u64> {
    let done = stage.run(&["status", "--json", "--group", "vector"]);
    serde_json::from_str::<Value>(&done.stdout).ok()?["read"].as_u64()
}

#[test]
fn rows_of_two_topics_are_those_of_a_nested_loop_and_are_proved() {
    let stage = stage();
    let check = stage.ok(&["job", "check", "vector.toml"]);
    assert!(check.contains("group vector reads vertical and horizontal from"), "{check}");
    let all = measured(0, 600);
    let half = |side: &Vec<Measured>| (side[..side.len() / 2].to_vec(), side.len() / 2);
    let job = stage.spawn(&["run", "--job", "vector.toml", "--idle-timeout", "1h"]);
    for (topic, side) in ["vertical", "horizontal"].into_iter().zip(&all) {
        append(&stage, topic, &half(side).0);
    }
    let halves = all.iter().map(|side| half(side).1).sum::<usize>() as u64;
    wait_until("half of both", || read(&stage) == Some(halves));
    job.stop(Signal::TERM).ok();
    for (topic, side) in ["vertical", "horizontal"].into_iter().zip(&all) {
        append(&stage, topic, &side[half(side).1..]);
    }
    append(&stage, "vertical", &[("S1".to_owned(), 10, 1.0)]);
    let done = stage.run(&["run", "--job", "vector.toml", "--drain", "--idle-timeout", "1h"]).ok();
    assert!(done.stderr.contains("1 dead letters"), "{done}");
    assert_eq!(found(&stage), (joined(&all), false));
    let letters = stage.ok(&["read", "vector-dead", "--group", "vector"]);
    assert!(letters.contains("late vertical/"), "{letters}");
    assert!(letters.contains("S1 is closed there, and it is"), "{letters}");
    let proof = stage.ok(&["verify", "--complete", "--group", "vector"]);
    assert!(proof.starts_with("verified: "), "{proof}");
    assert!(proof.contains("bit-identical, also with other cuts"), "{proof}");
    let status = stage.json(&["status", "--json", "--group", "vector"]);
    assert_eq!(status["late"], 1, "{status}");
    let runs = ["sql", "select count(distinct input) from journal where kind = 'run'"];
    let runs = stage.ok(&[&runs[..], &["--group", "vector", "--format", "csv"]].concat());
    assert!(runs.ends_with("\n2\n"), "{runs}");
    let doctor = stage.ok(&["doctor", "--job", "vector.toml"]);
    assert!(doctor.contains("horizontal: ") && doctor.contains("vertical: "), "{doctor}");
}

#[test]
fn a_file_of_a_join_that_is_wrong_is_named_with_its_line_and_what_may_be_meant() {
    let stage = stage();
    for (from, to, why) in [
        (
            "key = \"station\"\ntime",
            "key = \"statoin\"\ntime",
            "f.toml:17: join: key: vertical has no column statoin; did you mean station?",
        ),
        (
            "[join]\n",
            "[join]\nleft = \"verticl\"\n",
            "join.left: there is no input verticl; did you mean vertical?",
        ),
        (
            "within = ",
            "withing = ",
            "f.toml:20: join.withing: there is no such key; did you mean \"within\"?",
        ),
        (
            "within = [\"-10ms\", \"10ms\"]\n",
            "",
            "join.within is missing: how much later the right side is",
        ),
        (
            "kind = \"left\"",
            "kind = \"full\"",
            "join.kind: \"full\" is none of \"inner\", \"left\"",
        ),
        (
            "[input.horizontal]\ntopic",
            "[input.horizontal]\ntopik",
            "input.horizontal.topik: there is no such key; did you mean \"topic\"?",
        ),
        ("from pairs", "from pair", "there is no table pair; did you mean pairs?"),
        (
            "horizontal_ts as h_ts",
            "horizontal_tz as h_ts",
            "there is no column horizontal_tz; did you mean horizontal_ts?",
        ),
        ("topic = \"horizontal\"", "topic = \"vertical\"", "a join reads two topics"),
        ("topic = \"vector-rows\"", "topic = \"horizontal\"", "topic: horizontal is the input"),
        ("dead_topic", "window = \"1s\"\ndead_topic", "a join has its own clocks, and no windows"),
    ] {
        assert!(VECTOR.contains(from), "{from}");
        fs::write(stage.path("f.toml"), VECTOR.replacen(from, to, 1)).unwrap();
        let refused = stage.refused(&["job", "check", "f.toml"], 2);
        assert!(refused.contains(why), "{to}: {refused}");
    }
    let (without, _) = VECTOR.split_once("[join]").unwrap();
    let (_, output) = VECTOR.split_once("[output]").unwrap();
    fs::write(stage.path("f.toml"), format!("{without}[output]{output}")).unwrap();
    let refused = stage.refused(&["job", "check", "f.toml"], 2);
    assert!(refused.contains("[join] is missing, by which the 2 inputs"), "{refused}");
    let refused = stage.refused(&["test", "--job", "vector.toml", "--input", "x.jsonl"], 2);
    assert!(refused.contains("the job joins two topics, and a test gives one"), "{refused}");
    // What is shown as a file makes the same job.
    let shown = stage.ok(&["job", "show", "vector.toml"]);
    fs::write(stage.path("again.toml"), shown).unwrap();
    let hash = |file: &str| {
        let check = stage.ok(&["job", "check", file]);
        check.rsplit_once("(rules ").unwrap().1.to_owned()
    };
    assert_eq!(hash("again.toml"), hash("vector.toml"));
    // Topics whose partitions do not fit.
    stage.ok(&["topic", "create", "narrow", "--partitions", "1"]);
    fs::write(stage.path("f.toml"), VECTOR.replace("topic = \"horizontal\"", "topic = \"narrow\""))
        .unwrap();
    let refused = stage.refused(&["run", "--job", "f.toml", "--until-caught-up"], 2);
    assert!(
        refused.contains("topic vertical has 2 partitions and topic narrow has 1"),
        "{refused}"
    );
}
