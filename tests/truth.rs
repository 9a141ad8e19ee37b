//! Invariants of every job, computed independently from the output of `read`, without any code of
//! the program.
//!
//! Every record is in exactly one place: named by one dead letter, or counted in the one row of its
//! sensor and second. Minimum, maximum, ends and phases of a row are those of its records, and its
//! other numbers agree with each other. Each test defines which records must be dead letters.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use crate::findings::{Findings, compare};
use crate::stage::{DEAD, ROWS, Stage, csv_files, parse};

/// Columns of the CSV files, which are the fields of a row.
pub const COLUMNS: [&str; 29] = [
    "sensor_id",
    "window_start_ts",
    "window_end_ts",
    "avg_amplitude",
    "max_amplitude",
    "min_amplitude",
    "p_phase_count",
    "s_phase_count",
    "n_phase_count",
    "record_count",
    "mean_amplitude",
    "rms_amplitude",
    "first_sample_ts",
    "last_sample_ts",
    "closed_by",
    "input_partition",
    "closing_offset",
    "rsam",
    "std_amplitude",
    "peak_to_peak",
    "first_amplitude",
    "last_amplitude",
    "sample_interval_ms",
    "gap_fraction",
    "pane",
    "rejected_count",
    "clipped_count",
    "repeat_count",
    "clock_era",
];

/// Columns of 32-bit and of 64-bit floats.
const FLOATS: [&str; 5] =
    ["avg_amplitude", "max_amplitude", "min_amplitude", "first_amplitude", "last_amplitude"];
const DOUBLES: [&str; 7] = [
    "mean_amplitude",
    "rms_amplitude",
    "rsam",
    "std_amplitude",
    "peak_to_peak",
    "sample_interval_ms",
    "gap_fraction",
];

/// Partition, offset and index: the name of a record.
type Name = (u64, u64, u64);
/// Sensor and start of the window.
type Key = (String, i64);

/// Records by reason of their dead letters.
pub type Reasons = BTreeMap<String, u64>;

/// How far each topic reaches, by partition.
#[derive(Default)]
pub struct Ends {
    pub data: BTreeMap<u64, u64>,
    pub rows: BTreeMap<u64, u64>,
    pub dead: BTreeMap<u64, u64>,
}

#[derive(Debug, PartialEq)]
struct Window {
    records: u64,
    /// Amplitude at the first and the last time; of several, the first and the last in the log.
    ends: (f64, f64),
    min: f64,
    max: f64,
    p: u64,
    s: u64,
    n: u64,
    first: i64,
    last: i64,
}

/// Checks a job of windows of 1 s that was drained. Returns how many dead letters there are by
/// reason.
pub fn check(stage: &Stage) -> Reasons {
    let findings = look(stage, 1_000);
    findings.must_be_none();
    findings.reasons
}

/// What is wrong with a job of windows of that many ms that was drained.
pub fn look(stage: &Stage, window_ms: i64) -> Findings {
    look_since(stage, window_ms, &Ends::default())
}

/// The same of what came after a moment at which the log was drained.
pub fn look_since(stage: &Stage, window_ms: i64, ends: &Ends) -> Findings {
    let since = |topic: &str, ends: &BTreeMap<u64, u64>| -> Vec<Value> {
        let mut lines = stage.read(topic);
        let end = |line: &Value| ends.get(&int(line, "partition")).copied().unwrap_or(0);
        lines.retain(|line| int(line, "offset") >= end(line));
        lines
    };
    let (dead, data) = (since(DEAD, &ends.dead), since(&stage.data, &ends.data));
    find([&dead, &data, &since(ROWS, &ends.rows)], window_ms)
}

/// The same of what was appended from a moment on at which the log was drained.
pub fn look_from(stage: &Stage, window_ms: i64, moment: &str) -> Findings {
    let read =
        |topic: &str| parse(&stage.ok(&["read", topic, "--format", "json", "--from", moment]));
    find([&read(DEAD), &read(&stage.data), &read(ROWS)], window_ms)
}

/// What is wrong with these dead letters, records and rows.
fn find([dead, data, made]: [&[Value]; 3], window_ms: i64) -> Findings {
    let mut findings = Findings::default();
    let dead = dead_letters(dead, &mut findings);
    let expected = windows(data, dead, window_ms, &mut findings);
    let mut rows = rows(made, window_ms, &mut findings);
    for (key, window) in &expected {
        match rows.remove(key) {
            Some(row) if row == *window => {}
            row => findings.add(1, 0, &format!("{key:?} is {row:?} and should be {window:?}")),
        }
    }
    rows.keys().for_each(|key| findings.add(0, 1, &format!("{key:?} has no records")));
    findings
}

