//! Imports of records with our own fields: every record is read back as written, and nothing is
//! added twice.

#![allow(clippy::unwrap_used, reason = "tests may")]

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use proptest::prelude::*;
use seismic_ingest::Error;
use seismic_ingest::files::records::{Format, Options, RecordsSummary, import};
use seismic_proto::{BATCH_FIRST_BYTE, Message, SeismicRecord, SeismicRecordBatch};
use seismic_queue::memory::Memory;
use seismic_queue::{Event, Offset, Queue, partition_of};
use tempfile::TempDir;

const HEADER: &str = "sensor_id,collect_timestamp,longitude,latitude,depth,seismic_amplitude,\
                      frequency,phase_type,data_quality,network_status,arrival_ms";

/// A folder with files to import.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Files(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

fn run(queue: &Memory, options: &Options) -> Result<RecordsSummary, Error> {
    import(queue, options, &AtomicBool::new(false), &mut |_| {})
}

/// Imports one text into a new queue.
fn import_text(format: Format, text: impl AsRef<[u8]>) -> (Memory, Result<RecordsSummary, Error>) {
    let (files, queue) = (Files::new(), Memory::new());
    let options = Options::new(format, vec![files.write("file", text)]);
    let summary = run(&queue, &options);
    (queue, summary)
}

/// Partition, key and value of all messages.
fn messages(queue: &Memory) -> Vec<(u32, Vec<u8>, Vec<u8>)> {
    let topic = queue.topic(&Options::new(Format::Csv, vec![]).topic).unwrap();
    let mut found = Vec::new();
    for partition in topic.all() {
        let mut reader = queue.reader(&topic, &[(partition, Offset(0))]).unwrap();
        while let Event::Batch(batch) = reader.read(Duration::from_secs(5), &mut vec![]).unwrap() {
            let message = batch.messages().map(|m| (partition.0, m.key.to_vec(), m.value.to_vec()));
            found.extend(message);
        }
    }
    found
}

/// All records, packed or not; each in the partition of its sensor.
fn records(queue: &Memory) -> Vec<SeismicRecord> {
    let mut found = Vec::new();
    for (partition, _, value) in messages(queue) {
        let records = if value.first() == Some(&BATCH_FIRST_BYTE) {
            SeismicRecordBatch::decode(value.as_slice()).unwrap().records
        } else {
            vec![SeismicRecord::decode(value.as_slice()).unwrap()]
        };
        for record in &records {
            assert_eq!(partition_of(record.sensor_id.as_bytes(), 4).0, partition);
        }
        found.extend(records);
    }
    found
}

/// The bits of a record; every NaN is the same.
fn bits(record: &SeismicRecord) -> (SeismicRecord, u64, u64, u32) {
    let double = |v: f64| if v.is_nan() { f64::NAN.to_bits() } else { v.to_bits() };
    let amplitude = record.seismic_amplitude;
    let amplitude = if amplitude.is_nan() { f32::NAN } else { amplitude }.to_bits();
    let rest =
        SeismicRecord { longitude: 0.0, latitude: 0.0, seismic_amplitude: 0.0, ..record.clone() };
    (rest, double(record.longitude), double(record.latitude), amplitude)
}

/// Records of any fields; the floats are any bits, and often those that are special.
fn any_record() -> impl Strategy<Value = SeismicRecord> {
    let text = || prop_oneof!["[\"',;=é日#]([\"',; =é日#]{0,6}[\"',;=é日#])?", Just("S1".into())];
    let double = || {
        let special = vec![0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 5e-324, 0.1];
        prop_oneof![any::<u64>().prop_map(f64::from_bits), prop::sample::select(special)]
    };
    let special = vec![0.0, -0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e-45, 4.2];
    let float = prop_oneof![any::<u32>().prop_map(f32::from_bits), prop::sample::select(special)];
    let floats = (double(), double(), float);
    let ints = (any::<i32>(), any::<i32>(), any::<i32>(), any::<i32>());
    let time = || -100_000_000i64..100_000_000_000_000;
    let time =
        move || time().prop_filter("no seconds", |ms| !(100_000_000..100_000_000_000).contains(ms));
    (text(), time(), floats, ints, text(), time()).prop_map(
        |(sensor_id, collect_timestamp, floats, ints, phase_type, arrival_ms)| SeismicRecord {
            sensor_id,
            collect_timestamp,
            longitude: floats.0,
            latitude: floats.1,
            depth: ints.0,
            seismic_amplitude: floats.2,
            frequency: ints.1,
            phase_type,
            data_quality: ints.2,
            network_status: ints.3,
            arrival_ms,
        },
    )
}

