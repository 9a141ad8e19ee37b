//! **publish**: durable appends of records that are encoded already, one call after the other, by
//! size of block and records per message. The time to generate records is not included.

use std::time::{Duration, Instant};

use seismic_generator::generate;
use seismic_queue::memory::Memory;
use seismic_queue::{Append, Block, Event, Offset, Partition, Queue, limits};

use super::context::Bench;
use super::report::{Cell, Column, Table};
use super::workload::Backlog;
use super::workspace::TestTopic;

/// What producers do when records come slowly, one in between, and what they do when they come
/// fast.
const BLOCK_BYTES: [usize; 3] = [16 << 10, 128 << 10, limits::BLOCK_BYTES];

const COLUMNS: &[Column] = &[
    Column { name: "block_bytes", title: "bytes/block", decimals: 0 },
    Column { name: "records_per_message", title: "records/message", decimals: 0 },
    Column { name: "records_per_s", title: "records/s", decimals: 0 },
    Column { name: "ratio_to_limit", title: "× limit", decimals: 2 },
    Column { name: "mb_per_s", title: "MB/s", decimals: 1 },
    Column { name: "ms_per_block", title: "ms/block", decimals: 2 },
];

/// What is measured.
pub fn cases(bench: &Bench<'_>) -> Vec<(Backlog, usize)> {
    let loads = [bench.workload.standard(), bench.workload.packed()];
    loads.into_iter().flat_map(|load| BLOCK_BYTES.map(|bytes| (load, bytes))).collect()
}

/// Measures.
pub fn measure(bench: &Bench<'_>) -> anyhow::Result<Table> {
    let about = "encoded records, durably, one block after the other";
    let mut table = Table::new("publish", about, COLUMNS);
    for (load, block_bytes) in cases(bench) {
        bench.step(format_args!("publish, blocks of {block_bytes} bytes"))?;
        let blocks = Blocks::make(bench, &load, block_bytes)?;
        let test = bench.workspace.topic("publish", bench.partitions())?;
        let published = blocks.publish(bench, &test)?;
        let limit = bench.limit(&load);
        table.push(published.row(block_bytes, load.pack, limit.records_per_s));
    }
    Ok(table)
}

/// Records in memory, encoded as they will be stored.
struct Blocks {
    partitions: u32,
    blocks: Vec<Block>,
    records_per_message: u32,
}

/// What was appended, and how long it took.
struct Published {
    records: f64,
    bytes: u64,
    appends: u64,
    time: Duration,
}

impl Blocks {
    fn make(bench: &Bench<'_>, load: &Backlog, block_bytes: usize) -> anyhow::Result<Self> {
        let memory = Memory::new();
        let load = Backlog { records: bench.workload.publish_records, ..*load };
        // One partition: every message is as full as it can be.
        let options = bench.options(&load, "made", 1);
        generate(&memory, &options, bench.stop, &mut |_| {})?;
        bench.check()?;
        let topic = memory.topic("made")?;
        let mut reader = memory.reader(&topic, &[(Partition(0), Offset(0))])?;
        let (mut blocks, mut spare) = (vec![Block::default()], Vec::new());
        while let Event::Batch(batch) = reader.read(Duration::ZERO, &mut spare)? {
            for message in batch.messages() {
                if blocks.last().is_none_or(|block| block.bytes().len() >= block_bytes) {
                    blocks.push(Block::default());
                }
                if let Some(block) = blocks.last_mut() {
                    block.push(message.key, message.value)?;
                }
            }
            spare.push(batch);
        }
        Ok(Blocks { partitions: bench.partitions(), blocks, records_per_message: load.pack })
    }

    /// Appends them, in turn to each partition, until all are there or the time is over.
    fn publish(&self, bench: &Bench<'_>, test: &TestTopic) -> anyhow::Result<Published> {
        let mut producer = test.producer()?;
        let mut sequences = vec![0; self.partitions as usize];
        let mut published = Published { records: 0.0, bytes: 0, appends: 0, time: Duration::ZERO };
        let began = Instant::now();
        for (block, number) in self.blocks.iter().cycle().zip(0u32..) {
            let partition = Partition(number % self.partitions);
            let sequence: &mut u64 = &mut sequences[partition.0 as usize];
            producer.append(&[Append { partition, first_sequence: *sequence, block }])?;
            *sequence += u64::from(block.count());
            published.records += f64::from(block.count()) * f64::from(self.records_per_message);
            published.bytes += block.bytes().len() as u64;
            published.appends += 1;
            published.time = began.elapsed();
            bench.check()?;
            if published.time >= bench.workload.publish_time {
                break;
            }
        }
        Ok(published)
    }
}

impl Published {
    fn row(&self, block_bytes: usize, pack: u32, limit: f64) -> Vec<Cell> {
        let seconds = self.time.as_secs_f64();
        let records_per_s = self.records / seconds;
        vec![
            block_bytes.into(),
            pack.into(),
            records_per_s.into(),
            (records_per_s / limit).into(),
            (self.bytes as f64 / 1e6 / seconds).into(),
            (seconds * 1e3 / self.appends as f64).into(),
        ]
    }
}
