//! `seismic read`: every message, in exactly the documented form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::stage::{DATA, DEAD, ROWS, Stage, parse, wait_until};
use crate::truth::{COLUMNS, int};

const RECORD: [&str; 11] = [
    "sensor_id",
    "collect_timestamp",
    "longitude",
    "latitude",
    "depth",
    "seismic_amplitude",
    "frequency",
    "phase_type",
    "data_quality",
    "network_status",
    "arrival_ms",
];
const LETTER: [&str; 9] = [
    "reason",
    "input_topic",
    "input_partition",
    "input_offset",
    "index",
    "append_ms",
    "bytes",
    "original_len",
    "sha256",
];

/// Names of the fields of a line of JSON, in the order in which they stand there.
fn names(line: &str) -> Vec<&str> {
    let parts: Vec<_> = line.split('"').collect();
    (1..parts.len() - 1)
        .step_by(2)
        .filter(|&i| parts[i + 1].starts_with(':'))
        .map(|i| parts[i])
        .collect()
}

fn line_of(fields: &[&'static str]) -> Vec<&'static str> {
    [&["partition", "offset", "append_ms", "key", "value"], fields].concat()
}

/// A drained job with every kind of anomaly.
fn stage() -> Stage {
    let options = ["--anomaly-percent", "50", "--seed", "3", "--start", "2020-06-23T15:29:00Z"];
    let stage = Stage::with_records(&options);
    stage.ok(&["run", "--until-caught-up"]);
    stage.ok(&["run", "--drain"]);
    stage
}

#[test]
fn records_have_every_field_and_words_for_what_json_cannot_say() {
    let stage = stage();
    let text = stage.ok(&["read", DATA, "--format", "json"]);
    let (mut unparseable, mut words) = (0, std::collections::BTreeSet::new());
    for (line, value) in text.lines().zip(parse(&text)) {
        if value["value"].is_null() {
            assert_eq!(names(line), line_of(&["bytes"]));
            STANDARD.decode(value["bytes"].as_str().unwrap()).unwrap();
            unparseable += 1;
            continue;
        }
        assert_eq!(names(line), line_of(&RECORD));
        assert!(value["value"]["collect_timestamp"].is_i64(), "64 bits are a number");
        if let Some(word) = value["value"]["seismic_amplitude"].as_str() {
            words.insert(word.to_owned());
        }
    }
    assert!(unparseable > 0);
    assert!(words.contains("NaN") && words.contains("Infinity"), "{words:?}");
    assert!(words.iter().all(|word| ["NaN", "Infinity", "-Infinity"].contains(&&**word)));
    let empty = r#""key":"","value":{"sensor_id":"","collect_timestamp":0,"longitude":0.0,"latitude":0.0,"depth":0,"seismic_amplitude":0.0,"frequency":0,"phase_type":"","data_quality":0,"network_status":0,"arrival_ms":0}}"#;
    let key_is_free = empty.split_once("\"value\"").unwrap().1;
    assert!(text.contains(key_is_free), "zeros are written: an empty message");
}

#[test]
fn rows_have_every_field_and_a_word_for_what_closed_them() {
    let stage = stage();
    let text = stage.ok(&["read", ROWS, "--format", "json"]);
    let mut words = std::collections::BTreeSet::new();
    for (line, value) in text.lines().zip(parse(&text)) {
        assert_eq!(names(line), line_of(&COLUMNS));
        assert_eq!(value["key"], value["value"]["sensor_id"]);
        assert_eq!(value["partition"], value["value"]["input_partition"]);
        words.insert(value["value"]["closed_by"].as_str().unwrap().to_owned());
    }
    assert_eq!(words, ["end", "time"].map(str::to_owned).into());
}

#[test]
fn dead_letters_have_every_field_and_hold_the_bytes_that_were_read() {
    let stage = stage();
    let text = stage.ok(&["read", DEAD, "--format", "json"]);
    let messages = stage.read(DATA);
    let mut unparseable = 0;
    for (line, letter) in text.lines().zip(parse(&text)) {
        assert_eq!(names(line), line_of(&LETTER));
        let letter = &letter["value"];
        assert_eq!((&letter["input_topic"], &letter["index"]), (&DATA.into(), &0.into()));
        assert_eq!(letter["sha256"].as_str().unwrap().len(), 64);
        let bytes = STANDARD.decode(letter["bytes"].as_str().unwrap()).unwrap();
        assert_eq!(int(letter, "original_len"), bytes.len() as u64);
        let is_it = |message: &&Value| {
            message["partition"] == letter["input_partition"]
                && message["offset"] == letter["input_offset"]
        };
        let message = messages.iter().find(is_it).unwrap();
        assert_eq!(letter["append_ms"], message["append_ms"]);
        assert_eq!(letter["reason"] == "unparseable", message["value"].is_null());
        if message["value"].is_null() {
            assert_eq!(letter["bytes"], message["bytes"]);
            unparseable += 1;
        }
    }
    assert!(unparseable > 0);
}

#[test]
fn packed_messages_list_their_records() {
    let stage = Stage::with_records(&["--pack", "3", "--anomaly-percent", "0", "--sensors", "3"]);
    let text = stage.ok(&["read", DATA, "--format", "json", "--max", "1"]);
    let records = ["records"].into_iter().chain(RECORD.into_iter().cycle().take(33));
    assert_eq!(names(&text), line_of(&records.collect::<Vec<_>>()));
}

#[test]
fn partition_from_and_max_choose_what_is_printed() {
    let stage = Stage::with_records(&["--records", "1000"]);
    let all = stage.read(DATA);
    let read = |options: &str| {
        let mut args = vec!["read", DATA, "--format", "json"];
        args.extend(options.split_whitespace());
        parse(&stage.ok(&args))
    };
    let of_partition = |n: u64, from: u64| -> Vec<Value> {
        let is_it = |line: &&Value| int(line, "partition") == n && int(line, "offset") >= from;
        all.iter().filter(is_it).cloned().collect()
    };
    assert_eq!(read("--partition 1"), of_partition(1, 0));
    assert_eq!(read("--partition 1 --from 10"), of_partition(1, 10));
    assert_eq!(read("--partition 1 --from 10 --max 3"), of_partition(1, 10)[..3]);
    assert_eq!(read("--max 7"), all[..7]);
    assert_eq!(read("--max 0"), Vec::<Value>::new());
    assert_eq!(read("--from latest"), Vec::<Value>::new());
    assert_eq!(read("--from 1970-01-01T00:00:01Z"), all);
    assert_eq!(read("--from 2150-01-01T00:00:00Z"), Vec::<Value>::new());
    assert_eq!(read("--from 1000000"), Vec::<Value>::new());

    // The second of two runs, by the time of its first message.
    stage.generate(&["--records", "250"]);
    let newer = &read("")[..];
    let newer: Vec<_> = newer.iter().filter(|line| !all.contains(line)).cloned().collect();
    let first = newer.iter().map(|line| line["append_ms"].as_i64().unwrap()).min().unwrap();
    let first = jiff::Timestamp::from_millisecond(first).unwrap().to_string();
    assert_eq!(read(&format!("--from {first}")), newer);
}

#[test]
fn a_topic_is_looked_for_in_the_store_and_then_in_the_queue() {
    let stage = Stage::with_records(&["--records", "1000"]);
    // A topic of the queue that has the name of the store's.
    stage.generate(&["--records", "10", "--topic", ROWS]);
    assert_eq!(stage.read(ROWS).len(), 10, "there is no store yet");
    stage.ok(&["run", "--drain"]);
    let rows = stage.read(ROWS);
    assert!(rows.iter().all(|row| row["value"]["record_count"].is_u64()));
    let read = |place| stage.ok(&["read", ROWS, "--in", place, "--format", "json"]);
    assert_eq!(parse(&read("home")), rows);
    assert_eq!(parse(&read("queue")).len(), 10);
    let stderr = stage.refused(&["read", DATA, "--in", "home"], 2);
    assert!(stderr.contains("the store has the topics"), "{stderr}");
}

#[test]
fn follow_prints_what_is_there_and_what_comes_each_once() {
    let stage = Stage::with_records(&["--records", "500"]);
    let reader = stage.spawn(&["read", DATA, "--follow", "--format", "json"]);
    wait_until("what is there", || reader.stdout().lines().count() == 500);
    stage.generate(&["--records", "250"]);
    wait_until("what comes", || reader.stdout().lines().count() >= 750);
    let followed = reader.stop(rustix::process::Signal::TERM).ok().stdout;
    let later = stage.ok(&["read", DATA, "--format", "json"]);
    assert_eq!(crate::stage::sorted(&followed), crate::stage::sorted(&later));

    let max = ["read", DATA, "--follow", "--max", "10", "--format", "json"];
    assert_eq!(stage.ok(&max).lines().count(), 10, "it ends by itself");
}

#[test]
fn text_is_one_line_a_message() {
    let stage = Stage::with_records(&["--records", "1000", "--anomaly-percent", "20"]);
    stage.ok(&["run", "--drain"]);
    for topic in [DATA, ROWS, DEAD] {
        let text = stage.ok(&["read", topic]);
        assert_eq!(text.lines().count(), stage.read(topic).len(), "{topic}");
    }
    assert!(stage.ok(&["read", ROWS]).contains(" closed by end at "));
}

#[test]
fn rows_and_records_are_selected_by_event_time() {
    let options = ["--seed", "3", "--start", "2020-06-23T15:29:00Z", "--anomaly-percent", "0"];
    let stage = Stage::with_records(&options);
    stage.ok(&["run", "--drain", "--quiet"]);
    let range = ["--event-from", "2020-06-23T15:29:02Z", "--event-to", "2020-06-23T15:29:04Z"];
    let from_ms = 1_592_926_142_000;
    for (topic, time) in [(ROWS, "window_start_ts"), (DATA, "collect_timestamp")] {
        let within = |line: &Value| {
            line["value"][time].as_i64().is_some_and(|ms| (from_ms..from_ms + 2_000).contains(&ms))
        };
        let expected: Vec<_> = stage.read(topic).into_iter().filter(within).collect();
        let selected = stage.ok(&[&["read", topic, "--format", "json"], &range[..]].concat());
        assert!(!expected.is_empty());
        assert_eq!(parse(&selected), expected, "{topic}");
    }
    let refusal = stage.refused(&[&["read", DEAD], &range[..]].concat(), 2);
    assert!(refusal.contains("append time with --from"), "{refusal}");
}

#[test]
fn where_to_start_may_be_counted_back_from_now() {
    let stage = Stage::with_records(&[]);
    let all = stage.ok(&["read", DATA]);
    assert_eq!(stage.ok(&["read", DATA, "--from", "now-1h"]), all);
    stage.ok(&["run", "--from", "now-1h", "--drain", "--quiet"]);
    assert_eq!(int(&stage.status(), "read"), 3_000);
    stage.verify(&[]);
}

#[test]
fn ids_of_any_script_are_shown_as_they_are() {
    let stage = Stage::new();
    let lines = "sensor_id,collect_timestamp,seismic_amplitude\n\
        БАК01,1767225600000,1.0\n東京,1767225600000,2.0\n";
    std::fs::write(stage.path("x.csv"), lines).unwrap();
    stage.ok(&["import", "csv", "x.csv"]);
    let console = stage.ok(&["run", "--drain", "--sink", "console"]);
    for shown in [console, stage.ok(&["read", DATA]), stage.ok(&["status", "--sensors"])] {
        assert!(shown.contains("БАК01") && shown.contains("東京"), "{shown}");
    }
}
