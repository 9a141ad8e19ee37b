//! The stages: each is prepared and can then be run once. Everything is fixed, and nothing waits
//! for a clock: 100 sensors at 100 samples/s, 100 records a window, no anomalies, one partition.
#![allow(clippy::unwrap_used, reason = "a bench")]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use seismic_generator::{Plan, Stream};
use seismic_pipeline::{Engine, Finish, JobContext, Metrics, Output, Rules, Settings, decode, run};
use seismic_queue::{
    Append, Batch, Block, Commit, FencingToken, Job, JobStore, Offset, Partition, PartitionCommit,
    Queue, Topic, limits,
};
use seismic_sqlite::{SqliteQueue, SqliteStore};

/// Records of the load: five windows of each sensor.
const RECORDS: u64 = 50_000;

/// Sensors of the load.
const SENSORS: u32 = 100;

/// Records between two commits: 100 windows.
const COMMIT_RECORDS: u64 = 10_000;

/// How many times the rows of all records are committed.
const COMMIT_ROUNDS: u64 = 20;

/// Sensors of the stage that asks who is silent, and how often it asks in an idle timeout.
const IDLE_SENSORS: u64 = 100_000;
const IDLE_QUESTIONS: u64 = 8;

/// Records that a stage stands for; of `idle`, sensors.
pub fn records(stage: &str) -> u64 {
    match stage {
        "commit" => RECORDS * COMMIT_ROUNDS,
        "idle" => IDLE_SENSORS,
        _ => RECORDS,
    }
}

/// Stages, in the order in which data moves.
pub const NAMES: [&str; 5] = ["decode", "engine", "idle", "commit", "drain"];

/// Prepares a stage.
pub fn prepare(stage: &str) -> Result<Box<dyn FnOnce()>, String> {
    match stage {
        "decode" => Ok(decode()),
        "engine" => Ok(engine()),
        "idle" => Ok(idle()),
        "commit" => Ok(commit()),
        "drain" => Ok(drain(RECORDS)),
        _ => Err(format!("there is no stage {stage:?}")),
    }
}

/// This many records of that many sensors, encoded, in blocks. Made here and not by `generate`,
/// whose threads do a little more or less each time.
fn blocks(records: u64, sensors: u32) -> Vec<Block> {
    let plan = Plan {
        records,
        sensors,
        partitions: 1,
        seed: 1,
        start_ms: 1_600_000_000_000,
        records_per_second: f64::from(sensors) * 100.0,
        frequency_hz: 100,
        anomaly_percent: 0.0,
        pack: 1,
        live: false,
        producer: "bench".into(),
    };
    let (mut stream, mut blocks) = (Stream::new(&plan), vec![Block::default()]);
    for _ in 0..records {
        if blocks.last().unwrap().bytes().len() >= limits::BLOCK_BYTES {
            blocks.push(Block::default());
        }
        let made = stream.next_record();
        blocks.last_mut().unwrap().push(made.key, made.value).unwrap();
    }
    blocks
}

/// The same, as a source gives them.
fn batches(records: u64, sensors: u32) -> Vec<Batch> {
    let mut next = Offset(0);
    let batch = |block: &Block| {
        let mut batch = Batch::default();
        batch.reset(Partition(0), next);
        assert!(batch.push_block(next, block.count(), 1_600_000_100_000, block.bytes()));
        next = batch.next();
        batch
    };
    blocks(records, sensors).iter().map(batch).collect()
}

fn new_engine() -> Engine {
    Engine::new(Rules::default(), "bench", Partition(0), Offset(0))
}

/// Messages to records.
fn decode() -> Box<dyn FnOnce()> {
    let batches = batches(RECORDS, SENSORS);
    Box::new(move || {
        let mut records = Vec::new();
        for batch in &batches {
            batch.messages().for_each(|message| {
                decode::decode(message.value, &mut records).unwrap();
                black_box(&records);
            });
        }
    })
}

/// Messages to rows: decoding, cleaning, windows.
fn engine() -> Box<dyn FnOnce()> {
    let (batches, mut engine, mut out) =
        (batches(RECORDS, SENSORS), new_engine(), Output::default());
    Box::new(move || {
        for batch in &batches {
            batch.messages().for_each(|message| engine.step(message, &mut out));
        }
        black_box(&out);
    })
}