fn dead_letters(lines: &[Value], findings: &mut Findings) -> BTreeMap<Name, String> {
    let mut dead = BTreeMap::new();
    for letter in lines.iter().map(|line| &line["value"]) {
        let name = (int(letter, "input_partition"), int(letter, "input_offset"));
        let name = (name.0, name.1, int(letter, "index"));
        let reason = letter["reason"].as_str().unwrap().to_owned();
        *findings.reasons.entry(reason.clone()).or_default() += 1;
        if dead.insert(name, reason).is_some() {
            findings.add(0, 1, &format!("two dead letters for {name:?}"));
        }
    }
    dead
}

/// The windows of all records that have no dead letter.
fn windows(
    lines: &[Value],
    mut dead: BTreeMap<Name, String>,
    window_ms: i64,
    findings: &mut Findings,
) -> BTreeMap<Key, Window> {
    let mut windows: BTreeMap<Key, Window> = BTreeMap::new();
    for line in lines {
        let (partition, offset) = (int(line, "partition"), int(line, "offset"));
        for (index, record) in records(line).into_iter().enumerate() {
            if dead.remove(&(partition, offset, index as u64)).is_some() {
                continue;
            }
            let time = record["collect_timestamp"].as_i64().unwrap();
            let amplitude = record["seismic_amplitude"].as_f64().unwrap();
            let key = (text(record, "sensor_id"), time.div_euclid(window_ms) * window_ms);
            let (p, s, n, first, last) = (0, 0, 0, time, time);
            let (min, max, ends) = (amplitude, amplitude, (amplitude, amplitude));
            let none = Window { records: 0, ends, min, max, p, s, n, first, last };
            let window = windows.entry(key).or_insert(none);
            window.records += 1;
            if time < window.first {
                window.ends.0 = amplitude;
            }
            if time >= window.last {
                window.ends.1 = amplitude;
            }
            window.min = window.min.min(amplitude);
            window.max = window.max.max(amplitude);
            window.first = window.first.min(time);
            window.last = window.last.max(time);
            match record["phase_type"].as_str().unwrap() {
                "P" => window.p += 1,
                "S" => window.s += 1,
                "N" => window.n += 1,
                other => panic!("a record of phase {other:?} is no dead letter"),
            }
        }
    }
    dead.keys()
        .for_each(|name| findings.add(0, 1, &format!("a dead letter of no record {name:?}")));
    windows
}

/// The records of a message; an unparseable message is one record without fields.
pub fn records(line: &Value) -> Vec<&Value> {
    match line["value"]["records"].as_array() {
        Some(records) => records.iter().collect(),
        None => vec![&line["value"]],
    }
}

fn rows(lines: &[Value], window_ms: i64, findings: &mut Findings) -> BTreeMap<Key, Window> {
    let mut rows = BTreeMap::new();
    for row in lines.iter().map(|line| &line["value"]) {
        let key = (text(row, "sensor_id"), row["window_start_ts"].as_i64().unwrap());
        assert_eq!(row["window_end_ts"], key.1 + window_ms);
        let window = Window {
            records: int(row, "record_count"),
            ends: (number(row, "first_amplitude"), number(row, "last_amplitude")),
            min: row["min_amplitude"].as_f64().unwrap(),
            max: row["max_amplitude"].as_f64().unwrap(),
            p: int(row, "p_phase_count"),
            s: int(row, "s_phase_count"),
            n: int(row, "n_phase_count"),
            first: row["first_sample_ts"].as_i64().unwrap(),
            last: row["last_sample_ts"].as_i64().unwrap(),
        };
        check_spread(row);
        if rows.insert(key.clone(), window).is_some() {
            findings.add(0, 1, &format!("two rows for {key:?}"));
        }
    }
    rows
}

/// What must be true between the numbers of a row, whatever its records are.
fn check_spread(row: &Value) {
    let field = |name| number(row, name);
    let (mean, rms, deviation) =
        (field("mean_amplitude"), field("rms_amplitude"), field("std_amplitude"));
    assert!((mean * mean + deviation * deviation - rms * rms).abs() <= 1e-9 * rms * rms, "{row}");
    assert!(mean.abs() <= field("rsam") * 1.000_000_1, "{row}");
    assert!(field("rsam") <= rms * 1.000_000_1, "{row}");
    let range = field("max_amplitude") as f32 as f64 - field("min_amplitude") as f32 as f64;
    assert_eq!(field("peak_to_peak"), range, "{row}");
    let (interval_ms, records) = (field("sample_interval_ms"), field("record_count"));
    let window_ms = field("window_end_ts") - field("window_start_ts");
    let gap = (window_ms - records * interval_ms).max(0.0) / window_ms;
    assert_eq!(field("gap_fraction"), if interval_ms > 0.0 { gap } else { 0.0 }, "{row}");
}

