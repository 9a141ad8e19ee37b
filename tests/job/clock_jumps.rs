//! Wrong time stamps, clocks that step, and late data, as a user meets them.

use std::fs;

use serde_json::Value;

use crate::stage::{DEAD, ROWS, Stage};
use crate::truth::{int, text};

pub const START: i64 = 1_600_000_000_000;
const HOUR: i64 = 3_600_000;

/// Imports records of a sensor at these times, and drains.
pub fn drained(times: &[i64], options: &[&str]) -> (Stage, String) {
    let stage = Stage::new();
    let mut lines = "sensor_id,collect_timestamp,longitude,latitude,seismic_amplitude,phase_type,\
                     data_quality\n"
        .to_owned();
    for (n, at) in times.iter().enumerate() {
        let amplitude = 1.5 + (n * 31 % 199) as f32 / 7.0;
        lines += &format!("S001,{at},-98.5,16.5,{amplitude},N,1\n");
    }
    fs::write(stage.path("archive.csv"), lines).unwrap();
    stage.ok(&["import", "csv", "archive.csv"]);
    let told = stage.run(&[&["run", "--quiet", "--drain"], options].concat()).ok().stderr;
    (stage, told)
}

fn values(stage: &Stage, topic: &str) -> Vec<Value> {
    stage.read(topic).into_iter().map(|line| line["value"].clone()).collect()
}

#[test]
fn one_wrong_time_stamp_in_an_archive_is_one_dead_letter_and_nothing_is_late() {
    let mut times: Vec<i64> = (0..250).map(|i| START + 40 * i).collect();
    times.insert(100, START + 50_000 * HOUR);
    let (stage, told) = drained(&times, &[]);
    assert!(told.contains("WARN") && told.contains("sensor \"S001\""), "{told}");
    assert!(told.contains("did not follow it: it is a dead letter (clock_jump)"), "{told}");
    let letters = values(&stage, DEAD);
    assert_eq!(letters.len(), 1);
    assert_eq!(text(&letters[0], "reason"), "clock_jump");
    let rows = values(&stage, ROWS);
    assert_eq!(rows.len(), 10);
    assert!(rows.iter().all(|row| int(row, "record_count") == 25 && int(row, "clock_era") == 0));
    let status = stage.ok(&["status"]);
    assert!(
        status.contains("the clock of sensor \"S001\" did not follow 1 records far ahead of it"),
        "{status}"
    );
    let by_sensor = stage.ok(&["status", "--sensors"]);
    assert!(by_sensor.contains("1 records of S001 were far ahead of its clock"), "{by_sensor}");
    stage.verify(&[]);
}

#[test]
fn without_the_rule_everything_after_it_is_late() {
    let mut times: Vec<i64> = (0..250).map(|i| START + 40 * i).collect();
    times.insert(100, START + 50_000 * HOUR);
    let (stage, _) = drained(&times, &["--max-jump-ms", "0"]);
    assert_eq!(values(&stage, DEAD).len(), 150);
    stage.verify(&[]);
}

#[test]
fn a_clock_that_is_set_back_is_followed_into_further_rows() {
    let times: Vec<i64> = (0..50).map(|i| START + 40 * i).collect();
    let back: Vec<i64> = times.iter().map(|at| at + 2_000 - HOUR).collect();
    let (stage, told) = drained(&[times, back].concat(), &[]);
    assert!(told.contains("the clock went back by 3600.0 s"), "{told}");
    assert!(values(&stage, DEAD).is_empty());
    let rows = values(&stage, ROWS);
    let said: Vec<_> = rows.iter().map(|row| (int(row, "pane"), int(row, "clock_era"))).collect();
    assert_eq!(said, [(0, 0), (0, 0), (1, 1), (2, 1)]);
    assert!(rows.iter().all(|row| int(row, "record_count") == 25), "{rows:?}");
    let status = stage.ok(&["status"]);
    assert!(status.contains("the clock of sensor \"S001\" was set back 1 times"), "{status}");
    stage.verify(&[]);
}

#[test]
fn a_backfill_after_an_outage_reaches_the_results_and_merged_rows_are_whole() {
    // An hour of one record a second, sent after the record that came once the station was back,
    // and mixed with live ones.
    let live = |i: i64| START + HOUR + 1_000 * i;
    let mut times = vec![START, live(0)];
    for i in 0..1_800 {
        times.extend([START + 1_000 * i + 100, START + 1_000 * i + 600, live(i) + 100]);
    }
    let (late, _) = drained(&times, &[]);
    assert_eq!(values(&late, DEAD).len(), 3_600);
    let (stage, _) = drained(&times, &["--allowed-lateness-ms", "7200000"]);
    assert!(values(&stage, DEAD).is_empty());
    let rows = values(&stage, ROWS);
    let first = rows.iter().filter(|row| int(row, "window_start_ts") == START as u64);
    assert_eq!(first.clone().map(|row| int(row, "record_count")).sum::<u64>(), 3);
    assert!(first.map(|row| int(row, "pane")).max() > Some(0));
    let merged = stage.ok(&["read", ROWS, "--merged", "--format", "json"]);
    let merged: Vec<Value> =
        merged.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let counts: Vec<u64> = merged.iter().map(|row| int(&row["value"], "record_count")).collect();
    assert_eq!(counts.iter().sum::<u64>(), times.len() as u64);
    let mut starts: Vec<u64> =
        merged.iter().map(|row| int(&row["value"], "window_start_ts")).collect();
    starts.sort_unstable();
    assert!(starts.is_sorted_by(|a, b| a < b), "each window is printed once");
    assert_eq!(starts.len(), 3_600);
    stage.verify(&[]);
    // The same as CSV, of the topic and of a folder, which has panes as rows of their own.
    stage.ok(&["sink", "csv:rows", "--until-caught-up"]);
    stage.verify(&["rows"]);
    let lines = |place: &str, further: &[&str]| {
        let read = stage.ok(&[&["read", place, "--format", "csv"], further].concat());
        let mut lines: Vec<String> = read.lines().map(str::to_owned).collect();
        assert!(lines.remove(0).starts_with("sensor_id,window_start_ts,"), "{place}");
        lines.sort_unstable();
        lines
    };
    let of_topic = lines(ROWS, &["--merged"]);
    assert_eq!(of_topic.len(), 3_600);
    assert_eq!(lines("csv:rows", &["--merged"]), of_topic);
    let plain = lines("csv:rows", &[]);
    assert_eq!(plain, lines(ROWS, &[]));
    assert_eq!(plain.len(), rows.len());
    for (args, says) in [
        (&["read", "csv:rows", "--follow"][..], "--follow is of topics"),
        (&["read", DEAD, "--format", "csv"], "--format csv shows rows"),
    ] {
        let refused = stage.refused(args, 2);
        assert!(refused.contains(says), "{refused}");
    }
    let refused = stage.refused(&["read", "csv:nothing"], 1);
    assert!(refused.contains("has no windows.mark"), "{refused}");
}

#[test]
fn a_record_every_two_hours_is_a_sensor_like_any_other() {
    let times: Vec<i64> = (0..12).map(|i| START + 2 * HOUR * i).collect();
    let (stage, _) = drained(&times, &[]);
    assert!(values(&stage, DEAD).is_empty());
    assert_eq!(values(&stage, ROWS).len(), 12);
    stage.verify(&[]);
}
