//! Real data compared with a reference computed with NumPy: windows of the imported records, added
//! up plainly here, must be those of the reference.
//!
//! A slice of the data lies in the repository; the whole recording is used if it is present.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a test that skips says so")]
#![allow(clippy::unwrap_used, reason = "tests may")]

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use seismic_ingest::Error;
use seismic_ingest::files::openeew::{Component, ImportSummary, Options, import};
use seismic_proto::{Message, SeismicRecord, SeismicRecordBatch};
use seismic_queue::memory::Memory;
use seismic_queue::{Event, Offset, Queue};

/// The sensor whose feed repeats three messages of 32 samples.
const REPEATS: &str = "024";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn slice() -> PathBuf {
    root().join("tests/data/openeew-2020")
}

fn whole() -> Option<PathBuf> {
    Some(root().join("../shared/data/openeew-2020")).filter(|folder| folder.is_dir())
}

fn options(folder: &Path) -> Options {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.extension().is_some_and(|ext| ext == "gz")).collect();
    Options::new(files, folder.join("devices_locations.csv"))
}

fn run(queue: &Memory, options: &Options) -> Result<ImportSummary, Error> {
    import(queue, options, &AtomicBool::new(false), &mut |_| {})
}

/// All records of the topic, partition by partition, in their order.
fn records(queue: &Memory, options: &Options) -> Vec<SeismicRecord> {
    let topic = queue.topic(&options.topic).unwrap();
    let mut records = Vec::new();
    for partition in topic.all() {
        let mut reader = queue.reader(&topic, &[(partition, Offset(0))]).unwrap();
        loop {
            match reader.read(Duration::from_secs(5), &mut Vec::new()).unwrap() {
                Event::Batch(batch) => {
                    for message in batch.messages() {
                        let batch = SeismicRecordBatch::decode(message.value).unwrap();
                        assert_eq!(message.key, batch.records[0].sensor_id.as_bytes());
                        records.extend(batch.records);
                    }
                }
                Event::CaughtUp(..) => break,
                other => panic!("{other:?}"),
            }
        }
    }
    records
}

/// Sensor and second.
type Key = (String, i64);
/// Count, min, max, mean.
type Values = (usize, f64, f64, f64);

fn windows<'a>(records: impl Iterator<Item = &'a SeismicRecord>) -> BTreeMap<Key, Values> {
    let mut samples: BTreeMap<Key, Vec<f64>> = BTreeMap::new();
    for record in records {
        let key = (record.sensor_id.clone(), record.collect_timestamp.div_euclid(1_000));
        samples.entry(key).or_default().push(f64::from(record.seismic_amplitude));
    }
    let values = |samples: Vec<f64>| {
        let min = samples.iter().copied().fold(f64::INFINITY, f64::min);
        let max = samples.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (samples.len(), min, max, samples.iter().sum::<f64>() / samples.len() as f64)
    };
    samples.into_iter().map(|(key, samples)| (key, values(samples))).collect()
}

fn reference(folder: &Path) -> BTreeMap<Key, Values> {
    let text = fs::read_to_string(folder.join("openeew_2020_7.4.windows.csv")).unwrap();
    let row = |line: &str| {
        let fields: Vec<_> = line.split(',').collect();
        let number = |i: usize| fields[i].parse::<f64>().unwrap();
        let key = (fields[0].to_owned(), fields[1].parse().unwrap());
        (key, (fields[2].parse().unwrap(), number(3), number(4), number(5)))
    };
    text.lines().skip(1).map(row).collect()
}

fn assert_same(key: &Key, found: Values, expected: Values) {
    let close = |a: f64, b: f64| (a - b).abs() <= 2e-5 * b.abs().max(1.0);
    let same = found.0 == expected.0
        && close(found.1, expected.1)
        && close(found.2, expected.2)
        && close(found.3, expected.3);
    assert!(same, "{key:?}: {found:?}, not {expected:?}");
}

