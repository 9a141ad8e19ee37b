//! `seismic test`: a job on recorded records, in memory; what a user sees of it, and that it is what the
//! job itself would do.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;

use serde_json::Value;

use crate::stage::{DATA, ROWS, Stage};
use crate::truth::{int, text};

/// A job file beside nothing else.
const JOB: &str = "window = '1s'\nlateness = '500ms'\nidle_timeout = '0ms'\n";

/// Two sensors for ten seconds, ten records a second, in order of time.
fn records() -> String {
    let mut csv = "station,when,value,data_quality\n".to_owned();
    for at in 0..100 {
        for sensor in ["S1", "S2"] {
            csv += &format!("{sensor},{},{}.5,1\n", 1_600_000_000.0 + f64::from(at) / 10.0, at % 7);
        }
    }
    csv
}

/// Options that say how [`records`] are to be read.
const COLUMNS: [&str; 8] = [
    "--column",
    "sensor_id=station",
    "--column",
    "collect_timestamp=when",
    "--column",
    "seismic_amplitude=value",
    "--time-unit",
    "s",
];

fn stage() -> Stage {
    let stage = Stage::new();
    fs::write(stage.path("job.toml"), JOB).unwrap();
    fs::write(stage.path("pack.csv"), records()).unwrap();
    stage
}

fn test<'a>(options: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["test", "--job", "job.toml", "--input", "pack.csv"];
    args.extend(COLUMNS);
    args.extend(options);
    args
}

fn windows(report: &Value) -> BTreeMap<(String, i64), u64> {
    let rows = report["rows"].as_array().unwrap().iter();
    let one = |row: &Value| {
        let start = row["window_start_ts"].as_i64().unwrap();
        ((text(row, "sensor_id"), start), int(row, "record_count"))
    };
    rows.map(one).collect()
}

#[test]
fn it_shows_rows_dead_letters_and_counts_and_leaves_no_files() {
    let stage = stage();
    let report = stage.json(&test(&["--json"]));
    assert_eq!(windows(&report).values().copied().collect::<Vec<_>>(), [10; 20]);
    let counts = &report["counts"];
    assert_eq!((int(counts, "read"), int(counts, "counted"), int(counts, "rows")), (200, 200, 20));
    let told = stage.ok(&test(&[]));
    assert_eq!(told.lines().filter(|line| line.starts_with("row S")).count(), 20);
    assert!(
        told.contains("read 200 records: 200 counted in 20 rows, 0 late, 0 rejected"),
        "{told}"
    );
    assert!(!stage.path("output").exists(), "nothing is opened but the input");
}

#[test]
fn it_gives_the_rows_that_the_job_itself_gives() {
    let stage =
        Stage::with_records(&["--records", "4000", "--anomaly-percent", "20", "--seed", "5"]);
    let job = "window = '1s'\nrollup = ['10s']\nidle_timeout = '0ms'\n";
    fs::write(stage.path("job.toml"), job).unwrap();
    fs::write(stage.path("pack.jsonl"), stage.ok(&["read", DATA, "--format", "json"])).unwrap();
    stage.ok(&["run", "--job", "job.toml", "--drain", "--quiet", "--sink", "csv:rows"]);
    fs::write(stage.path("rows.jsonl"), stage.ok(&["read", ROWS, "--format", "json"])).unwrap();
    let partitions = "4";
    for input in ["pack.jsonl", "topic:seismic-data-topic"] {
        let args = ["test", "--job", "job.toml", "--input", input, "--partitions", partitions];
        let told = stage.ok(&[&args[..], &["--expect", "rows.jsonl"]].concat());
        assert!(told.contains("rows are as expected"), "{input}: {told}");
        let report = stage.json(&[&args[..], &["--json"]].concat());
        let status = stage.status();
        let counts = &report["counts"];
        assert_eq!(counts["read"], status["read"], "{input}");
        assert_eq!(counts["late"], status["late"], "{input}");
        let topic = "seismic-agg-topic-10s";
        assert_eq!(report["rollups"][0]["topic"], topic);
        let of_job = stage.read(topic).len();
        assert_eq!(report["rollups"][0]["rows"].as_array().unwrap().len(), of_job);
        let letters = report["dead_letters"].as_array().unwrap().iter();
        let by_reason = letters.fold(BTreeMap::<String, u64>::new(), |mut all, letter| {
            *all.entry(text(letter, "reason")).or_default() += 1;
            all
        });
        assert!(by_reason.len() > 5, "{by_reason:?}");
        let counted: BTreeMap<String, u64> =
            serde_json::from_value(counts["dead_letters"].clone()).unwrap();
        assert_eq!(counted, by_reason);
    }
}

