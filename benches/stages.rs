//! The speed of each stage, in records/s: decoding, the whole engine, appending, reading, and a job
//! from a full queue to committed rows.
//!
//! `cargo bench` compares with the run before. Seeds are fixed; every stage gets the same records:
//! 1,000 sensors at 100 samples/s, about 50 bytes each, no anomalies.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use criterion::{BatchSize, Bencher, Criterion, Throughput, criterion_group, criterion_main};
use seismic_generator::{Options, generate};
use seismic_pipeline::{Engine, Finish, JobContext, Metrics, Output, Rules, Settings, decode, run};
use seismic_queue::memory::{Memory, MemoryStore};
use seismic_queue::{
    Append, Batch, Block, Event, Job, JobStore, Message, Offset, Partition, Queue, Topic,
};
use seismic_sqlite::{SqliteQueue, SqliteStore};

const RECORDS: u64 = 400_000;

fn options(pack: u32, partitions: u32) -> Options {
    Options {
        records: Some(RECORDS),
        sensors: 1_000,
        sample_rate_hz: 100.0,
        partitions,
        anomaly_percent: 0.0,
        seed: Some(1),
        start_ms: Some(1_600_000_000_000),
        pack,
        ..Options::default()
    }
}

fn fill(queue: &dyn Queue, pack: u32, partitions: u32) -> Topic {
    let stop = AtomicBool::new(false);
    generate(queue, &options(pack, partitions), &stop, &mut |_| {}).unwrap();
    queue.topic("seismic-data-topic").unwrap()
}

/// All messages of one partition, as a source gives them.
fn batches(queue: &dyn Queue, topic: &Topic) -> Vec<Batch> {
    let mut reader = queue.reader(topic, &[(Partition(0), Offset(0))]).unwrap();
    let mut batches = Vec::new();
    while let Event::Batch(batch) = reader.read(Duration::ZERO, &mut Vec::new()).unwrap() {
        batches.push(batch);
    }
    batches
}

fn core(c: &mut Criterion) {
    let mut group = c.benchmark_group("core");
    group.throughput(Throughput::Elements(RECORDS)).sample_size(10);
    for pack in [1, 100] {
        let queue = Memory::new();
        let topic = fill(&queue, pack, 1);
        let batches = batches(&queue, &topic);
        group.bench_function(format!("decode, {pack} a message"), |b| {
            let mut records = Vec::new();
            b.iter(|| {
                for message in batches.iter().flat_map(Batch::messages) {
                    decode::decode(message.value, &mut records).unwrap();
                    black_box(&records);
                }
            });
        });
        group.bench_function(format!("decode, clean and window, {pack} a message"), |b| {
            step_through(b, &batches);
        });
    }
    group.finish();
}

/// Decodes, cleans and windows all of it with a new engine.
fn step_through(b: &mut Bencher<'_>, batches: &[Batch]) {
    let mut out = Output::default();
    b.iter_batched_ref(
        || Engine::new(Rules::default(), "bench", Partition(0), Offset(0)),
        |engine| {
            for message in batches.iter().flat_map(Batch::messages) {
                engine.step(message, &mut out);
            }
            out.clear();
        },
        BatchSize::LargeInput,
    );
}

/// Many sensors, who send a record each, by turns or each round in another order.
fn many_sensors(c: &mut Criterion) {
    let mut group = c.benchmark_group("100,000 sensors");
    group.throughput(Throughput::Elements(5 * RECORDS)).sample_size(10);
    let (queue, stop) = (Memory::new(), AtomicBool::new(false));
    let options = Options {
        records: Some(5 * RECORDS),
        sensors: 100_000,
        sample_rate_hz: 10.0,
        ..options(1, 1)
    };
    generate(&queue, &options, &stop, &mut |_| {}).unwrap();
    let by_turns = batches(&queue, &queue.topic("seismic-data-topic").unwrap());
    let shuffled = shuffled(&by_turns);
    for (order, batches) in [("by turns", by_turns), ("in any order", shuffled)] {
        group.bench_function(format!("decode, clean and window, {order}"), |b| {
            step_through(b, &batches);
        });
    }
    group.finish();
}

