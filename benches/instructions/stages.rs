//! The stages: each is prepared, and then can be done once. Everything is fixed, and nothing waits
//! for a clock: 100 sensors at 100 samples/s, 100 records a window, no anomalies, one partition.
#![allow(clippy::unwrap_used, reason = "a bench")]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use seismic_generator::{Options, generate};
use seismic_pipeline::{Engine, Finish, Out, Progress, Rules, RunJob, Settings, decode, run};
use seismic_queue::memory::Memory;
use seismic_queue::sqlite::{SqliteHome, SqliteQueue};
use seismic_queue::{
    Batch, Claim, Commit, Event, Home, Job, Offset, Partition, PartitionCommit, Queue, Topic,
};

/// Records of every stage: five windows of each sensor.
pub const RECORDS: u64 = 50_000;

/// Records between two commits: 100 windows.
const COMMIT_RECORDS: u64 = 10_000;

/// Stages, in the order in which data moves.
pub const NAMES: [&str; 4] = ["decode", "engine", "commit", "drain"];

/// Prepares a stage.
pub fn prepare(stage: &str) -> Result<Box<dyn FnOnce()>, String> {
    match stage {
        "decode" => Ok(decode()),
        "engine" => Ok(engine()),
        "commit" => Ok(commit()),
        "drain" => Ok(drain()),
        _ => Err(format!("there is no stage {stage:?}")),
    }
}

fn fill(queue: &dyn Queue) -> Topic {
    let options = Options {
        records: Some(RECORDS),
        sensors: 100,
        sample_rate_hz: 100.0,
        partitions: 1,
        anomaly_percent: 0.0,
        seed: Some(1),
        start_ms: Some(1_600_000_000_000),
        ..Options::default()
    };
    generate(queue, &options, &AtomicBool::new(false), &mut |_| {}).unwrap();
    queue.topic(&options.topic).unwrap()
}

fn batches() -> Vec<Batch> {
    let queue = Memory::new();
    let topic = fill(&queue);
    let mut reader = queue.reader(&topic, &[(Partition(0), Offset(0))]).unwrap();
    let mut batches = Vec::new();
    while let Event::Batch(batch) = reader.read(Duration::ZERO, &mut Vec::new()).unwrap() {
        batches.push(batch);
    }
    batches
}

fn new_engine() -> Engine {
    Engine::new(Rules::default(), "bench", Partition(0), Offset(0))
}

/// Messages to records.
fn decode() -> Box<dyn FnOnce()> {
    let batches = batches();
    Box::new(move || {
        let mut records = Vec::new();
        for message in batches.iter().flat_map(Batch::messages) {
            decode::decode(message.value, &mut records).unwrap();
            black_box(&records);
        }
    })
}

/// Messages to rows: decoding, cleaning, windows.
fn engine() -> Box<dyn FnOnce()> {
    let (batches, mut engine, mut out) = (batches(), new_engine(), Out::default());
    Box::new(move || {
        for message in batches.iter().flat_map(Batch::messages) {
            engine.step(message, &mut out);
        }
        black_box(&out);
    })
}

fn job(input: Topic) -> Job {
    let (result_topic, dead_topic) = ("rows".into(), "dead".into());
    Job { group: "bench".into(), input, result_topic, dead_topic, rollup_topics: Vec::new() }
}

/// Rows to the home file.
fn commit() -> Box<dyn FnOnce()> {
    let (mut engine, mut out, mut commits) = (new_engine(), Out::default(), Vec::new());
    for message in batches().iter().flat_map(Batch::messages) {
        engine.step(message, &mut out);
        if engine.position().0 % COMMIT_RECORDS == 0 {
            let partition = PartitionCommit {
                number: commits.len() as u64 + 1,
                next: engine.position(),
                rows: std::mem::take(&mut out.rows),
                ..PartitionCommit::new(Partition(0))
            };
            commits.push(Commit { partitions: vec![partition] });
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let home = SqliteHome::open(&folder.path().join("home.db")).unwrap();
    let queue = SqliteQueue::open(&folder.path().join("queue.db")).unwrap();
    let owner = home.own(&job(queue.create("input", 1).unwrap())).unwrap();
    let mut committer = owner.committer().unwrap();
    committer.load(&Claim::Sole, &[Partition(0)]).unwrap();
    Box::new(move || {
        for commit in &commits {
            committer.commit(&Claim::Sole, commit).unwrap();
        }
        drop((owner, home, queue, folder));
    })
}

/// A whole job, file to file: read, decode, clean, window, commit. Commits and snapshots wait for
/// sizes and for the end, never for time.
fn drain() -> Box<dyn FnOnce()> {
    let folder = tempfile::tempdir().unwrap();
    let queue = SqliteQueue::open(&folder.path().join("queue.db")).unwrap();
    let job = job(fill(&queue));
    let home = SqliteHome::open(&folder.path().join("home.db")).unwrap();
    let owner = home.own(&job).unwrap();
    Box::new(move || {
        let settings = Settings {
            finish: Finish::Drain,
            idle_timeout: Duration::ZERO,
            commit_every: Duration::from_secs(3_600),
            snapshot_every: Duration::from_secs(3_600),
            ..Settings::default()
        };
        let (stop, progress) = (Arc::new(AtomicBool::new(false)), Progress::default());
        let (queue, home, owner) = (&queue, &home, &*owner);
        let job = RunJob { queue, home, owner, job: &job, slots: 1, settings: &settings };
        run(job, &stop, &progress).unwrap();
        assert_eq!(progress.records(), RECORDS);
        drop(folder);
    })
}
