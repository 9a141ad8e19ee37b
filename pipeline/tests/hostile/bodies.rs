//! Invariants for any bytes, parser by parser. Shared with the fuzz targets.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use seismic_ingest::files::openeew;
use seismic_ingest::files::records::{self, Format, ReadOptions, RecordField, RecordsSummary};
use seismic_pipeline::decode::{self, Phase};
use seismic_pipeline::{
    Engine, Entry, Envelope, InternalRecords, Note, Operator as _, Output, Rules, WindowsOperator,
};
use seismic_proto::{BATCH_FIRST_BYTE, Message as _, SeismicRecord, SeismicRecordBatch};
use seismic_queue::memory::Memory;
use seismic_queue::{Batch, Block, Event, Message, Offset, Partition, Queue, Topic, partition_of};

const P0: Partition = Partition(0);

/// The decoder against `prost`: the same verdict, the same values. And the envelopes of internal
/// messages, which have one form.
pub fn message(bytes: &[u8]) {
    let _ = decode::first_event_time(bytes);
    if let Some(envelope) = Envelope::read(bytes) {
        let mut again = Vec::new();
        envelope.write(&mut again);
        assert_eq!(again, bytes, "it has one form");
    }
    let _ = InternalRecords::read(bytes).map(Iterator::count);
    let theirs = if bytes.first() == Some(&BATCH_FIRST_BYTE) {
        SeismicRecordBatch::decode(bytes).map(|batch| batch.records)
    } else {
        SeismicRecord::decode(bytes).map(|record| vec![record])
    };
    let mut ours = Vec::new();
    match decode::decode(bytes, &mut ours) {
        Err(decode::DecodeError::TooManyRecords) => return,
        verdict => assert_eq!(verdict.is_ok(), theirs.is_ok()),
    }
    let Ok(theirs) = theirs else {
        return;
    };
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let phase = match theirs.phase_type.as_str() {
            "P" => Phase::P,
            "S" => Phase::S,
            "N" => Phase::N,
            _ => Phase::Other,
        };
        assert_eq!(ours.sensor.of(bytes), theirs.sensor_id.as_bytes());
        assert_eq!(ours.time_ms, theirs.collect_timestamp);
        assert_eq!(ours.longitude.to_bits(), theirs.longitude.to_bits());
        assert_eq!(ours.latitude.to_bits(), theirs.latitude.to_bits());
        assert_eq!(ours.amplitude.to_bits(), theirs.seismic_amplitude.to_bits());
        assert_eq!((ours.quality, ours.phase), (theirs.data_quality, phase));
        assert_eq!(ours.arrival_ms, theirs.arrival_ms);
    }
}

/// A fresh engine takes the message, and every record ends in exactly one place.
pub fn engine(bytes: &[u8]) {
    let rules = Rules { rollups_ms: vec![2_000, 10_000], ..Rules::default() };
    let mut engine = Engine::new(rules, "t", P0, Offset(0));
    give(&mut engine, bytes);
}

/// Gives the message to the engine and ends it.
fn give(engine: &mut Engine, bytes: &[u8]) {
    let (mut out, before) = (Output::default(), engine.counters().windows);
    let offset = engine.position();
    engine.step(Message { offset, append_ms: 1_592_925_900_000, key: b"", value: bytes }, &mut out);
    assert!(engine.counters().is_balanced());
    engine.close_idle(offset, &mut out);
    engine.end(&mut out);
    assert!(engine.counters().is_balanced());
    assert_eq!((engine.open_windows(), engine.counters().open), (0, 0));
    assert!(engine.counters().rollups.iter().all(|level| level.open == 0));
    let rows = u64::from(out.rows.count());
    assert_eq!(engine.counters().windows - before, rows);
}

/// A snapshot that is accepted is written again as it is, and its engine continues.
pub fn snapshot(bytes: &[u8]) {
    let Ok(mut engine) = Engine::restore(bytes, "t", P0) else {
        return;
    };
    let mut again = Vec::new();
    engine.snapshot(&mut again);
    let mut third = Vec::new();
    Engine::restore(&again, "t", P0).unwrap().snapshot(&mut third);
    assert_eq!(again, third);
    give(&mut engine, &record());
}

/// An entry that is accepted is written again as it is, and is done or refused by an engine.
pub fn entry(bytes: &[u8]) {
    let Ok(entry) = Entry::decode(bytes) else {
        return;
    };
    let again = entry.encode();
    assert_eq!(Entry::decode(&again).unwrap().encode(), again);
    let engine = Engine::new(Rules::default(), "t", P0, Offset(5));
    let mut windows = WindowsOperator::new(engine);
    let _ = windows.apply_entry(&entry);
    assert!(windows.position() >= Offset(5));
}

/// A note that is accepted adds up.
pub fn note(bytes: &[u8]) {
    if let Ok(note) = Note::decode(bytes) {
        assert!(note.counters.is_balanced());
        assert!(note.rules.faults().is_empty());
    }
}

