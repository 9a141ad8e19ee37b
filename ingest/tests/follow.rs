//! Files and folders that are followed: each record is imported once, whatever names and copies its
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
use seismic_queue::{
    Append, AppendTimes, Block, Diagnose, Event, Finding, HeldBack, Hold, ImportLog,
    KnownProducers, Member, Need, Offset, OpenTransaction, Partition, Policy, Producer, Queue,
    Reader, Result, Retained, Retention, Source, Span, Topic,
};
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
struct Imported {
    folder: TempDir,
    queue: Box<dyn Queue>,
    options: Options,
}

impl Imported {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = vec![folder.path().to_owned()];
        let options = Options { partitions: 1, ..Options::new(Format::Csv, files) };
        Imported { folder, queue: Box::new(Memory::new()), options }
    }

    /// With a queue that keeps no notes.
    fn forgetful() -> Self {
        let place = Self::new();
        let options = Options { again: true, ..place.options };
        Imported { queue: Box::new(Forgetful(Memory::new())), options, ..place }
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
            let run = || import(&*self.queue, &options, &stop, &mut |_| {}).unwrap();
            let following = scope.spawn(run);
            meanwhile();
            stop.store(true, Ordering::Relaxed);
            following.join().unwrap()
        })
    }
}

#[test]
fn links_and_copies_of_a_followed_file_add_nothing() {
    let place = Imported::new();
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
        // In one step: a copy that is frozen half-way for long is a file of its own.
        fs::copy(&log, place.at(".log.1")).unwrap();
        fs::rename(place.at(".log.1"), place.at("log.1")).unwrap();
        place.wait_for_scans(100);
        // Whichever of the copies continues, it continues behind what is in.
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
    let place = Imported::new();
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
    let place = Imported::new();
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
    let place = Imported::new();
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
    let import = || import(&*place.queue, &plain, &AtomicBool::new(false), &mut |_| {}).unwrap();
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

#[test]
fn without_notes_of_the_queue_each_line_is_published_once_a_process_if_that_is_asked_for() {
    let place = Imported::forgetful();
    let log = place.write("log", &format!("{HEADER}{}", rows(0..3)));
    let refused = Options { follow: true, again: false, ..place.options.clone() };
    let error = import(&*place.queue, &refused, &AtomicBool::new(true), &mut |_| {}).unwrap_err();
    assert!(matches!(error, seismic_ingest::Error::NoFollowing { .. }), "{error}");

    let summary = place.follow(|| {
        place.wait_for(2);
        append(&log, &rows(3..5));
        place.wait_for(4);
        // It is rotated: the old one is read to its end, and the new one begins.
        append(&log, &rows(5..6));
        fs::rename(&log, place.at("log.1")).unwrap();
        place.write("log", &format!("{HEADER}{}", rows(6..8)));
        place.wait_for(7);
        fs::copy(place.at("log.1"), place.at("copy")).unwrap();
        place.wait_for_scans(100);
    });
    assert!(!summary.resumable && summary.stopped);
    let all: Vec<i64> = (0..8).chain(100..103).collect();
    assert_eq!(place.times(), all);

    // The next process knows nothing, and says so beforehand: everything comes again.
    place.follow(|| place.wait_for_scans(200));
    let mut twice: Vec<i64> = all.iter().chain(&all).copied().chain(200..203).collect();
    twice.sort_unstable();
    assert_eq!(place.times(), twice);
}

/// A queue that cannot keep notes.
struct Forgetful(Memory);

impl Queue for Forgetful {
    fn name(&self) -> String {
        "a queue without notes".to_owned()
    }

    fn topics(&self) -> Result<Vec<Topic>> {
        self.0.topics()
    }

    fn topic(&self, name: &str) -> Result<Topic> {
        self.0.topic(name)
    }

    fn create(&self, name: &str, partitions: u32) -> Result<Topic> {
        self.0.create(name, partitions)
    }

    fn spans(&self, topic: &Topic) -> Result<Vec<Span>> {
        self.0.spans(topic)
    }

    fn offset_at(&self, topic: &Topic, partition: Partition, time_ms: i64) -> Result<Offset> {
        self.0.offset_at(topic, partition, time_ms)
    }

    fn producer(&self, topic: &Topic, id: &str) -> Result<Box<dyn Producer>> {
        self.0.producer(topic, id)
    }

    fn known_producers(&self, topic: &Topic) -> Result<Option<KnownProducers>> {
        self.0.known_producers(topic)
    }

    fn import_log(&self, _: &Topic) -> Result<Option<Box<dyn ImportLog>>> {
        Ok(None)
    }

    fn reader(&self, topic: &Topic, at: &[(Partition, Offset)]) -> Result<Box<dyn Reader>> {
        self.0.reader(topic, at)
    }

    fn source(&self, topic: &Topic, partitions: &[Partition]) -> Result<Box<dyn Source>> {
        self.0.source(topic, partitions)
    }

    fn member(&self, topic: &Topic, member: &Member) -> Result<Box<dyn Source>> {
        self.0.member(topic, member)
    }
}

impl Retention for Forgetful {
    fn hold(&self, topic: &Topic, holder: &str, at: &[(Partition, Offset)]) -> Result<()> {
        self.0.hold(topic, holder, at)
    }

    fn holds(&self, topic: &Topic) -> Result<Vec<Hold>> {
        self.0.holds(topic)
    }

    fn policy(&self, topic: &Topic) -> Result<Policy> {
        self.0.policy(topic)
    }

    fn set_policy(&self, topic: &Topic, policy: Policy) -> Result<()> {
        self.0.set_policy(topic, policy)
    }

    fn held(&self, topic: &Topic) -> Result<Vec<HeldBack>> {
        self.0.held(topic)
    }

    fn retain(&self, topic: &Topic, past_holds: bool) -> Result<Vec<Retained>> {
        self.0.retain(topic, past_holds)
    }

    fn trim(&self, topic: &Topic, below: &[(Partition, Offset)]) -> Result<()> {
        self.0.trim(topic, below)
    }
}

impl Diagnose for Forgetful {
    fn check_place(&self) -> Result<()> {
        self.0.check_place()
    }

    fn check_topic(&self, topic: &Topic) -> Result<()> {
        self.0.check_topic(topic)
    }

    fn append_times(&self, topic: &Topic) -> Result<AppendTimes> {
        self.0.append_times(topic)
    }

    fn examine(&self, topic: Option<&Topic>) -> Result<Vec<Finding>> {
        self.0.examine(topic)
    }

    fn open_transactions(&self, topic: &Topic) -> Result<Vec<OpenTransaction>> {
        self.0.open_transactions(topic)
    }

    fn look_at(&self, transactions: &mut [OpenTransaction]) {
        self.0.look_at(transactions);
    }

    fn examine_rights(&self, needs: &[Need]) -> Result<Vec<Finding>> {
        self.0.examine_rights(needs)
    }
}
