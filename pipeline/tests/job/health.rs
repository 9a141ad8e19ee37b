//! Sensor health on real recordings, with two clocks slowed down as in the 2018 event.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use seismic_ingest::files::openeew::{Options, import};
use seismic_pipeline::health::Health;
use seismic_pipeline::{Engine, Output, Rules};
use seismic_proto::{Message, SeismicRecordBatch};
use seismic_queue::memory::Memory;
use seismic_queue::{Event, Message as QueueMessage, Offset, Partition, Queue};

/// The slice of OpenEEW 2020 in the repository, message by message, one partition.
fn recordings() -> Vec<(Vec<u8>, SeismicRecordBatch)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/openeew-2020");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "gz"))
        .collect();
    files.sort();
    let options =
        Options { partitions: 1, ..Options::new(files, folder.join("devices_locations.csv")) };
    let queue = Memory::new();
    import(&queue, &options, &AtomicBool::new(false), &mut |_| {}).unwrap();
    let topic = queue.topic(&options.topic).unwrap();
    let mut reader = queue.reader(&topic, &[(Partition(0), Offset(0))]).unwrap();
    let mut messages = Vec::new();
    while let Event::Batch(batch) = reader.read(Duration::ZERO, &mut Vec::new()).unwrap() {
        let decode =
            |m: QueueMessage| (m.key.to_vec(), SeismicRecordBatch::decode(m.value).unwrap());
        messages.extend(batch.messages().map(decode));
    }
    messages
}

#[test]
fn slow_clocks_are_named_to_within_half_a_second_and_nothing_of_them_is_lost() {
    const SLOW: [(&str, i64); 2] = [("002", 1_816_000), ("024", 1_948_000)];
    let mut health = Health::default();
    let rules = Rules { lateness_ms: 20_000, ..Rules::default() };
    let mut engine = Engine::new(rules, "t", Partition(0), Offset(0));
    let mut out = Output::default();
    for (offset, (key, mut batch)) in recordings().into_iter().enumerate() {
        for record in &mut batch.records {
            let slow = SLOW.iter().find(|(sensor, _)| *sensor == record.sensor_id);
            record.collect_timestamp -= slow.map_or(0, |slow| slow.1);
        }
        let value = batch.encode_to_vec();
        let offset = Offset(offset as u64);
        let append_ms = batch.records[0].arrival_ms;
        let message = QueueMessage { offset, append_ms, key: &key, value: &value };
        health.see(message);
        // A feed that repeats itself, as that of this station did when it was recorded.
        if batch.records[0].sensor_id == "024" && offset.0.is_multiple_of(10) {
            health.see(message);
        }
        engine.step(message, &mut out);
    }
    assert_eq!(engine.counters().late(), 0, "{:?}", engine.counters());
    assert_eq!(engine.counters().rejected(), 0);

    let sensors = health.sensors();
    assert_eq!(sensors.len(), 3);
    for sensor in &sensors {
        let planted = SLOW.iter().find(|(slow, _)| *slow == sensor.sensor).map_or(0, |slow| slow.1);
        // Two of three are slow here, so the usual delay is itself slow: differences count.
        let usual = sensors.iter().find(|s| s.sensor == "005").unwrap().clock_offset_ms.unwrap();
        let found = sensor.clock_offset_ms.unwrap() - usual;
        assert!((found - planted).abs() <= 500, "{}: {found} for {planted}", sensor.sensor);
        let rate = sensor.rate_hz.unwrap();
        assert!((rate - 31.25).abs() < 0.5, "{}: {rate} Hz", sensor.sensor);
    }
    let of = |id: &str| sensors.iter().find(|sensor| sensor.sensor == id).unwrap();
    assert!(of("024").repeats > 0, "its feed repeats messages");
    assert_eq!(of("005").repeats, 0);
}