/// Bytes that are taken as a block hold the messages that were said to be in it. The first byte
/// says how many.
pub fn block(bytes: &[u8]) {
    let Some((&count, stored)) = bytes.split_first() else {
        return;
    };
    let mut batch = Batch::default();
    batch.reset(P0, Offset(102));
    let taken = batch.push_block(Offset(100), u32::from(count), 7, stored);
    if !taken {
        assert!(batch.is_empty() && batch.size() == 0 && batch.next() == Offset(102));
        return;
    }
    assert_eq!(batch.len(), usize::from(count).saturating_sub(2));
    let offsets = batch.messages().map(|message| message.offset.0);
    assert!(offsets.eq(102..102 + batch.len() as u64));
    let mut again = Block::default();
    batch.messages().for_each(|message| again.push(message.key, message.value).unwrap());
    assert!(again.bytes().len() <= stored.len());
}

/// A file of these bytes is imported, or refused with a reason.
pub fn openeew(bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let (file, table) = (folder.path().join("a.jsonl"), folder.path().join("table.csv"));
    std::fs::write(&file, bytes).unwrap();
    std::fs::write(&table, "device_id,latitude,longitude\n001,15.67,-96.5\n").unwrap();
    let queue = Memory::new();
    let options = openeew::Options::new(vec![file], table);
    match openeew::import(&queue, &options, &AtomicBool::new(false), &mut |_| {}) {
        Ok(summary) => assert!(summary.published >= summary.messages),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A file of these bytes is read as JSON lines: each one that is not blank is imported or refused.
pub fn jsonl(bytes: &[u8]) {
    let imported = imported(Format::Jsonl, bytes);
    let imported = imported.expect("a file that cannot be read is named, and no error");
    // Gzip, and files that are something else than text, are not read line by line.
    if bytes.starts_with(&[0x1f, 0x8b]) || imported.unread.count > 0 {
        return;
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let filled = text.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    assert!(imported.published + imported.refused.count >= filled.count() as u64);
}

/// A file of these bytes is read as CSV: refused for its header, or imported row by row.
pub fn csv(bytes: &[u8]) {
    imported(Format::Csv, bytes);
    let foreign = ReadOptions {
        set: vec![(RecordField::SensorId, "S".to_owned())],
        columns: vec![(RecordField::CollectTimestamp, "t".to_owned())],
        is_utc: true,
        delimiter: b';',
        has_decimal_comma: true,
        ignore_other_columns: true,
        ..ReadOptions::default()
    };
    imported_as(Format::Csv, foreign, bytes);
    table_of_sensors(bytes);
}

/// A table of sensors of these bytes is taken, or refused with its line.
fn table_of_sensors(bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let (file, table) = (folder.path().join("file"), folder.path().join("table"));
    let row = "sensor_id,collect_timestamp,seismic_amplitude\nS,1,1\n";
    std::fs::write(&file, row).unwrap();
    std::fs::write(&table, bytes).unwrap();
    let mut options = records::Options::new(Format::Csv, vec![file]);
    options.sensors = Some(table);
    match records::import(&Memory::new(), &options, &AtomicBool::new(false), &mut |_| {}) {
        Ok(summary) => assert_eq!(summary.published + summary.refused.count, 1),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Imports a file of these bytes; `None` when it is refused. Each record lies in the partition of
/// its sensor, and what is imported twice is there once.
fn imported(format: Format, bytes: &[u8]) -> Option<RecordsSummary> {
    imported_as(format, ReadOptions::default(), bytes)
}

/// As [`imported`], read in that way.
fn imported_as(format: Format, read: ReadOptions, bytes: &[u8]) -> Option<RecordsSummary> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, bytes).unwrap();
    let queue = Memory::new();
    let options = records::Options { read, ..records::Options::new(format, vec![file]) };
    let import = || records::import(&queue, &options, &AtomicBool::new(false), &mut |_| {});
    let first = match import() {
        Ok(summary) => summary,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return None;
        }
    };
    let topic = queue.topic(&options.topic).unwrap();
    let messages = messages_in_place(&queue, &topic);
    assert!(first.published >= messages && first.recognised == 0);
    assert!(first.refused.count == 0 || first.refused.first[0].contains("line "));
    let again = import().unwrap();
    assert_eq!((again.published, again.recognised), (first.published, messages));
    assert_eq!(again.refused, first.refused);
    assert_eq!(messages_in_place(&queue, &topic), messages);
    Some(first)
}

/// The number of messages. Those that have records are where their sensors belong.
fn messages_in_place(queue: &Memory, topic: &Topic) -> u64 {
    let (mut messages, mut records) = (0, Vec::new());
    for partition in topic.all() {
        let mut reader = queue.reader(topic, &[(partition, Offset(0))]).unwrap();
        while let Event::Batch(batch) = reader.read(Duration::ZERO, &mut vec![]).unwrap() {
            for message in batch.messages() {
                messages += 1;
                if decode::decode(message.value, &mut records).is_ok() {
                    let of = |sensor| partition_of(sensor, topic.partitions);
                    let sensors = records.iter().map(|record| record.sensor.of(message.value));
                    assert!(sensors.map(of).all(|at| at == partition));
                }
            }
        }
    }
    messages
}

/// A valid record.
pub fn record() -> Vec<u8> {
    SeismicRecord {
        sensor_id: "S001".into(),
        collect_timestamp: 1_592_925_898_946,
        longitude: -96.5,
        latitude: 15.67,
        depth: 10,
        seismic_amplitude: -0.5,
        frequency: 31,
        phase_type: "N".into(),
        data_quality: 1,
        network_status: 1,
        arrival_ms: 1_592_925_900_265,
    }
    .encode_to_vec()
}