/// A float as `seismic read` prints it, without quotes.
fn float(text: String) -> String {
    match text.as_str() {
        "inf" => "Infinity".into(),
        "-inf" => "-Infinity".into(),
        _ => text,
    }
}

fn cells(record: &SeismicRecord) -> [String; 11] {
    [
        record.sensor_id.clone(),
        record.collect_timestamp.to_string(),
        float(record.longitude.to_string()),
        float(record.latitude.to_string()),
        record.depth.to_string(),
        float(record.seismic_amplitude.to_string()),
        record.frequency.to_string(),
        record.phase_type.clone(),
        record.data_quality.to_string(),
        record.network_status.to_string(),
        record.arrival_ms.to_string(),
    ]
}

fn json(record: &SeismicRecord) -> String {
    let cells = cells(record);
    let field = |(name, cell): (&str, &String)| {
        let word = matches!(cell.as_str(), "NaN" | "Infinity" | "-Infinity");
        let text = word || matches!(name, "sensor_id" | "phase_type");
        let cell = if text { serde_json::to_string(cell).unwrap() } else { cell.clone() };
        format!("\"{name}\":{cell}")
    };
    let fields: Vec<_> = HEADER.split(',').zip(&cells).map(field).collect();
    format!("{{{}}}", fields.join(","))
}

fn csv(record: &SeismicRecord) -> String {
    cells(record).map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).join(",")
}

/// Stable order by partition, as a topic is read.
fn as_read(records: &[SeismicRecord]) -> Vec<(SeismicRecord, u64, u64, u32)> {
    let mut records: Vec<_> = records.iter().collect();
    records.sort_by_key(|record| partition_of(record.sensor_id.as_bytes(), 4).0);
    records.into_iter().map(bits).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_record_comes_back_from_json_and_csv(
        all in prop::collection::vec(any_record(), 0..8),
        pack in 1u32..4,
    ) {
        let files = Files::new();
        let lines: Vec<_> = all.iter().map(json).collect();
        let rows: Vec<_> = all.iter().map(csv).collect();
        let csv = format!("{HEADER}\r\n{}", rows.join("\r\n"));
        for (format, text) in [(Format::Jsonl, lines.join("\n")), (Format::Csv, csv)] {
            let queue = Memory::new();
            let files = vec![files.write("file", text)];
            let options = Options { pack, strict: true, ..Options::new(format, files) };
            prop_assert_eq!(run(&queue, &options).unwrap().published, all.len() as u64);
            let found: Vec<_> = records(&queue).iter().map(bits).collect();
            prop_assert_eq!(found, as_read(&all));
        }
    }

    #[test]
    fn hostile_files_never_panic_and_every_line_is_imported_or_refused(
        lines in prop::collection::vec("[^\n\r\u{0}]{0,20}|\\{\"depth\":[0-9]{1,3}\\}", 0..10),
        bytes: Vec<u8>,
    ) {
        let text = lines.join("\n");
        let summary = import_text(Format::Jsonl, &text).1.unwrap();
        // Text of another kind is refused as a whole.
        if summary.unread.count > 0 {
            return Ok(());
        }
        // A byte-order mark at the start is no part of the first line.
        let lines = text.strip_prefix("\u{feff}").unwrap_or(&text).lines();
        let filled = lines.filter(|line| !line.as_bytes().trim_ascii().is_empty()).count();
        prop_assert_eq!(summary.published + summary.refused.count, filled as u64);
        let _ = import_text(
            Format::Csv,
            [b"sensor_id,collect_timestamp,seismic_amplitude\n", bytes.as_slice()].concat(),
        ).1;
        let _ = import_text(Format::Jsonl, bytes).1;
    }
}

