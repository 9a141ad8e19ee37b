//! Windows of real recordings equal those computed with NumPy from the same files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::stage::{DATA, ROWS, Stage};
use crate::truth::{self, Reasons, int, text};

/// Sensor and second.
type Key = (String, i64);

/// A window as the reference has it.
#[derive(Clone, Copy, Debug)]
struct Window {
    records: u64,
    min: f64,
    max: f64,
    mean: f64,
}

impl Window {
    /// Equal counts, and numbers equal to 2e-5, relative or absolute.
    fn is_like(&self, other: &Window) -> bool {
        let close = |a: f64, b: f64| (a - b).abs() <= 2e-5 * b.abs().max(1.0);
        self.records == other.records
            && close(self.min, other.min)
            && close(self.max, other.max)
            && close(self.mean, other.mean)
    }
}

fn slice() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/openeew-2020")
}

/// Imports all recordings of a folder with the command that a user would type.
fn import(stage: &Stage, folder: &Path) -> Value {
    let locations = folder.join("devices_locations.csv");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.extension().is_some_and(|ext| ext == "gz"));
    let files: Vec<_> = files.map(|path| path.to_str().unwrap().to_owned()).collect();
    let mut args = vec!["import", "openeew", "--json", "--locations", locations.to_str().unwrap()];
    args.extend(files.iter().map(String::as_str));
    stage.json(&args)
}

/// A job that drained the recordings of a folder, with further options.
fn drained(folder: &Path, options: &[&str], dead: &Reasons) -> Stage {
    let stage = Stage::new();
    let summary = import(&stage, folder);
    let job = ["run", "--lateness-ms", "20000", "--drain", "--sink", "csv:csv"];
    stage.ok(&[&job[..], options].concat());
    assert_eq!(stage.status()["read"], summary["published"]);
    // One feed repeats three messages. The reference has each once, and so has the import.
    assert_eq!((int(&summary, "recognised"), int(&summary, "repeated")), (0, 3));
    assert_eq!(truth::check(&stage), *dead, "all others are counted");
    truth::check_csv(&stage, "csv");
    stage.verify(&["csv"]);
    stage
}

fn reference(folder: &Path) -> BTreeMap<Key, Window> {
    let file = folder.join("openeew_2020_7.4.windows.csv");
    let row = |row: csv::StringRecord| {
        let number = |i: usize| row[i].parse::<f64>().unwrap();
        let (min, max, mean) = (number(3), number(4), number(5));
        let records = row[2].parse().unwrap();
        ((row[0].to_owned(), row[1].parse().unwrap()), Window { records, min, max, mean })
    };
    let mut reader = csv::Reader::from_path(file).unwrap();
    reader.records().map(|record| row(record.unwrap())).collect()
}

fn found(stage: &Stage) -> BTreeMap<Key, Window> {
    let rows = stage.read(ROWS);
    let window = |row: &Value| {
        let number = |field: &str| row[field].as_f64().unwrap();
        let records = int(row, "record_count");
        let (min, max) = (number("min_amplitude"), number("max_amplitude"));
        let second = row["window_start_ts"].as_i64().unwrap() / 1_000;
        let mean = number("mean_amplitude");
        ((text(row, "sensor_id"), second), Window { records, min, max, mean })
    };
    rows.iter().map(|row| window(&row["value"])).collect()
}

/// Compares every window of the reference.
fn compare(found: &BTreeMap<Key, Window>, reference: &BTreeMap<Key, Window>) {
    for (key, expected) in reference {
        let found = &found[key];
        assert!(found.is_like(expected), "{key:?}: {found:?}, not {expected:?}");
    }
}

#[test]
fn windows_of_the_slice_in_this_repository_are_those_of_the_reference() {
    let stage = drained(&slice(), &[], &Reasons::new());
    compare(&found(&stage), &reference(&slice()));
}

#[test]
fn windows_of_the_whole_recording_are_those_of_the_reference() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/openeew-2020");
    if !folder.is_dir() {
        let file = "../shared/data/openeew-2020 next to this checkout";
        eprintln!(
            "\n!!! SKIPPED: the whole OpenEEW recording is not at hand; put it at {file} !!!\n"
        );
        return;
    }
    let stage = drained(&folder, &[], &Reasons::new());
    let (found, reference) = (found(&stage), reference(&folder));
    compare(&found, &reference);
    let keys = |windows: &BTreeMap<Key, Window>| windows.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&found), keys(&reference), "no window is missing and none is added");
}

