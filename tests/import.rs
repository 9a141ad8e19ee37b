//! Real recordings end as the windows that NumPy reckoned from the same files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::stage::{DATA, ROWS, Stage};
use crate::truth::{self, Reasons, int, text};

/// The sensor whose feed repeats three messages of 32 samples. The reference has each once; the
/// import publishes what the feed says, so their records are counted twice.
const REPEATS: &str = "024";
const REPEATED_RECORDS: u64 = 3 * 32;

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

/// Compares every window of the reference. Those of the repeating feed may hold more records, but
/// each of them once or twice, and of all together just the repeated ones.
fn compare(found: &BTreeMap<Key, Window>, reference: &BTreeMap<Key, Window>) {
    let mut more = 0;
    for (key, expected) in reference {
        let found = &found[key];
        if found.is_like(expected) {
            continue;
        }
        assert_eq!(key.0, REPEATS, "{key:?}: {found:?}, not {expected:?}");
        // A record that comes twice changes neither minimum nor maximum.
        let once = Window { records: expected.records, mean: expected.mean, ..*found };
        assert!(once.is_like(expected), "{key:?}: {found:?}, not {expected:?}");
        assert!((expected.records + 1..=2 * expected.records).contains(&found.records));
        more += found.records - expected.records;
    }
    assert_eq!(more, REPEATED_RECORDS, "of {REPEATS} just the repeated records come twice");
}

#[test]
fn windows_of_the_slice_in_this_repository_are_those_of_the_reference() {
    let stage = drained(&slice(), &[], &Reasons::new());
    compare(&found(&stage), &reference(&slice()));
}

#[test]
fn without_the_repeats_the_windows_of_every_sensor_are_those_of_the_reference() {
    let repeats = Reasons::from([("duplicate".to_owned(), REPEATED_RECORDS)]);
    let stage = drained(&slice(), &["--dedupe", "time"], &repeats);
    let found = found(&stage);
    for (key, expected) in reference(&slice()) {
        assert!(found[&key].is_like(&expected), "{key:?}: {:?}, not {expected:?}", found[&key]);
    }
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