/// A record of its own, of that time.
fn sample(time: u32) -> String {
    format!(r#"{{"sensor_id":"S","collect_timestamp":{time},"seismic_amplitude":1}}"#) + "\n"
}

/// A line as `seismic read` prints it.
fn printed(key: &str, value: &str) -> String {
    format!(r#"{{"partition":9,"offset":1,"append_ms":2,"key":"{key}",{value}}}"#) + "\n"
}

#[test]
fn what_read_prints_becomes_the_same_messages() {
    let record = r#"{"sensor_id":"S1","depth":3}"#;
    let text = [
        printed("S1", &format!(r#""value":{record}"#)),
        printed("S1", &format!(r#""value":{{"records":[{record},{record}]}}"#)),
        printed("S1", r#""value":null,"bytes":"//8=""#),
    ];
    let (queue, summary) = import_text(Format::Jsonl, text.concat());
    assert_eq!(summary.unwrap().published, 4);
    let one = SeismicRecord { sensor_id: "S1".into(), depth: 3, ..Default::default() };
    let packed = SeismicRecordBatch { records: vec![one.clone(); 2] };
    let partition = partition_of(b"S1", 4).0;
    let expected = [one.encode_to_vec(), packed.encode_to_vec(), vec![0xff, 0xff]];
    assert_eq!(messages(&queue), expected.map(|value| (partition, b"S1".to_vec(), value)));
}

#[test]
fn a_pack_whose_sensors_belong_to_other_partitions_is_taken_apart() {
    let sensors: Vec<_> = (0..8).map(|i| format!(r#"{{"sensor_id":"S{i}"}}"#)).collect();
    let value = format!(r#""value":{{"records":[{}]}}"#, sensors.join(","));
    let (queue, summary) = import_text(Format::Jsonl, printed("S0", &value));
    assert_eq!(summary.unwrap().published, 8);
    let messages = messages(&queue);
    assert_eq!(messages.len(), 8);
    for (partition, key, _) in messages {
        assert_eq!(partition_of(&key, 4).0, partition);
    }
}

#[test]
fn whole_messages_do_not_overtake_the_pack_in_progress() {
    let files = Files::new();
    let line = |depth: u32| {
        format!(
            r#"{{"sensor_id":"S1","collect_timestamp":1,"seismic_amplitude":1,"depth":{depth}}}"#
        )
    };
    let packed = printed("S1", &format!(r#""value":{{"records":[{},{}]}}"#, line(2), line(3)));
    let text = format!("{}\n{packed}{}\n", line(1), line(4));
    let queue = Memory::new();
    let files = vec![files.write("file", text)];
    run(&queue, &Options { pack: 100, ..Options::new(Format::Jsonl, files) }).unwrap();
    let depths: Vec<_> = records(&queue).iter().map(|record| record.depth).collect();
    assert_eq!(depths, [1, 2, 3, 4]);
}

#[test]
fn refused_lines_are_counted_and_the_first_ten_are_named() {
    let text = format!("{}\n{}{}", sample(1), "{\"no\":1}\n".repeat(12), sample(2));
    let summary = import_text(Format::Jsonl, text).1.unwrap();
    assert_eq!((summary.published, summary.refused.count), (2, 12));
    assert_eq!(summary.refused.first.len(), 10);
    let first = &summary.refused.first[0];
    assert!(first.contains("file, line 3: ") && first.contains("unknown field `no`"), "{first}");
    assert!(summary.refused.first[9].contains("line 12: "));
}

#[test]
fn a_stray_quote_costs_its_line() {
    let rows = "sensor_id,collect_timestamp,seismic_amplitude,depth\na,1,1,1\nc,1,1,x\nd,1,1,1,2\n\
                \"e,1,1,1\nf\"g,1,1,1\n\"h\"i,1,1,1\nj,1,1,7\n\"k\n";
    let (queue, summary) = import_text(Format::Csv, rows);
    let refused = summary.unwrap().refused;
    for (i, says) in [
        "line 3: depth: \"x\" is not a whole number of 32 bits",
        "line 4: it has 5 fields; the header names 4",
        "line 5: a quote is not closed on its line",
        "line 6: a quote is inside",
        "line 7: after a closing quote",
        "line 9: a quote is not closed on its line",
    ]
    .into_iter()
    .enumerate()
    {
        assert!(refused.first[i].contains(says), "{:#?} does not say {says}", refused.first);
    }
    assert_eq!(refused.count, 6);
    let mut found: Vec<_> = records(&queue).into_iter().map(|r| (r.sensor_id, r.depth)).collect();
    found.sort();
    assert_eq!(found, [("a".into(), 1), ("j".into(), 7)]);
}

#[test]
fn strict_ends_at_the_first_line_that_is_wrong() {
    let files = Files::new();
    let files = vec![files.write("a.jsonl", sample(1) + &sample(2) + "{\n" + &sample(3))];
    let options = Options { strict: true, ..Options::new(Format::Jsonl, files) };
    match run(&Memory::new(), &options) {
        Err(Error::Partly { published: 2, source }) => {
            assert!(matches!(*source, Error::Line { line: 3, .. }), "{source}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_header_must_name_fields_once() {
    for (text, says) in [
        ("sensor,depth\n", "there is no field \"sensor\""),
        ("depth,depth\n", "\"depth\" twice"),
        ("\"depth\n", "a quote is not closed"),
        ("sensor_id,depth\n", "there is no column collect_timestamp"),
        ("sensor_id;collect_timestamp\n", "its columns are parted by ;"),
    ] {
        let summary = import_text(Format::Csv, text).1.unwrap();
        assert!(summary.unread.first[0].contains(says), "{:?}", summary.unread);
    }
    let header = "\u{feff} depth ,sensor_id,collect_timestamp,seismic_amplitude\r\n";
    let (queue, summary) = import_text(Format::Csv, format!("{header} 5 ,S,1,1\r\n,T,1,1"));
    assert_eq!(summary.unwrap().published, 2);
    let depths: Vec<_> = records(&queue).iter().map(|record| record.depth).collect();
    assert_eq!(depths.iter().sum::<i32>(), 5);
}

#[test]
fn lines_and_records_above_their_limits_are_refused_and_the_import_goes_on() {
    let huge = format!("{{\"sensor_id\":\"{}\"}}\n", "x".repeat(33 << 20));
    let large = sample(1).replace("\"S\"", &format!("\"{}\"", "x".repeat(9 << 20)));
    let summary = import_text(Format::Jsonl, huge + &large + &sample(1)).1.unwrap();
    assert_eq!((summary.published, summary.refused.count), (1, 2));
    assert!(summary.refused.first[0].contains("more than 33554432 bytes"));
    assert!(summary.refused.first[1].contains("line 2: a message of"));
}

#[test]
fn a_repeated_import_adds_nothing_and_a_new_file_only_itself() {
    let (files, queue) = (Files::new(), Memory::new());
    let a = files.write("a", sample(1) + &sample(2));
    let b = files.write("b", sample(3));
    let options = |files: &[&PathBuf]| {
        Options::new(Format::Jsonl, files.iter().map(|&file| file.clone()).collect())
    };
    assert_eq!(run(&queue, &options(&[&a])).unwrap().recognised, 0);
    let both = run(&queue, &options(&[&b, &a])).unwrap();
    assert_eq!((both.published, both.recognised, both.files), (3, 2, 2));
    assert_eq!(records(&queue).len(), 3);
    let twice = run(&queue, &options(&[&a, &a])).unwrap();
    assert_eq!((twice.published, twice.recognised), (4, 4));
    assert_eq!(records(&queue).len(), 3);
}

#[test]
fn a_stopped_import_goes_on_where_it_stopped_also_with_packs() {
    let (files, queue) = (Files::new(), Memory::new());
    let line = |i: u32| {
        // Long enough for many loads.
        let sensor = format!("S{}", "0".repeat(90));
        format!(
            "{{\"sensor_id\":\"{sensor}{}\",\"collect_timestamp\":{i},\"seismic_amplitude\":1}}\n",
            i % 7
        )
    };
    let text: String = (0..200_000).map(line).collect();
    let files = vec![files.write("a", text)];
    let options = Options { pack: 7, ..Options::new(Format::Jsonl, files) };
    let stop = AtomicBool::new(false);
    let first = import(&queue, &options, &stop, &mut |_| {
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let first = first.unwrap();
    assert!(first.stopped && 0 < first.published && first.published < 200_000, "{first:?}");
    let second = run(&queue, &options).unwrap();
    assert_eq!((second.published, second.stopped), (200_000, false));
    assert!(second.recognised > 0);
    let mut times: Vec<_> = records(&queue).iter().map(|r| r.collect_timestamp).collect();
    times.sort_unstable();
    assert!(times.into_iter().eq(0..200_000), "each record is there once");
}

fn packed(text: &str) -> Vec<u8> {
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zip.write_all(text.as_bytes()).unwrap();
    zip.finish().unwrap()
}

#[test]
fn of_a_gzipped_file_that_is_cut_what_is_readable_is_imported() {
    let files = Files::new();
    let text: String = (0..1_000).map(sample).collect();
    let bytes = packed(&text);
    let whole = Options::new(Format::Jsonl, vec![files.write("a.gz", &bytes)]);
    assert_eq!(run(&Memory::new(), &whole).unwrap().published, 1_000);
    let padded = [&bytes[..], &[0; 1_024]].concat();
    let padded = Options::new(Format::Jsonl, vec![files.write("p.gz", padded)]);
    let summary = run(&Memory::new(), &padded).unwrap();
    assert_eq!((summary.published, summary.unread.count), (1_000, 0));
    let cut = Options::new(Format::Jsonl, vec![files.write("b.gz", &bytes[..bytes.len() / 2])]);
    let queue = Memory::new();
    let summary = run(&queue, &cut).unwrap();
    assert!(0 < summary.published && summary.published < 1_000);
    assert!(summary.unread.first[0].contains("gzip data end after line"), "{summary:?}");
    // The rest of it continues behind that.
    files.write("b.gz", &bytes);
    let summary = run(&queue, &cut).unwrap();
    assert_eq!((summary.published, summary.unread.count), (1_000, 0));
    assert_eq!(records(&queue).len(), 1_000);
}