#[test]
fn disturbances_follow_from_the_seed() {
    let stage = stage();
    let of = |options: &[&str]| stage.json(&test(&[&["--json"], options].concat()));
    let disturbed = ["--shuffle", "2", "--duplicate", "10", "--drop", "10"];
    let [one, same, other] =
        ["7", "7", "8"].map(|seed| of(&[&disturbed[..], &["--seed", seed]].concat()));
    assert_eq!(one, same);
    assert_ne!(one["rows"], other["rows"]);
    let done = &one["disturbed"];
    let (dropped, duplicated) = (int(done, "dropped"), int(done, "duplicated"));
    assert!(dropped > 5 && duplicated > 5, "{done}");
    let counts = &one["counts"];
    assert_eq!(int(counts, "read"), 200 - dropped + duplicated);
    assert!(int(counts, "late") > 10, "2 s of disorder is more than the lateness: {counts}");
    assert_eq!(int(counts, "read"), int(counts, "counted") + int(counts, "late"));
    let all = of(&["--duplicate", "100"]);
    assert_eq!(windows(&all).values().copied().collect::<Vec<_>>(), [20; 20]);
    assert_eq!(int(&of(&["--drop", "100"])["counts"], "read"), 0);
}

#[test]
fn arrival_times_come_from_a_column_and_delays_move_them() {
    let stage = stage();
    fs::write(stage.path("job.toml"), "window = '1s'\ntime = 'ingest'\n").unwrap();
    let starts = |report: &Value, sensor: &str| {
        let all = windows(report).into_keys().filter(|(of, _)| of == sensor);
        all.map(|(_, start)| start).collect::<Vec<_>>()
    };
    let plain = stage.json(&test(&["--json"]));
    assert_eq!(starts(&plain, "S1")[0], 1_600_000_000_000);
    let late = stage.json(&test(&["--json", "--delay", "S1=60"]));
    assert_eq!(starts(&late, "S1")[0], 1_600_000_060_000);
    assert_eq!(starts(&late, "S2"), starts(&plain, "S2"));
    let csv = "sensor_id,collect_timestamp,seismic_amplitude,arrival_ms\n\
               S1,1600000000000,1,1600000500000\n";
    fs::write(stage.path("pack.csv"), csv).unwrap();
    let told = stage.json(&["test", "--job", "job.toml", "--input", "pack.csv", "--json"]);
    assert_eq!(starts(&told, "S1"), [1_600_000_500_000]);
    let refused = stage.refused(&test(&["--delay", "S9=1"]), 2);
    assert!(refused.contains("no record of the input is of this sensor"), "{refused}");
}

#[test]
fn expected_rows_are_compared_field_by_field() {
    let stage = stage();
    stage.ok(&test(&["--write-rows", "rows.csv"]));
    let told = stage.ok(&test(&["--expect", "rows.csv"]));
    assert!(told.contains("all 20 rows are as expected"), "{told}");
    let lines = "sensor_id,window_start_ts,record_count\n\
                 S1,2020-09-13T12:26:40Z,10\nS1,1600000001000,11\nS3,1600000001000,10\n";
    fs::write(stage.path("few.csv"), lines).unwrap();
    let done = stage.run(&test(&["--expect", "few.csv"]));
    assert_eq!(done.code, Some(3), "{done}");
    let told = done.stdout;
    assert!(
        told.contains("3 rows were expected and 20 are there: 1 are equal, 1 differ"),
        "{told}"
    );
    assert!(
        told.contains("differs: S1 window 2020-09-13T12:26:41.000Z (expected in line 3)"),
        "{told}"
    );
    assert!(told.contains("record_count: expected 11, found 10"), "{told}");
    assert!(told.contains("missing: S3 window"), "{told}");
    assert!(told.contains("the nearest expected row is S1"), "{told}");
    let done = stage.run(&test(&["--expect", "few.csv", "--json"]));
    assert_eq!(done.code, Some(3), "{done}");
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(
        (int(&report["expected"], "missing"), int(&report["expected"], "unexpected")),
        (1, 18)
    );
}

