//! Programs of others on the same topics: clients in Java and Python write records and read rows.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use seismic_brokers::python_with;
use seismic_proto::Message as _;
use seismic_queue::partition_of;
use serde_json::Value;

use super::trial::Trial;
use crate::faults::publisher::record;
use crate::stage::{DATA, ROWS};
use crate::truth::{int, text};

/// The Python client that is tried.
const PYTHON_CLIENT: &str = "kafka-python==3.0.12";

const SENSORS: u32 = 50;

/// A topic as the program makes it, with some records.
fn with_topic() -> Option<Trial> {
    let trial = Trial::new()?;
    trial.stage.generate(&["--records", "1000", "--seed", "1", "--anomaly-percent", "0"]);
    Some(trial)
}

/// Has another program publish one record of each of its sensors, and counts them.
fn counted(trial: &Trial, name: &str, mut sender: Command) -> Vec<Value> {
    let line = |number| {
        let sensor = format!("{name}-{number}");
        format!("{sensor} {}\n", BASE64.encode(record(&sensor).encode_to_vec()))
    };
    let lines: String = (0..SENSORS).map(line).collect();
    let mut sender = sender.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    sender.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let sent = sender.wait_with_output().unwrap();
    let sent = String::from_utf8(sent.stdout).unwrap();
    assert_eq!(sent.lines().count(), SENSORS as usize, "{sent}");
    for line in sent.lines() {
        let (key, partition) = line.split_once(' ').unwrap();
        let ours = partition_of(key.as_bytes(), 4);
        assert_eq!(partition, ours.to_string(), "{key} lands where others put it");
    }
    trial.stage.ok(&["run", "--quiet", "--drain"]);
    assert_eq!(int(&trial.stage.status(), "read"), 1_000 + u64::from(SENSORS));
    trial.stage.verify(&[]);
    let rows = trial.stage.read(ROWS);
    let theirs = rows.iter().filter(|row| text(row, "key").starts_with(name));
    assert_eq!(theirs.count(), SENSORS as usize);
    rows
}

/// What another program has read, line by line, must be these rows, each once.
fn must_be(read: &str, rows: &[Value], line: impl Fn(u64, u64, &str) -> String) {
    let ours = |row: &Value| line(int(row, "partition"), int(row, "offset"), &text(row, "key"));
    let seen: BTreeSet<String> = read.lines().map(str::to_owned).collect();
    assert_eq!(seen, rows.iter().map(ours).collect());
    assert_eq!(read.lines().count(), rows.len(), "each once");
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn records_of_a_java_producer_are_counted_and_rows_are_read_by_a_java_consumer() {
    let Some(trial) = with_topic() else { return };
    let mut sender = trial.kafka.tool(&trial.kafka.source("SendRecords.java"));
    sender.args([&trial.kafka.address(), DATA]);
    let rows = counted(&trial, "java", sender);
    let options = "--from-beginning --timeout-ms 10000 --isolation-level read_committed \
         --property print.partition=true --property print.offset=true \
         --property print.key=true --property print.value=false --topic";
    let args: Vec<_> = options.split_whitespace().chain([ROWS]).collect();
    let read = trial.kafka.run("org.apache.kafka.tools.consumer.ConsoleConsumer", &args);
    must_be(&read, &rows, |partition, offset, key| {
        format!("Partition:{partition}\tOffset:{offset}\t{key}")
    });
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn records_of_a_python_producer_are_counted_and_rows_are_read_by_a_python_consumer() {
    let Some(python) = python_with(PYTHON_CLIENT) else { return };
    let Some(trial) = with_topic() else { return };
    let client = |what: &str, topic: &str| {
        let mut client = Command::new(&python);
        client.arg(trial.kafka.source("client.py"));
        client.args([what, &trial.kafka.address(), topic]);
        client
    };
    let rows = counted(&trial, "python", client("send", DATA));
    let read = client("read", ROWS).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let read = String::from_utf8(read.stdout).unwrap();
    must_be(&read, &rows, |partition, offset, key| format!("{partition} {offset} {key}"));
}
