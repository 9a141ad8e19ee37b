//! `kill -9` of jobs whose statement looks at windows, while some are open: each window once, and whole.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use seismic_brokers::Kafka;
use serde_json::Value;

use crate::faults::dice::Dice;
use crate::faults::line::Line;
use crate::faults::trial::Trial;
use crate::stage::{Running, Stage, let_it_work, wait_until};

/// How long a worker may take to hand over what it has.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// Counts and peaks of ten seconds of sensors, which are closed by their clocks alone.
const COUNTS: &str = r#"group = "counts"
dead_topic = "counts-dead"
window = "10s"
lateness = "3s"
idle_timeout = "0ms"
sql = """
select sensor, window_start, count(*) as n, max(value) as peak from readings group by sensor, window_start
"""

[input]
name = "readings"
topic = "readings"
columns = { sensor = "text", at = "int", value = "int" }
key = "sensor"
time = { column = "at", format = "s" }

[output]
topic = "counted"
key = "sensor"
columns = { sensor = "text", window_start = "int", n = "int", peak = "int" }
"#;

/// A row for each sensor and window, as text.
fn counted(stage: &Stage) -> Vec<String> {
    // There is nothing to read before it has begun.
    let read = stage.run(&["read", "counted", "--group", "counts", "--format", "json"]);
    let lines = read.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let one = |line: Value| {
        let row = &line["value"];
        let sensor = row["sensor"].as_str().unwrap();
        format!("{sensor} {} {} {}", row["window_start"], row["n"], row["peak"])
    };
    let mut all: Vec<_> = lines.map(one).collect();
    all.sort();
    all
}

/// Lines of a round, and what they are in each window: how many, and the largest value.
fn lines(round: i64, into: &mut BTreeMap<(String, i64), (u64, i64)>) -> String {
    let mut lines = String::new();
    for i in round * 200..(round + 1) * 200 {
        let (sensor, at, value) = (format!("S{}", i % 7), 1_600_000_000 + i, i * 31 % 97);
        // Out of order, and never late.
        let at = if i % 5 == 0 { at - 2 } else { at };
        let of = into.entry((sensor.clone(), at / 10 * 10_000)).or_default();
        *of = (of.0 + 1, of.1.max(value));
        lines += &format!("{{\"sensor\":\"{sensor}\",\"at\":{at},\"value\":{value}}}\n");
    }
    lines
}

/// Kills a job again and again at random times under load: on Kafka, one of two workers.
pub fn kills(kafka: Option<&Kafka>) {
    let mut stage = Stage::new();
    let place = |kafka: &Kafka| ["--queue".to_owned(), format!("kafka://{}", kafka.address())];
    stage.place = kafka.map(place).into_iter().flatten().collect();
    fs::write(stage.path("counts.toml"), COUNTS).unwrap();
    stage.ok(&["topic", "create", "readings", "--partitions", "4"]);
    let what = "kill -9 of a job of windows while some are open, at random times under load";
    let mut line = Line::new(1, what);
    if kafka.is_some() {
        let what = "kill -9 of one of two workers of a job of windows while some are open, at random \
                    times under load";
        line = Line { place: "Kafka", ..Line::new(1, what) };
    }
    let worker = |slot: &str| -> Running {
        let run = ["run", "--job", "counts.toml", "--checkpoint-interval", "200ms", "--quiet"];
        let of_group = ["--slots", "1", "--slot", slot];
        let more = if kafka.is_some() { &of_group[..] } else { &[] };
        stage.spawn(&[&run[..], more].concat())
    };
    let read = || {
        let done = stage.run(&["status", "--json", "--group", "counts"]);
        let status: Value = serde_json::from_str(&done.stdout).unwrap_or_default();
        status["read"].as_u64().unwrap_or(0)
    };
    let other = kafka.map(|_| worker("b"));
    let mut job = worker("a");
    let (mut dice, mut expected, mut sent) = (Dice::new(), BTreeMap::new(), 0);
    for round in 0..Trial::rounds(6) {
        fs::write(stage.path("lines.jsonl"), lines(round as i64, &mut expected)).unwrap();
        stage.ok(&["topic", "append", "readings", "lines.jsonl", "--key", "sensor"]);
        sent += 200;
        let_it_work(Duration::from_millis(dice.draw(5..1_500)));
        let before = read();
        job.kill();
        let killed = Instant::now();
        job = worker("a");
        line.tries += 1;
        wait_until("more records are read", || {
            (before + 1..=sent).contains(&read()) || read() == sent
        });
        line.back.push(killed.elapsed());
    }
    wait_until("all records are read", || read() == sent);
    for worker in other.into_iter().chain([job]) {
        worker.stop_within(Signal::TERM, STOP_LIMIT).ok();
    }
    stage.ok(&["run", "--job", "counts.toml", "--drain", "--quiet"]);
    let of = |((sensor, start), (n, peak)): (&(String, i64), &(u64, i64))| {
        format!("{sensor} {start} {n} {peak}")
    };
    let mut found = counted(&stage);
    for row in expected.iter().map(of) {
        match found.iter().position(|it| *it == row) {
            Some(place) => drop(found.swap_remove(place)),
            None => line.lost += 1,
        }
    }
    line.doubled = found.len() as u64;
    line.print();
    assert_eq!((line.lost, line.doubled), (0, 0), "{found:?}");
    let proof = stage.ok(&["verify", "--complete", "--group", "counts"]);
    assert!(proof.starts_with("verified: "), "{proof}");
}

#[test]
fn a_job_of_windows_that_is_killed_again_and_again_has_each_window_once_and_whole() {
    kills(None);
}