/// Checks that a CSV folder holds every row of the result topic once, and nothing else.
pub fn check_csv(stage: &Stage, folder: &str) {
    assert_eq!(difference_of_csv(stage, folder), (0, 0), "lost and doubled");
}

/// Rows of the result topic that a CSV folder does not have, and rows that it should not have.
pub fn difference_of_csv(stage: &Stage, folder: &str) -> (u64, u64) {
    let in_topic: Vec<_> = stage.read(ROWS).iter().map(|line| cells(&line["value"])).collect();
    compare(&in_topic, &csv_rows(stage, folder))
}

/// Rows of the result topic that a topic of RocketMQ does not have for those who read it by the
/// rule, and rows that it should not have. Each partition's must be in order.
pub fn difference_of_topic(stage: &Stage, topic: &str) -> (u64, u64) {
    compare(&values(&stage.read(ROWS)), &rows_by_the_rule(stage, topic))
}

/// What one who reads a topic of RocketMQ by the rule gets and the result topic does not have.
pub fn rows_by_the_rule_not_in_the_topic(stage: &Stage, topic: &str) -> Vec<String> {
    let mut rows = rows_by_the_rule(stage, topic);
    let in_topic: BTreeSet<_> = values(&stage.read(ROWS)).into_iter().collect();
    rows.retain(|row| !in_topic.contains(row));
    rows
}

fn rows_by_the_rule(stage: &Stage, topic: &str) -> Vec<String> {
    // There is none before the sink's first word.
    let done = stage.run(&["read", topic, "--in", "queue", "--format", "json"]);
    values(&parse(&done.stdout))
}

/// Place among the rows of its partition, and content.
fn values(rows: &[Value]) -> Vec<String> {
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    let named = rows.iter().map(|row| {
        let partition = int(row, "partition");
        let place = counts.entry(partition).and_modify(|count| *count += 1).or_default();
        format!("{partition} {place} {}", row["value"])
    });
    named.collect()
}

/// Rows of a CSV folder that the result topic does not have. A last line that a kill has cut short
/// does not count: the next run takes it away.
pub fn csv_rows_not_in_the_topic(stage: &Stage, folder: &str) -> Vec<Vec<String>> {
    let mut rows = csv_rows(stage, folder);
    let in_topic: BTreeSet<_> = stage.read(ROWS).iter().map(|line| cells(&line["value"])).collect();
    rows.retain(|row| !in_topic.contains(row));
    rows
}

/// All rows of a CSV folder; every file must begin with the header.
pub fn csv_rows(stage: &Stage, folder: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    if !stage.path(folder).is_dir() {
        return rows;
    }
    for file in csv_files(&stage.path(folder)) {
        let text = fs::read_to_string(file).unwrap();
        let whole_lines = text.rfind("\r\n").map_or(0, |end| end + 2);
        let mut reader = csv::Reader::from_reader(&text.as_bytes()[..whole_lines]);
        assert_eq!(reader.headers().unwrap(), COLUMNS.as_slice());
        for record in reader.records() {
            let record = record.unwrap();
            let cell = |(column, cell): (&&str, &str)| match FLOATS.contains(column)
                || DOUBLES.contains(column)
            {
                true => normal(column, &serde_json::from_str(cell).unwrap()),
                false => cell.to_owned(),
            };
            rows.push(COLUMNS.iter().zip(&record).map(cell).collect());
        }
    }
    rows
}

/// The fields of a row in the order of the columns.
fn cells(row: &Value) -> Vec<String> {
    COLUMNS.into_iter().map(|column| normal(column, &row[column])).collect()
}

/// Floats as their bits: half-way between two shortest forms, JSON may choose the one and CSV the
/// other.
fn normal(column: &str, value: &Value) -> String {
    match (column, value) {
        (column, _) if FLOATS.contains(&column) => {
            format!("{:08x}", (value.as_f64().unwrap() as f32).to_bits())
        }
        (column, _) if DOUBLES.contains(&column) => {
            format!("{:016x}", value.as_f64().unwrap().to_bits())
        }
        (_, Value::String(text)) => text.clone(),
        (_, other) => other.to_string(),
    }
}

fn number(value: &Value, field: &str) -> f64 {
    value[field].as_f64().unwrap_or_else(|| panic!("{field} in {value}"))
}

pub fn int(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or_else(|| panic!("{field} in {value}"))
}

pub fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{field} in {value}")).to_owned()
}