#[test]
fn one_axis_is_published_as_the_instrument_gave_it() {
    let stage = Stage::new();
    let file = slice().join("002.jsonl.gz");
    let locations = slice().join("devices_locations.csv");
    let (file, locations) = (file.to_str().unwrap(), locations.to_str().unwrap());
    let args = ["import", "openeew", "--component", "z", "--locations", locations, file];
    let said = stage.ok(&args);
    assert!(said.contains(" records of 1 devices in "), "{said}");
    let first = &truth::records(&stage.read(DATA)[0])[0].clone();
    assert_eq!((&first["sensor_id"], &first["phase_type"]), (&"002".into(), &"N".into()));
    let gravity = first["seismic_amplitude"].as_f64().unwrap().abs();
    assert!(gravity > 0.0 && int(first, "arrival_ms") > int(first, "collect_timestamp"), "{first}");
    let refused = ["import", "openeew", "--component", "w", "--locations", locations, file];
    stage.refused(&refused, 2);
}

#[test]
fn a_repeated_import_adds_nothing() {
    let stage = Stage::new();
    let first = import(&stage, &slice());
    let before = stage.ok(&["read", DATA, "--format", "json"]);
    let again = import(&stage, &slice());
    assert_eq!((int(&first, "recognised"), &again["recognised"]), (0, &first["messages"]));
    assert_eq!(stage.ok(&["read", DATA, "--format", "json"]), before);
}

#[test]
fn a_killed_import_is_completed_by_the_next() {
    let whole = Stage::new();
    let expected = import(&whole, &slice());
    let stage = Stage::new();
    let folder = slice();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let locations = path("devices_locations.csv");
    let files = ["002.jsonl.gz", "005.jsonl.gz", "024.jsonl.gz"].map(path);
    let [a, b, c] = files.each_ref().map(String::as_str);
    stage.spawn(&["import", "openeew", "--locations", &locations, a, b, c]).kill();
    assert_eq!(import(&stage, &slice())["published"], expected["published"]);
    assert_eq!(stage.read(DATA).len(), whole.read(DATA).len());
}

#[test]
fn a_file_that_cannot_be_understood_is_named_with_its_line() {
    let stage = Stage::new();
    fs::write(stage.path("bad.jsonl"), "{}\n").unwrap();
    let locations = slice().join("devices_locations.csv");
    let args = ["import", "openeew", "--locations", locations.to_str().unwrap(), "bad.jsonl"];
    let stderr = stage.refused(&args, 1);
    assert!(stderr.contains("bad.jsonl, line 1: "), "{stderr}");
    let stderr = stage.refused(&["import", "openeew", "--locations", "none.csv", "x.gz"], 1);
    assert!(stderr.contains("none.csv") || stderr.contains("x.gz"), "{stderr}");
}

/// A CSV file with the usual header.
fn csv(stage: &Stage, name: &str, rows: &str) {
    let header = "sensor_id,collect_timestamp,seismic_amplitude,phase_type,data_quality\n";
    fs::write(stage.path(name), format!("{header}{rows}")).unwrap();
}

#[test]
fn what_an_import_took_by_default_and_which_option_helps_is_said() {
    let stage = Stage::new();
    fs::write(
        stage.path("a.csv"),
        "sensor_id,collect_timestamp,seismic_amplitude\nA,1600000000000,1.0\n",
    )
    .unwrap();
    let said = stage.ok(&["import", "csv", "a.csv"]);
    assert!(said.contains("1 records have no data_quality: 1 was assumed"), "{said}");
    csv(&stage, "s.csv", "A,1600000000,1.0,N,1\n");
    let refused = stage.refused(&["import", "csv", "s.csv"], 1);
    assert!(refused.contains("s.csv, line 2: ") && refused.contains("--time-unit s"), "{refused}");
    stage.ok(&["import", "csv", "--time-unit", "s", "s.csv"]);
    fs::write(stage.path("f.csv"), "station;time\nA;1\n").unwrap();
    let refused = stage.refused(&["import", "csv", "f.csv"], 1);
    assert!(refused.contains("parted by ;") && refused.contains("--delimiter ';'"), "{refused}");
    let unknown = ["import", "csv", "--set", "quality=1", "a.csv"];
    assert!(stage.refused(&unknown, 2).contains("there is no field \"quality\""));
}

#[test]
fn files_in_any_order_give_whole_windows_and_a_grown_one_goes_on() {
    let stage = Stage::new();
    let rows = |times: std::ops::Range<i64>| -> String {
        times.map(|i| format!("A,{},1.0,N,1\n", 1_600_000_000_000 + i * 100)).collect()
    };
    csv(&stage, "rec10.csv", &rows(200..300));
    csv(&stage, "rec2.csv", &rows(100..200));
    csv(&stage, "rec1.csv", &rows(0..100));
    stage.ok(&["import", "csv", "rec10.csv", "rec1.csv", "rec2.csv"]);
    csv(&stage, "rec10.csv", &rows(200..310));
    let said = stage.ok(&["import", "csv", "rec10.csv"]);
    assert!(said.contains("100 of the messages were there already"), "{said}");
    stage.ok(&["run", "--quiet", "--drain"]);
    let windows = stage.read(ROWS);
    assert!(windows.iter().all(|row| int(&row["value"], "record_count") == 10));
    assert_eq!((windows.len(), int(&stage.status(), "late")), (31, 0));
}