/// Imports a folder and compares what the reference has of it. Returns records and windows.
fn compare(folder: &Path) -> (Vec<SeismicRecord>, usize) {
    let (queue, options) = (Memory::new(), options(folder));
    let summary = run(&queue, &options).unwrap();
    let records = records(&queue, &options);
    assert_eq!((summary.published, summary.repeated), (records.len() as u64, 3));
    assert_eq!(summary.devices, options.files.len() as u64);
    let expected = reference(folder);

    let others = windows(records.iter().filter(|record| record.sensor_id != REPEATS));
    for (key, values) in expected.iter().filter(|(key, _)| key.0 != REPEATS) {
        assert_same(key, others[key], *values);
    }
    // The reference has repeats removed, and so has the import.
    let once: Vec<_> = records.iter().filter(|record| record.sensor_id == REPEATS).collect();
    let mut seen = HashSet::new();
    assert!(once.iter().all(|record| seen.insert(record.collect_timestamp)));
    let once = windows(once.into_iter());
    for (key, values) in expected.iter().filter(|(key, _)| key.0 == REPEATS) {
        assert_same(key, once[key], *values);
    }
    (records, others.len() + once.len())
}

#[test]
fn windows_of_the_slice_are_those_of_the_reference() {
    let (records, _) = compare(&slice());
    let strongest = records.iter().map(|record| record.seismic_amplitude).fold(0.0, f32::max);
    assert!(strongest > 1.0, "the earthquake is in it: {strongest} gal");
}

#[test]
fn windows_of_the_whole_recording_are_those_of_the_reference() {
    let Some(folder) = whole() else {
        eprintln!("not at hand: the slice has to do");
        return;
    };
    let (_, windows) = compare(&folder);
    assert_eq!(windows, reference(&folder).len(), "no window is missing and none is added");
}

#[test]
fn records_carry_what_the_instrument_says() {
    let (queue, options) = (Memory::new(), options(&slice()));
    run(&queue, &options).unwrap();
    for record in records(&queue, &options) {
        assert_eq!((record.phase_type.as_str(), record.data_quality, record.depth), ("N", 1, 0));
        assert_eq!(record.frequency, 31);
        assert!(record.arrival_ms > record.collect_timestamp);
        if record.sensor_id == "002" {
            assert_eq!((record.longitude, record.latitude), (-97.07, 15.86));
        }
    }
}

#[test]
fn messages_of_a_partition_stand_in_the_order_of_their_arrival() {
    let (queue, options) = (Memory::new(), Options { partitions: 1, ..options(&slice()) });
    run(&queue, &options).unwrap();
    let arrivals: Vec<_> = records(&queue, &options).iter().map(|r| r.arrival_ms).collect();
    assert!(arrivals.is_sorted());
}

#[test]
fn a_repeated_import_adds_nothing_in_whatever_order_files_are_named() {
    let (queue, mut options) = (Memory::new(), options(&slice()));
    let first = run(&queue, &options).unwrap();
    options.files.reverse();
    let second = run(&queue, &options).unwrap();
    assert_eq!((first.recognised, second.recognised), (0, first.messages));
    assert_eq!(second.published, first.published);
    assert_eq!(records(&queue, &options).len() as u64, first.published);
}

#[test]
fn another_component_is_another_import() {
    let (queue, options) = (Memory::new(), options(&slice()));
    let vector = run(&queue, &options).unwrap();
    let z = run(&queue, &Options { component: Component::Z, ..options.clone() }).unwrap();
    assert_eq!((z.recognised, z.published), (0, vector.published));
}

/// An import of one file with this text.
fn import_text(text: &str) -> Result<ImportSummary, Error> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.jsonl");
    fs::write(&file, text).unwrap();
    run(&Memory::new(), &Options::new(vec![file], slice().join("devices_locations.csv")))
}

fn line(device: &str, cloud_t: f64) -> String {
    format!(
        r#"{{"device_id":"{device}","x":[1,2],"y":[0,0],"z":[0,0],"sr":31.25,"device_t":{},"cloud_t":{cloud_t}}}"#,
        cloud_t - 0.5
    ) + "\n"
}

#[test]
fn a_plain_file_with_neighbours_swapped_and_blank_lines_is_fine() {
    let text = [line("002", 1e9), line("002", 1e9 + 2.0), "\n".into(), line("002", 1e9 + 1.0)];
    let summary = import_text(&text.concat()).unwrap();
    assert_eq!((summary.messages, summary.published, summary.devices), (3, 6, 1));
}