/// The same messages, each round of all sensors in another order.
fn shuffled(batches: &[Batch]) -> Vec<Batch> {
    let mut messages: Vec<_> = batches.iter().flat_map(Batch::messages).collect();
    let mut random = 88_172_645_463_325_252u64;
    for round in messages.chunks_mut(100_000) {
        for i in (1..round.len()).rev() {
            // Xorshift: any order that has nothing to do with that of the sensors.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            round.swap(i, (random % (i as u64 + 1)) as usize);
        }
    }
    let mut next = Offset(0);
    let batch = |messages: &[Message<'_>]| {
        let mut batch = Batch::default();
        batch.reset(Partition(0), next);
        for message in messages {
            batch.push(Message { offset: next, ..*message });
            next = next.next();
        }
        batch
    };
    messages.chunks(10_000).map(batch).collect()
}

/// The messages of partition 0 as blocks of the size that producers use.
fn blocks(batches: &[Batch]) -> Vec<Block> {
    let mut blocks = vec![Block::default()];
    for message in batches.iter().flat_map(Batch::messages) {
        if blocks.last().unwrap().bytes().len() >= seismic_queue::limits::BLOCK_BYTES {
            blocks.push(Block::default());
        }
        blocks.last_mut().unwrap().push(message.key, message.value).unwrap();
    }
    blocks
}

fn queue(c: &mut Criterion) {
    let mut group = c.benchmark_group("sqlite queue");
    group.throughput(Throughput::Elements(RECORDS)).sample_size(10);
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory::new();
    let topic = fill(&memory, 1, 1);
    let blocks = blocks(&batches(&memory, &topic));
    let queue = SqliteQueue::open(&folder.path().join("append.db")).unwrap();
    let mut run = 0;
    group.bench_function("append, durable", |b| {
        b.iter(|| {
            run += 1;
            let topic = queue.create(&format!("topic{run}"), 1).unwrap();
            let mut producer = queue.producer(&topic, "bench").unwrap();
            let mut first_sequence = 0;
            for block in &blocks {
                let append = Append { partition: Partition(0), first_sequence, block };
                producer.append(&[append]).unwrap();
                first_sequence += u64::from(block.count());
            }
        });
    });
    let topic = queue.topic("topic1").unwrap();
    group.bench_function("read", |b| {
        let mut spare = Vec::new();
        b.iter(|| {
            let mut reader = queue.reader(&topic, &[(Partition(0), Offset(0))]).unwrap();
            let mut messages = 0;
            while let Event::Batch(batch) = reader.read(Duration::ZERO, &mut spare).unwrap() {
                messages += batch.len();
                spare.push(batch);
            }
            assert_eq!(messages as u64, RECORDS);
        });
    });
    group.finish();
}

fn drain(queue: &dyn Queue, topic: &Topic, store: &dyn JobStore) {
    let job = Job::plain("bench", topic.clone(), ["rows", "dead"]);
    let settings = Settings { finish: Finish::Drain, ..Settings::default() };
    let lease = store.acquire(&job).unwrap();
    let (progress, stop) = (Metrics::default(), Arc::new(AtomicBool::new(false)));
    let (job, lease, settings) = (&job, &*lease, &settings);
    run(
        JobContext { queue, store, lease, job, slots: 2, kind: &Rules::default(), settings },
        &stop,
        &progress,
    )
    .unwrap();
    assert_eq!(progress.records(), RECORDS);
}

fn whole_drain(c: &mut Criterion) {
    let mut group = c.benchmark_group("drain, 2 slots");
    group.throughput(Throughput::Elements(RECORDS)).sample_size(10);
    for pack in [1, 100] {
        let memory = Memory::new();
        let topic = fill(&memory, pack, 4);
        group.bench_function(format!("memory, {pack} a message"), |b| {
            b.iter(|| drain(&memory, &topic, &MemoryStore::new()));
        });
        let folder = tempfile::tempdir().unwrap();
        let queue = SqliteQueue::open(&folder.path().join("queue.db")).unwrap();
        let topic = fill(&queue, pack, 4);
        let mut run = 0;
        group.bench_function(format!("sqlite, {pack} a message"), |b| {
            b.iter(|| {
                run += 1;
                let store = SqliteStore::open(&folder.path().join(format!("{run}.db"))).unwrap();
                drain(&queue, &topic, &store);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, core, many_sensors, queue, whole_drain);
criterion_main!(benches);
