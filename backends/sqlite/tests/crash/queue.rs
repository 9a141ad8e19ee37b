//! A queue under test: two topics, one with appends to both partitions, one that is rewound.

use std::path::Path;
use std::time::Duration;

use seismic_queue::failpoints::APPEND_IN_TRANSACTION;
use seismic_queue::{
    Append, Appended, Block, Event, Offset, Partition, Policy, Queue, Retention, Span, Topic,
};
use seismic_sqlite::SqliteQueue;

use crate::random::Random;
use crate::script::Subject;

pub struct Topics(SqliteQueue);

#[derive(Clone, Debug)]
pub enum Operation {
    Create(&'static str, u32),
    /// For each partition the first sequence and the lengths of the messages.
    Append(&'static str, Vec<(u32, u64, Vec<usize>)>),
    Hold(u64),
    SetPolicy(u64),
    Retain,
}

impl Subject for Topics {
    type Op = Operation;
    const IN_TRANSACTION: &str = APPEND_IN_TRANSACTION;

    fn open(path: &Path) -> Self {
        Topics(SqliteQueue::open(path).unwrap())
    }

    fn apply(&mut self, op: &Operation) {
        let queue = &self.0;
        match op {
            Operation::Create(name, partitions) => drop(queue.create(name, *partitions).unwrap()),
            Operation::Append(name, parts) => append(queue, &queue.topic(name).unwrap(), parts),
            Operation::Hold(offset) => {
                let at = [(Partition(0), Offset(*offset))];
                queue.hold(&queue.topic("old").unwrap(), "job", &at).unwrap();
            }
            Operation::SetPolicy(bytes) => {
                let policy = Policy { max_age_ms: None, max_bytes: Some(*bytes) };
                queue.set_policy(&queue.topic("old").unwrap(), policy).unwrap();
            }
            Operation::Retain => {
                queue.retain(&queue.topic("old").unwrap(), false).unwrap();
            }
        }
    }

    fn look(path: &Path) -> Vec<String> {
        let queue = SqliteQueue::open(path).unwrap();
        let topics = queue.topics().unwrap();
        topics.iter().flat_map(|topic| look_at(&queue, topic)).collect()
    }

    fn script(random: &mut Random) -> Vec<Operation> {
        let mut ops = vec![Operation::Create("old", 1), Operation::Create("t", 2)];
        let mut next = [[0; 2]; 2];
        for i in 0..24 {
            ops.push(match i % 6 {
                3 => Operation::SetPolicy(1_000 + random.below(60_000) as u64),
                4 => Operation::Hold(random.below(next[1][0] as usize) as u64),
                5 => Operation::Retain,
                _ => random_append(&mut next, random),
            });
        }
        ops
    }

    fn fresh(path: &Path) -> Operation {
        let queue = SqliteQueue::open(path).unwrap();
        let Ok(topic) = queue.topic("t") else {
            return Operation::Create("another", 3);
        };
        let mut producer = queue.producer(&topic, "p").unwrap();
        let parts = topic.all().map(|p| (p.0, producer.next_sequence(p).unwrap(), vec![5, 0]));
        Operation::Append("t", parts.collect())
    }
}

impl Topics {
    /// A small append, and one of more than the page cache and the longest WAL hold.
    pub fn large() -> Vec<Operation> {
        let megabytes = seismic_sqlite::limits::CACHE_BYTES
            .max(seismic_sqlite::limits::WAL_CHECKPOINT_BYTES)
            >> 20;
        let large = vec![1 << 20; megabytes + 2];
        vec![
            Operation::Create("t", 2),
            Operation::Append("t", vec![(0, 0, vec![100; 3]), (1, 0, vec![5])]),
            Operation::Append("t", vec![(0, 3, large), (1, 1, vec![7])]),
        ]
    }
}

fn random_append(next: &mut [[u64; 2]; 2], random: &mut Random) -> Operation {
    let (name, next) = match random.below(2) {
        0 => ("t", &mut next[0][..]),
        _ => ("old", &mut next[1][..1]),
    };
    let mut parts = Vec::new();
    for (partition, next) in (0..).zip(next) {
        let large = random.one_of(&[10, 1_000, 90_000]);
        let lengths: Vec<_> = (0..random.below(6)).map(|_| random.below(large)).collect();
        parts.push((partition, *next, lengths.clone()));
        *next += lengths.len() as u64;
    }
    Operation::Append(name, parts)
}

fn append(queue: &SqliteQueue, topic: &Topic, parts: &[(u32, u64, Vec<usize>)]) {
    let blocks: Vec<_> = parts
        .iter()
        .map(|(_, first, lengths)| {
            let mut block = Block::default();
            for (sequence, length) in (*first..).zip(lengths) {
                block.push(&sequence.to_le_bytes(), &value(sequence, *length)).unwrap();
            }
            block
        })
        .collect();
    let appends: Vec<_> = parts
        .iter()
        .zip(&blocks)
        .map(|(&(partition, first_sequence, _), block)| Append {
            partition: Partition(partition),
            first_sequence,
            block,
        })
        .collect();
    let Appended { written, recognised } =
        queue.producer(topic, "p").unwrap().append(&appends).unwrap();
    let count: u64 = blocks.iter().map(|block| u64::from(block.count())).sum();
    assert_eq!(written + recognised, count);
}

/// Message number `sequence` of the only producer.
pub fn value(sequence: u64, length: usize) -> Vec<u8> {
    (0..length).map(|i| (sequence as usize * 31 + i * 7) as u8).collect()
}

/// The topic in lines. There is one producer, so offsets are its sequences.
fn look_at(queue: &SqliteQueue, topic: &Topic) -> Vec<String> {
    let name = &topic.name;
    let mut lines = vec![format!("{name} {:?}", queue.holds(topic).unwrap())];
    let mut producer = queue.producer(topic, "p").unwrap();
    for (partition, Span { first, end }) in topic.all().zip(queue.spans(topic).unwrap()) {
        assert_eq!(producer.next_sequence(partition).unwrap(), end.0, "{name}/{partition}");
        lines.push(format!("{name}/{partition} {first}..{end}"));
        let mut reader = queue.reader(topic, &[(partition, first)]).unwrap();
        let mut next = first;
        while let Event::Batch(batch) = reader.read(Duration::ZERO, &mut Vec::new()).unwrap() {
            for message in batch.messages() {
                assert_eq!(message.offset, next, "offsets are dense");
                assert_eq!(message.key, next.0.to_le_bytes());
                assert_eq!(message.value, value(next.0, message.value.len()));
                lines.push(format!("{name}/{partition} {next}: {}", message.value.len()));
                next = next.next();
            }
        }
        assert_eq!(next, end, "{name}/{partition} is read to its end");
    }
    lines
}
