//! Files from the field: each becomes the intended records or is refused with the reason; nothing
//! becomes a measurement that was never made.

#![allow(clippy::unwrap_used, reason = "tests may")]

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use seismic_ingest::Hint;
use seismic_ingest::files::records::{
    Format, Options, ReadOptions, RecordField, RecordsSummary, TimeUnit, import,
};
use seismic_proto::{Message, SeismicRecord};
use seismic_queue::memory::Memory;
use seismic_queue::{Event, Offset, Queue};
use tempfile::TempDir;

const HEADER: &str = "sensor_id,collect_timestamp,seismic_amplitude,phase_type,data_quality\n";

fn run(queue: &Memory, options: &Options) -> RecordsSummary {
    import(queue, options, &AtomicBool::new(false), &mut |_| {}).unwrap()
}

/// A folder, a queue with one partition, and what was imported.
struct Imported {
    folder: TempDir,
    queue: Memory,
    options: Options,
}

impl Imported {
    fn new(format: Format) -> Self {
        let options = Options { partitions: 1, ..Options::new(format, vec![]) };
        Imported { folder: tempfile::tempdir().unwrap(), queue: Memory::new(), options }
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn import(&self, files: &[&PathBuf]) -> RecordsSummary {
        let files = files.iter().map(|&file| file.clone()).collect();
        run(&self.queue, &Options { files, ..self.options.clone() })
    }

    fn records(&self) -> Vec<SeismicRecord> {
        let topic = self.queue.topic(&self.options.topic).unwrap();
        let mut reader =
            self.queue.reader(&topic, &[(topic.all().next().unwrap(), Offset(0))]).unwrap();
        let mut found = Vec::new();
        while let Event::Batch(batch) = reader.read(Duration::from_secs(5), &mut vec![]).unwrap() {
            found.extend(batch.messages().map(|m| SeismicRecord::decode(m.value).unwrap()));
        }
        found
    }

    fn times(&self) -> Vec<i64> {
        self.records().iter().map(|record| record.collect_timestamp).collect()
    }
}

/// The records of one text, and the summary.
fn imported(
    format: Format,
    read: ReadOptions,
    text: impl AsRef<[u8]>,
) -> (Vec<SeismicRecord>, RecordsSummary) {
    let mut place = Imported::new(format);
    place.options.read = read;
    let file = place.write("file", text);
    let summary = place.import(&[&file]);
    (place.records(), summary)
}

fn csv(text: impl AsRef<[u8]>) -> (Vec<SeismicRecord>, RecordsSummary) {
    imported(Format::Csv, ReadOptions::default(), text)
}

#[test]
fn an_empty_cell_of_sensor_time_or_amplitude_refuses_its_row() {
    let rows = "A,1,1.0,N,1\n,2,1.0,N,1\nA,,1.0,N,1\nA,4,,N,1\nA,5, ,N,1\nA,6,1.0,,\n";
    let (records, summary) = csv(format!("{HEADER}{rows}"));
    assert_eq!((records.len(), summary.refused.count), (2, 4));
    for (line, says) in summary.refused.first.iter().zip([
        "line 3: sensor_id is missing",
        "line 4: collect_timestamp is missing",
        "line 5: seismic_amplitude is missing",
        "line 6: seismic_amplitude is missing",
    ]) {
        assert!(line.contains(says), "{line}");
    }
    assert_eq!((records[1].data_quality, records[1].phase_type.as_str()), (1, "N"));
    assert_eq!((summary.defaults.data_quality, summary.defaults.phase_type), (1, 1));
}

#[test]
fn columns_that_are_missing_take_a_default_and_that_is_counted() {
    let (records, summary) =
        csv("sensor_id,collect_timestamp,seismic_amplitude\nA,1,0.5\nA,2,0.5\n");
    assert!(records.iter().all(|record| record.data_quality == 1 && record.phase_type == "N"));
    assert_eq!((summary.defaults.data_quality, summary.defaults.phase_type), (2, 2));
    // Without a column of amplitudes there is no measurement: a job rejects what is no number.
    let (records, summary) = csv("sensor_id,collect_timestamp\nA,1\n");
    assert!(records[0].seismic_amplitude.is_nan());
    assert_eq!(summary.defaults.seismic_amplitude, 1);
}

#[test]
fn spaces_around_values_are_nothing_and_ids_with_control_characters_are_refused() {
    let nul = "\0".repeat(64);
    let rows = format!(
        "{HEADER} A , 1,\t1.0 , N , 1\n{nul}A,2,1.0,N,1\nA\u{200b},3,1.0,N,1\nA,4,1.0,N,1\n"
    );
    let (records, summary) = csv(rows);
    assert_eq!((records.len(), summary.refused.count), (2, 2));
    assert!(records.iter().all(|record| record.sensor_id == "A" && record.phase_type == "N"));
}

#[test]
fn times_of_another_unit_are_refused_with_it_and_read_when_it_is_said() {
    let text = format!("{HEADER}A,1600000000.04,1.0,N,1\nA,1600000001,1.0,N,1\n");
    let (records, summary) = csv(&text);
    assert_eq!((records.len(), summary.refused.count), (0, 2));
    assert!(summary.refused.hints.contains(&Hint::TimeUnit("s")));
    let read = ReadOptions { time_unit: Some(TimeUnit::Seconds), ..ReadOptions::default() };
    let (records, _) = imported(Format::Csv, read, &text);
    let times: Vec<_> = records.iter().map(|record| record.collect_timestamp).collect();
    assert_eq!(times, [1_600_000_000_040, 1_600_000_001_000]);
}

#[test]
fn a_foreign_header_is_mapped_and_what_it_lacks_is_set() {
    let text = "# a station\nexported by X\nUTC;EHZ;EHN;note\n\
                2020-09-13 12:26:40,080;1,5;-2,5;x\n";
    let read = ReadOptions {
        columns: vec![
            (RecordField::CollectTimestamp, "UTC".into()),
            (RecordField::SeismicAmplitude, "EHZ".into()),
        ],
        set: vec![(RecordField::SensorId, "CI.PASC".into()), (RecordField::Depth, "3".into())],
        is_utc: true,
        delimiter: b';',
        has_decimal_comma: true,
        skip_lines: 2,
        ignore_other_columns: true,
        ..ReadOptions::default()
    };
    let (records, summary) = imported(Format::Csv, read.clone(), text);
    assert_eq!((records.len(), summary.refused.count), (1, 0), "{summary:?}");
    let record = &records[0];
    assert_eq!((record.sensor_id.as_str(), record.depth), ("CI.PASC", 3));
    assert_eq!((record.collect_timestamp, record.seismic_amplitude), (1_600_000_000_080, 1.5));
    // Another component of the same file is another import.
    let mut place = Imported::new(Format::Csv);
    let file = place.write("file", text);
    place.options.read = read;
    place.import(&[&file]);
    place.options.read.columns[1].1 = "EHN".into();
    place.options.read.set[0].1 = "CI.PASC.EHN".into();
    assert_eq!(place.import(&[&file]).recognised, 0);
    assert_eq!(place.records().len(), 2);
}

#[test]
fn an_unknown_header_says_which_option_might_help() {
    for (text, hint) in [
        ("station,time,value\n", Hint::IgnoreOtherColumns),
        ("sensor_id;collect_timestamp\n", Hint::Delimiter(b';')),
        ("sensor_id\tcollect_timestamp\n", Hint::Delimiter(b'\t')),
        ("a title\nsensor_id,collect_timestamp\n", Hint::SkipLines),
        ("A,1600000000000,1.5\n", Hint::HeaderLine),
        ("A,2020-09-13T12:26:40Z,1.5\n", Hint::HeaderLine),
        ("{\"sensor_id\":\"A\"}\n", Hint::OtherFormat("jsonl")),
        ("[\n", Hint::OtherFormat("jsonl")),
        ("collect_timestamp,seismic_amplitude\n", Hint::Column("sensor_id")),
    ] {
        let (_, summary) = csv(text);
        assert_eq!(summary.unread.hints.into_iter().collect::<Vec<_>>(), [hint], "{text:?}");
    }
}

#[test]
fn comments_headers_that_come_again_and_a_header_behind_a_hash_are_no_rows() {
    let text = format!("# one\n# {HEADER}A,1,1.0,N,1\n#two\n{HEADER}A,2,1.0,N,1\n");
    let (records, summary) = csv(text);
    assert_eq!((records.len(), summary.refused.count, summary.comments), (2, 0, 2));
}

#[test]
fn files_that_are_no_text_are_named_and_empty_ones_are_no_errors() {
    let place = Imported::new(Format::Csv);
    let utf16: Vec<u8> = HEADER.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let files = [
        place.write("utf16", utf16),
        place.write("cr", HEADER.replace('\n', "\r").repeat(2)),
        place.write("empty", ""),
        place.write("header", HEADER),
        place.write("rows", format!("{HEADER}A,1,1.0,N,1\n")),
        place.folder.path().join("missing"),
    ];
    let summary = place.import(&files.iter().collect::<Vec<_>>());
    assert_eq!((summary.published, summary.files, summary.unread.count), (1, 3, 3));
    let unread = summary.unread.first.join("\n");
    assert!(unread.contains("UTF-16") && unread.contains("CR only"), "{unread}");
}

#[test]
fn json_without_a_measurement_is_refused_and_so_is_a_quality_that_protobuf_left_out() {
    let line = |quality: &str| {
        format!(r#"{{"sensorId":"A","collectTimestamp":"1","seismicAmplitude":1.5{quality}}}"#)
            + "\n"
    };
    let none = line("").repeat(2) + r#"{"sensor_id":"A","collect_timestamp":1}"#;
    let (records, summary) = imported(Format::Jsonl, ReadOptions::default(), none);
    assert_eq!((records.len(), summary.refused.count, summary.defaults.data_quality), (2, 1, 2));
    let some = line(r#","dataQuality":1"#) + &line("");
    let (records, summary) = imported(Format::Jsonl, ReadOptions::default(), some);
    assert_eq!((records.len(), summary.refused.count), (1, 1));
}

/// Rows of sensor A of these times.
fn rows(times: std::ops::Range<i64>) -> String {
    times.map(|time| format!("A,{time},1.0,N,1\n")).collect()
}

#[test]
fn files_of_one_import_are_merged_by_time_whatever_they_are_called() {
    let place = Imported::new(Format::Csv);
    let a = place.write("rec1", format!("{HEADER}{}", rows(20..30)));
    let b = place.write("rec10", format!("{HEADER}{}", rows(0..10)));
    let c = place.write("rec2", format!("{HEADER}{}", rows(10..20)));
    let summary = place.import(&[&a, &b, &c]);
    assert_eq!(place.times(), (0..30).collect::<Vec<_>>());
    assert_eq!(summary.remarks.count, 0);
    // A file that begins before what is in is said.
    let late = place.write("late", format!("{HEADER}{}", rows(-5..0)));
    let summary = place.import(&[&late]);
    assert!(summary.remarks.first[0].contains("before what is in already"), "{summary:?}");
}

#[test]
fn more_files_than_may_be_open_are_merged_too() {
    let place = Imported::new(Format::Csv);
    let files: Vec<_> = (0..600)
        .map(|i| {
            let times = [i, i + 600, i + 1_200].map(|time| format!("S{i},{time},1.0,N,1\n"));
            place.write(&format!("f{i}"), format!("{HEADER}{}", times.concat()))
        })
        .collect();
    let named: Vec<_> = files.iter().collect();
    assert_eq!(place.import(&named).published, 1_800);
    assert_eq!(place.times(), (0..1_800).collect::<Vec<_>>());
    assert_eq!(place.import(&named).recognised, 1_800);
    assert_eq!(place.times().len(), 1_800);
}

#[test]
fn a_file_that_grew_goes_on_behind_what_is_in() {
    let place = Imported::new(Format::Csv);
    let file = place.write("log", format!("{HEADER}{}", rows(0..10)));
    place.import(&[&file]);
    let grown = place.write("renamed", format!("{HEADER}{}", rows(0..15)));
    let summary = place.import(&[&grown]);
    assert_eq!((summary.published, summary.recognised), (15, 10));
    assert_eq!(place.times(), (0..15).collect::<Vec<_>>());
    // Both at once, and copies, are the same.
    let copy = place.write("copy", format!("{HEADER}{}", rows(0..15)));
    place.import(&[&copy, &file, &grown]);
    assert_eq!(place.times().len(), 15);
    // An older copy alone is known too.
    assert_eq!(place.import(&[&file]).recognised, 10);
    assert_eq!(place.times().len(), 15);
}

#[test]
fn a_file_and_its_beginning_are_imported_once_in_one_import_too() {
    let place = Imported::new(Format::Csv);
    let files = [5, 9, 9].map(|to| format!("{HEADER}{}", rows(0..to)));
    let [a, b, c] = [0, 1, 2].map(|i| place.write(&format!("f{i}"), &files[i]));
    let summary = place.import(&[&a, &b, &c]);
    assert_eq!((summary.published, summary.files, summary.remarks.count), (9, 3, 2));
    assert_eq!(place.times(), (0..9).collect::<Vec<_>>());
}

#[test]
fn a_last_line_without_its_end_that_grew_is_said() {
    let place = Imported::new(Format::Csv);
    let file = place.write("log", format!("{HEADER}A,1,1.0,N,1\nA,2,1.0,N,1"));
    place.import(&[&file]);
    place.write("log", format!("{HEADER}A,1,1.0,N,1\nA,2,1.0,N,1\nA,3,1.0,N,1\n"));
    assert_eq!(place.import(&[&file]).remarks.count, 0);
    assert_eq!(place.times(), [1, 2, 3]);
    let cut = place.write("cut", format!("{HEADER}B,1,1.0,N,1\nB,2,1.0"));
    assert_eq!(place.import(&[&cut]).refused.count, 1);
    place.write("cut", format!("{HEADER}B,1,1.0,N,1\nB,2,1.0,N,1\n"));
    assert_eq!(place.import(&[&cut]).recognised, 1);
    assert_eq!(place.times(), [1, 2, 3, 1, 2]);
}

#[test]
fn mended_lines_are_added_and_nothing_else() {
    let place = Imported::new(Format::Csv);
    let text = format!("{HEADER}\"A,0,1.0,N,1\n{}A,x,1.0,N,1\n{}", rows(1..10), rows(11..20));
    let file = place.write("log", &text);
    assert_eq!(place.import(&[&file]).refused.count, 2);
    let mended = text.replace("\"A", "A").replace("A,x", "A,10");
    let file = place.write("log", mended + &rows(20..22));
    let summary = place.import(&[&file]);
    assert_eq!((summary.published, summary.recognised, summary.refused.count), (22, 18, 0));
    let mut times = place.times();
    times.sort_unstable();
    assert_eq!(times, (0..22).collect::<Vec<_>>());
    // Again, and with a broken line taken out of another file instead of being mended.
    assert_eq!(place.import(&[&file]).recognised, 22);
    let other = place.write("other", format!("{HEADER}B,1,1.0,N,1\nB,x,1,N,1\nB,2,1.0,N,1\n"));
    place.import(&[&other]);
    place.write("other", format!("{HEADER}B,1,1.0,N,1\nB,2,1.0,N,1\n"));
    assert_eq!(place.import(&[&other]).recognised, 2);
    assert_eq!(place.times().len(), 24);
}

#[test]
fn a_table_of_sensors_is_applied_and_a_sensor_that_it_lacks_is_refused() {
    let mut place = Imported::new(Format::Csv);
    let table = "id,alias,valid_from,valid_to,latitude,longitude,gain,offset\n\
                 CI.A,dev,,100,1,2,0.5,1\nCI.A,dev,100,,3,4,,\n";
    place.options.sensors = Some(place.write("table", table));
    let file = place.write("log", format!("{HEADER}dev,99,4.0,N,1\ndev,100,4.0,N,1\nx,1,1,N,1\n"));
    let summary = place.import(&[&file]);
    assert_eq!(summary.refused.count, 1);
    let found: Vec<_> = place
        .records()
        .into_iter()
        .map(|r| (r.sensor_id, r.latitude, r.seismic_amplitude))
        .collect();
    assert_eq!(found, [("CI.A".into(), 1.0, 3.0), ("CI.A".into(), 3.0, 4.0)]);
}

#[test]
fn a_growing_file_a_rotated_one_and_new_ones_of_a_folder_are_followed() {
    let place = Imported::new(Format::Csv);
    let folder = place.folder.path().join("logs");
    fs::create_dir(&folder).unwrap();
    let log = folder.join("log");
    fs::write(&log, format!("{HEADER}{}A,2,1", rows(0..2))).unwrap();
    let options = Options { follow: true, files: vec![folder.clone()], ..place.options.clone() };
    let stop = AtomicBool::new(false);
    let published = |want: usize| {
        let until = std::time::Instant::now() + Duration::from_secs(30);
        while place.queue.topic(&options.topic).is_err() || place.times().len() < want {
            assert!(std::time::Instant::now() < until, "{want} records do not come");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let summary = std::thread::scope(|scope| {
        let following = scope.spawn(|| import(&place.queue, &options, &stop, &mut |_| {}).unwrap());
        published(2);
        let mut file = fs::OpenOptions::new().append(true).open(&log).unwrap();
        std::io::Write::write_all(&mut file, b".0,N,1\nA,3,1.0,N,1\n").unwrap();
        published(4);
        fs::rename(&log, folder.join("log.1")).unwrap();
        fs::write(&log, format!("{HEADER}{}", rows(4..6))).unwrap();
        published(6);
        fs::write(folder.join("other"), format!("{HEADER}{}", rows(6..7))).unwrap();
        published(7);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        following.join().unwrap()
    });
    assert!(summary.stopped && summary.published == 7, "{summary:?}");
    assert_eq!(place.times(), (0..7).collect::<Vec<_>>());
    // It continues where it was.
    stop.store(false, std::sync::atomic::Ordering::Relaxed);
    let plain = Options {
        follow: false,
        files: vec![folder.join("log"), folder.join("log.1"), folder.join("other")],
        ..place.options.clone()
    };
    assert_eq!(run(&place.queue, &plain).recognised, 7);
}

#[test]
fn lines_that_a_table_refuses_are_not_lost_when_others_are_mended() {
    let mut place = Imported::new(Format::Csv);
    let table = |place: &Imported, sensors: &[&str]| {
        place.write("table", format!("id\n{}\n", sensors.join("\n")));
    };
    let text: String = (0..12).map(|i| format!("S{},{i},1.0,N,1\n", 1 + i % 3)).collect();
    let file = place.write("log", format!("{HEADER}{text}"));
    table(&place, &["S1"]);
    place.options.sensors = Some(place.folder.path().join("table"));
    let summary = place.import(&[&file]);
    assert_eq!((summary.published, summary.refused.count), (4, 8));
    table(&place, &["S1", "S2"]);
    let summary = place.import(&[&file]);
    assert_eq!((summary.published, summary.recognised, summary.refused.count), (8, 4, 4));
    table(&place, &["S1", "S2", "S3"]);
    let summary = place.import(&[&file]);
    assert_eq!((summary.published, summary.recognised, summary.refused.count), (12, 8, 0));
    // What is in stays known when a table lacks its sensor again.
    table(&place, &["S3"]);
    place.import(&[&file]);
    let mut times = place.times();
    times.sort_unstable();
    assert_eq!(times, (0..12).collect::<Vec<_>>());
}

#[test]
fn of_a_packed_file_and_its_beginning_that_is_longer_on_disk_each_record_is_imported_once() {
    let place = Imported::new(Format::Csv);
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let whole = format!("{HEADER}{}", rows(0..1_000));
    std::io::Write::write_all(&mut zip, whole.as_bytes()).unwrap();
    let packed = place.write("all.gz", zip.finish().unwrap());
    let plain = place.write("beginning", format!("{HEADER}{}", rows(0..900)));
    assert!(fs::metadata(&plain).unwrap().len() > fs::metadata(&packed).unwrap().len());
    assert_eq!(place.import(&[&packed, &plain]).published, 1_000);
    assert_eq!(place.times().len(), 1_000);
}

#[test]
fn very_many_mended_lines_come_in_portions_and_each_once() {
    let place = Imported::new(Format::Csv);
    let long = "S".repeat(900 << 10);
    let text: String = (1..50).map(|i| format!("{long}{i},{i},x,N,1\n")).collect();
    let text = format!("{HEADER}A,0,1.0,N,1\n{text}A,50,1.0,N,1\n");
    let file = place.write("log", &text);
    assert_eq!(place.import(&[&file]).refused.count, 49);
    let file = place.write("log", text.replace(",x,", ",1.0,"));
    let summary = place.import(&[&file]);
    assert_eq!((summary.published, summary.recognised, summary.refused.count), (51, 2, 0));
    let mut times = place.times();
    times.sort_unstable();
    assert_eq!(times, (0..51).collect::<Vec<_>>());
    assert_eq!(place.import(&[&file]).recognised, 51);
}