/// Who is silent: the questions of one idle timeout, when many sensors have a window open and all
/// have spoken since.
fn idle() -> Box<dyn FnOnce()> {
    let (mut engine, mut out) = (new_engine(), Output::default());
    let every = IDLE_SENSORS / IDLE_QUESTIONS;
    for message in batches(2 * IDLE_SENSORS, IDLE_SENSORS as u32).iter().flat_map(Batch::messages) {
        if message.offset.0 % every == 0 {
            engine.close_idle(Offset(0), &mut out);
        }
        engine.step(message, &mut out);
    }
    Box::new(move || {
        for question in 1..=IDLE_QUESTIONS {
            assert!(!engine.close_idle(Offset(question * every), &mut out), "nobody is silent");
        }
    })
}

fn commit_of(number: u64, rows: Block) -> Commit {
    let next = Offset(number * COMMIT_RECORDS);
    let (outputs, new) = (vec![rows], PartitionCommit::new(Partition(0)));
    let partition = PartitionCommit { number, next, outputs, ..new };
    Commit { partitions: vec![partition] }
}

fn job(input: Topic) -> Job {
    Job::plain("bench", input, ["rows", "dead"])
}

/// Rows to the store file: all rows [`COMMIT_ROUNDS`] times, since there is one for 100 records
/// only.
fn commit() -> Box<dyn FnOnce()> {
    let (mut engine, mut out, mut rows) = (new_engine(), Output::default(), Vec::new());
    for message in batches(RECORDS, SENSORS).iter().flat_map(Batch::messages) {
        engine.step(message, &mut out);
        if engine.position().0 % COMMIT_RECORDS == 0 {
            rows.push(std::mem::take(&mut out.rows));
        }
    }
    let rounds = std::iter::repeat_n(rows, COMMIT_ROUNDS as usize).flatten();
    let commits: Vec<_> = (1..).zip(rounds).map(|(number, rows)| commit_of(number, rows)).collect();
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("home.db")).unwrap();
    let queue = SqliteQueue::open(&folder.path().join("queue.db")).unwrap();
    let lease = store.acquire(&job(queue.create("input", 1).unwrap())).unwrap();
    let mut committer = lease.committer().unwrap();
    committer.load(&FencingToken::Sole, &[Partition(0)]).unwrap();
    Box::new(move || {
        for commit in &commits {
            committer.commit(&FencingToken::Sole, commit).unwrap();
        }
        drop((lease, store, queue, folder));
    })
}

/// A whole job, file to file: read, decode, clean, window, commit. Commits and snapshots wait for
/// sizes and for the end, never for time.
pub fn drain(records: u64) -> Box<dyn FnOnce()> {
    let folder = tempfile::tempdir().unwrap();
    let queue = SqliteQueue::open(&folder.path().join("queue.db")).unwrap();
    let topic = queue.create("input", 1).unwrap();
    let mut producer = queue.producer(&topic, "bench").unwrap();
    let mut first_sequence = 0;
    for block in &blocks(records, SENSORS) {
        let append = Append { partition: Partition(0), first_sequence, block };
        first_sequence += producer.append(&[append]).unwrap().written;
    }
    drop(producer);
    let job = job(topic);
    let store = SqliteStore::open(&folder.path().join("home.db")).unwrap();
    let lease = store.acquire(&job).unwrap();
    Box::new(move || {
        let settings = Settings {
            finish: Finish::Drain,
            idle_timeout: Duration::ZERO,
            commit_every: Duration::from_secs(3_600),
            snapshot_every: Duration::from_secs(3_600),
            ..Settings::default()
        };
        let (stop, progress) = (Arc::new(AtomicBool::new(false)), Metrics::default());
        let (queue, store, lease) = (&queue, &store, &*lease);
        let job = JobContext {
            queue,
            store,
            lease,
            job: &job,
            slots: 1,
            kind: &Rules::default(),
            settings: &settings,
        };
        run(job, &stop, &progress).unwrap();
        assert_eq!(progress.records(), records);
        drop(folder);
    })
}