#[test]
fn what_is_wrong_is_told_as_by_check_and_import() {
    let stage = stage();
    fs::write(stage.path("job.toml"), "window = '1s'\nlatenes = '2s'\nslots = 0\n").unwrap();
    let checked = stage.refused(&["job", "check", "job.toml"], 2);
    assert_eq!(stage.refused(&test(&[]), 2), checked);
    assert!(checked.contains("job.toml:2: latenes"), "{checked}");
    fs::write(stage.path("job.toml"), JOB).unwrap();
    let refused = stage.refused(&["test", "--job", "job.toml", "--input", "pack.csv"], 1);
    assert!(refused.contains("--column"), "{refused}");
    assert!(stage.refused(&test(&["--drop", "101"]), 2).contains("0 to 100"));
    assert!(stage.refused(&test(&["--expect", "none.csv"]), 2).contains("none.csv"));
    fs::write(stage.path("pack.csv"), records() + "S1,soon,1,1\n").unwrap();
    let done = stage.run(&test(&[]));
    assert_eq!(done.code, Some(0), "lines that are no records are part of a test: {done}");
    assert!(done.stderr.contains("pack.csv, line 202"), "{done}");
    assert_eq!(stage.run(&test(&["--strict"])).code, Some(1));
    let both = ["test", "--input", "pack.csv", "topic:seismic-data-topic"];
    assert!(stage.refused(&both, 2).contains("a topic is read alone"));
}

#[test]
fn real_recordings_are_read_with_their_arrival_times() {
    let stage = stage();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/openeew-2020");
    let locations = folder.join("devices_locations.csv");
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let file = files.into_iter().find(|path| path.extension().is_some_and(|ext| ext == "gz"));
    let (file, locations) = (file.unwrap(), locations.to_str().unwrap().to_owned());
    let args = ["test", "--job", "job.toml", "--locations", &locations, "--json", "--input"];
    let report = stage.json(&[&args[..], &[file.to_str().unwrap()]].concat());
    let counts = &report["counts"];
    assert!(int(counts, "counted") > 1_000, "{counts}");
    assert_eq!(int(counts, "read"), int(&report["input"], "records"));
}

#[test]
fn a_test_that_is_stopped_has_not_passed() {
    let stage = stage();
    let pipe = stage.path("pipe.csv");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::write(stage.path("rows.csv"), "sensor_id\n").unwrap();
    let args = test(&["--expect", "rows.csv"]);
    let args: Vec<_> =
        args.into_iter().map(|it| if it == "pack.csv" { "pipe.csv" } else { it }).collect();
    let running = stage.spawn(&args);
    // Opened when the test reads it; its end never comes.
    let mut writer = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    writer.write_all(records().as_bytes()).unwrap();
    let done = running.stop(rustix::process::Signal::TERM);
    drop(writer);
    assert_eq!(done.code, Some(1), "{done}");
    assert!(done.stderr.contains("stopped before its end: nothing was compared"), "{done}");
}

#[test]
fn rows_with_different_fields_are_compared_by_what_each_has() {
    let stage = stage();
    stage.ok(&test(&["--write-rows", "rows.jsonl"]));
    let lines = fs::read_to_string(stage.path("rows.jsonl")).unwrap();
    let one = |(number, line): (usize, &str)| {
        let mut row: Value = serde_json::from_str(line).unwrap();
        let gone = ["window_end_ts", "record_count", "pane"][number % 3];
        row.as_object_mut().unwrap().remove(gone).unwrap();
        format!("{row}\n")
    };
    let rows: String = lines.lines().enumerate().map(one).collect();
    fs::write(stage.path("rows.jsonl"), rows).unwrap();
    let told = stage.ok(&test(&["--expect", "rows.jsonl"]));
    assert!(told.contains("all 20 rows are as expected"), "{told}");
}