#[test]
fn a_bad_line_is_named_and_never_stops_the_rest() {
    let (good, more) = (line("002", 1e9), line("002", 1e9 + 9.0));
    let huge = format!("{good}{}\n{more}", " ".repeat(2 << 20));
    for (text, says) in [
        (format!("{good}{{\n{more}"), "line 2: it is not an OpenEEW message"),
        (format!("{good}\n{}{more}", good.replace("[0,0]", "[0]")), "same number"),
        (huge, "line 2: it has more than 1048576 bytes"),
        (format!("{}{good}{more}", line("999", 1e9)), "line 1: device \"999\" is missing"),
    ] {
        let summary = import_text(&text).unwrap();
        assert_eq!((summary.messages, summary.refused.count), (2, 1));
        assert!(summary.refused.first[0].contains(says), "{:?}", summary.refused);
    }
    let unsorted: String = (0..100).map(|i| line("002", 2e9 - f64::from(i))).collect();
    let summary = import_text(&unsorted).unwrap();
    assert_eq!((summary.messages, summary.recognised, summary.remarks.count), (100, 0, 1));
}

#[test]
fn what_is_readable_of_a_cut_file_is_imported_and_goes_on_when_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.jsonl.gz");
    let bytes = fs::read(slice().join("002.jsonl.gz")).unwrap();
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let options = Options::new(vec![file.clone()], slice().join("devices_locations.csv"));
    let queue = Memory::new();
    let cut = run(&queue, &options).unwrap();
    assert!(cut.messages > 0 && cut.unread.count == 1, "{cut:?}");
    fs::write(&file, &bytes).unwrap();
    let whole = run(&queue, &options).unwrap();
    assert_eq!((whole.recognised, whole.unread.count), (cut.messages, 0));
    assert_eq!(records(&queue, &options).len() as u64, whole.published);
    let nothing = run(&queue, &Options { files: vec![], ..options });
    assert!(matches!(nothing, Err(Error::Options { .. })), "{nothing:?}");
}

#[test]
fn how_files_are_split_over_imports_and_named_twice_makes_no_difference() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let first = line("002", 1e9) + &line("005", 1e9 + 0.5);
    let second = line("002", 1e9 + 1.0).replace("[1,2]", "[3,9]") + &line("005", 1e9 + 1.5);
    let (a, b) = (write("a", &first), write("b", &second));
    let (both, copy) = (write("both", &(first.clone() + &second)), write("copy", &first));
    let imported = |calls: &[&[&PathBuf]]| {
        let queue = Memory::new();
        let locations = slice().join("devices_locations.csv");
        let mut options = Options::new(vec![], locations);
        for call in calls {
            options.files = call.iter().map(|&file| file.clone()).collect();
            run(&queue, &options).unwrap();
        }
        records(&queue, &options)
    };
    let expected = imported(&[&[&a, &b]]);
    assert_eq!(expected.len(), 8);
    for calls in [
        &[&[&a][..], &[&b]][..],
        &[&[&both]],
        &[&[&a, &copy, &b]],
        &[&[&a], &[&both, &copy], &[&b, &a]],
    ] {
        assert_eq!(imported(calls), expected, "{calls:?}");
    }
}

#[test]
fn messages_after_a_clock_was_set_back_are_not_taken_for_repeats() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.jsonl");
    // Messages of 64 ms without a gap; then the clock goes back by a second, and 10 ms aside.
    let message = |i: u32| {
        let cloud_t = 1e9 + 0.064 * f64::from(i);
        let back = if i < 30 { 0.0 } else { 1.01 };
        let device_t = cloud_t - back;
        format!(
            r#"{{"device_id":"002","x":[1,2],"y":[0,0],"z":[0,0],"sr":31.25,"device_t":{device_t},"cloud_t":{cloud_t}}}"#
        ) + "\n"
    };
    fs::write(&file, (0..60).map(message).collect::<String>() + &message(59)).unwrap();
    let options = Options::new(vec![file], slice().join("devices_locations.csv"));
    let queue = Memory::new();
    let summary = run(&queue, &options).unwrap();
    assert_eq!((summary.messages, summary.recognised, summary.repeated), (60, 0, 1));
    let again = run(&queue, &options).unwrap();
    assert_eq!((again.messages, again.recognised, again.repeated), (60, 60, 1));
    assert_eq!(records(&queue, &options).len(), 120);
}
