//! Files and folders that are followed: each record is there once, whatever names and copies its
//! file has.

#![allow(clippy::unwrap_used, reason = "tests may")]

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use seismic_ingest::files::records::{Format, Options, RecordsSummary, import};
use seismic_ingest::producer_name;
use seismic_proto::{Message, SeismicRecord};
use seismic_queue::memory::Memory;
use seismic_queue::{Append, Block, Event, Offset, Partition, Queue};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const HEADER: &str = "sensor_id,collect_timestamp,seismic_amplitude,phase_type,data_quality\n";

/// Rows of sensor A of these times.
fn rows(times: std::ops::Range<i64>) -> String {
    times.map(|time| format!("A,{time},1.0,N,1\n")).collect()
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// A folder and a queue with one partition.
struct Place {
    folder: TempDir,
    queue: Memory,
    options: Options,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = vec![folder.path().to_owned()];
        let options = Options { partitions: 1, ..Options::new(Format::Csv, files) };
        Place { folder, queue: Memory::new(), options }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.at(name), text).unwrap();
        self.at(name)
    }

    fn times(&self) -> Vec<i64> {
        let topic = self.queue.topic(&self.options.topic).unwrap();
        let mut reader = self.queue.reader(&topic, &[(Partition(0), Offset(0))]).unwrap();
        let mut found = Vec::new();
        while let Event::Batch(batch) = reader.read(Duration::from_secs(5), &mut vec![]).unwrap() {
            let records = batch.messages().map(|m| SeismicRecord::decode(m.value).unwrap());
            found.extend(records.map(|record| record.collect_timestamp));
        }
        found.sort_unstable();
        found
    }

    /// Waits for a record of that time.
    fn wait_for(&self, time: i64) {
        let until = Instant::now() + Duration::from_secs(60);
        while self.queue.topic(&self.options.topic).is_err() || !self.times().contains(&time) {
            assert!(Instant::now() < until, "{time} does not come");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Lets the folder be looked through some more times.
    fn wait_for_scans(&self, from: i64) {
        for time in from..from + 3 {
            self.write(&format!("mark{time}"), &format!("{HEADER}{}", rows(time..time + 1)));
            self.wait_for(time);
        }
    }

    /// Follows the folder while `meanwhile` runs.
    fn follow(&self, meanwhile: impl FnOnce()) -> RecordsSummary {
        let options = Options { follow: true, ..self.options.clone() };
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let run = || import(&self.queue, &options, &stop, &mut |_| {}).unwrap();
            let following = scope.spawn(run);
            meanwhile();
            stop.store(true, Ordering::Relaxed);
            following.join().unwrap()
        })
    }
}

#[test]
fn links_and_copies_of_a_followed_file_add_nothing() {
    let place = Place::new();
    let log = place.write("m", &format!("{HEADER}{}", rows(0..3)));
    let empty = place.write("empty", HEADER);
    std::os::unix::fs::symlink(&log, place.at("a")).unwrap();
    std::os::unix::fs::symlink(&empty, place.at("b")).unwrap();
    fs::hard_link(&log, place.at("h")).unwrap();
    place.write("copy", &format!("{HEADER}{}", rows(0..3)));
    place.write("z", &format!("{HEADER}{}", rows(0..2)));
    place.follow(|| {
        place.wait_for(2);
        append(&log, &rows(3..5));
        place.wait_for(4);
        append(&empty, "A,50,1.0,N,1\n");
        place.wait_for(50);
        std::os::unix::fs::symlink(&log, place.at("later")).unwrap();
        // In one step: a copy that stands still half-way for long is a file of its own.
        fs::copy(&log, place.at(".log.1")).unwrap();
        fs::rename(place.at(".log.1"), place.at("log.1")).unwrap();
        place.wait_for_scans(100);
        // Whichever of the copies goes on, it goes on behind what is in.
        append(&log, &rows(5..6));
        append(&place.at("copy"), &rows(3..7));
        place.wait_for(6);
        place.wait_for_scans(200);
        append(&log, &rows(6..8));
        place.wait_for(7);
    });
    let marks = (100..103).chain(200..203);
    assert_eq!(place.times(), (0..8).chain([50]).chain(marks).collect::<Vec<_>>());
}

#[test]
fn a_log_that_is_copied_and_cut_goes_on_and_loses_nothing() {
    let place = Place::new();
    let log = place.write("log", &format!("{HEADER}{}", rows(0..3)));
    place.follow(|| {
        place.wait_for(2);
        let whole = format!("{HEADER}{}", rows(0..5));
        place.write(".copy", &whole);
        fs::rename(place.at(".copy"), place.at("log.1")).unwrap();
        fs::write(&log, format!("{HEADER}A,9,1.0,N,1\n")).unwrap();
        place.wait_for(4);
        place.wait_for(9);
    });
    assert_eq!(place.times(), [0, 1, 2, 3, 4, 9]);
}

#[test]
fn a_file_that_cannot_be_read_is_counted_once() {
    let place = Place::new();
    place.write("bad", "no_field,other\n1,2\n");
    let summary = place.follow(|| {
        place.wait_for_scans(0);
        place.write("worse", "PK\u{3}\u{4}");
        place.wait_for_scans(10);
    });
    assert_eq!(summary.unread.count, 2, "{summary:?}");
}

#[test]
fn what_an_earlier_version_imported_is_known_and_not_followed() {
    let place = Place::new();
    let log = place.write("log", &format!("{HEADER}{}", rows(0..3)));
    let Options { topic, partitions, .. } = &place.options;
    let made = place.queue.create(topic, *partitions).unwrap();
    let mut name = format!("1 Csv {topic} {partitions} 1 ").into_bytes();
    name.extend_from_slice(&Sha256::digest(fs::read(&log).unwrap()));
    let name = producer_name::by_content("records", &name);
    let mut producer = place.queue.producer(&made, &name).unwrap();
    let append = |producer: &mut dyn seismic_queue::Producer, times: std::ops::Range<i64>| {
        let mut block = Block::default();
        let first_sequence = times.start as u64;
        for collect_timestamp in times {
            let record = SeismicRecord { collect_timestamp, ..Default::default() };
            block.push(b"A", &record.encode_to_vec()).unwrap();
        }
        let append = Append { partition: Partition(0), first_sequence, block: &block };
        producer.append(&[append]).unwrap();
    };
    append(&mut *producer, 0..2);
    let plain = Options { files: vec![log.clone()], ..place.options.clone() };
    let import = || import(&place.queue, &plain, &AtomicBool::new(false), &mut |_| {}).unwrap();
    // Of one that was broken off, nobody knows how it would go on.
    let half = import();
    assert_eq!((half.published, half.recognised, half.unread.count), (2, 2, 1), "{half:?}");
    append(&mut *producer, 2..3);
    let whole = import();
    assert_eq!((whole.published, whole.recognised, whole.unread.count), (3, 3, 0), "{whole:?}");
    let summary = place.follow(|| place.wait_for_scans(10));
    assert_eq!((summary.recognised, summary.published), (3, 6), "{summary:?}");
    assert_eq!(place.times(), [0, 1, 2, 10, 11, 12]);
}
