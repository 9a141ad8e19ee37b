//! The conformance suite on memory, and tests of its settable clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::{Memory, MemoryStore};
use crate::conformance::Backend;
use crate::{Append, Block, Error, JobStore, Offset, Partition, Policy, Queue, Retention, limits};

struct InMemory {
    queue: Memory,
    store: MemoryStore,
}

impl Backend for InMemory {
    fn queue(&self) -> Box<dyn Queue> {
        Box::new(self.queue.clone())
    }

    fn store(&self) -> Box<dyn JobStore> {
        Box::new(self.store.clone())
    }

    fn break_lock(&self) {
        self.store.break_lock();
    }

    fn damage(&self, partition: Partition, checkpoint: u64) {
        self.store.damage(partition, checkpoint);
    }
}

crate::conformance!(Some(InMemory { queue: Memory::new(), store: MemoryStore::new() }));

fn one() -> Block {
    let mut block = Block::default();
    block.push(b"", b"a").unwrap();
    block
}

#[test]
fn append_times_are_those_of_the_clock_also_when_it_goes_back() {
    let clock = Arc::new(AtomicI64::new(0));
    let queue = Memory::with_clock(clock.clone());
    let topic = queue.create("t", 1).unwrap();
    let mut producer = queue.producer(&topic, "p").unwrap();
    for (sequence, now_ms) in [1_000, 2_000, 1_500].into_iter().enumerate() {
        clock.store(now_ms, Ordering::SeqCst);
        let (partition, first_sequence) = (Partition(0), sequence as u64);
        producer.append(&[Append { partition, first_sequence, block: &one() }]).unwrap();
    }
    for (time_ms, offset) in [(0, 0), (1_000, 0), (1_001, 1), (2_000, 1), (2_001, 3)] {
        assert_eq!(queue.offset_at(&topic, Partition(0), time_ms).unwrap(), Offset(offset));
    }
    queue.set_policy(&topic, Policy { max_age_ms: Some(500), max_bytes: None }).unwrap();
    assert_eq!(queue.retain(&topic, false).unwrap()[0].deleted, 0, "1 000 is 500 ms ago");
    clock.store(1_501, Ordering::SeqCst);
    assert_eq!(queue.retain(&topic, false).unwrap()[0].deleted, 1);
}

#[test]
fn the_producer_that_was_silent_longest_is_forgotten_first() {
    let queue = Memory::new();
    let topic = queue.create("t", 1).unwrap();
    let partition = Partition(0);
    let append = |id: &str, first_sequence| {
        let mut producer = queue.producer(&topic, id).unwrap();
        producer.append(&[Append { partition, first_sequence, block: &one() }]).unwrap();
    };
    append("first", 0);
    append("second", 0);
    append("first", 1);
    for i in 2..=limits::PRODUCERS_KEPT {
        append(&format!("{i}"), 0);
    }
    let next = |id| queue.producer(&topic, id).unwrap().next_sequence(partition).unwrap();
    assert_eq!((next("first"), next("second"), next("2")), (2, 0, 1));
}

#[test]
fn handles_of_one_name_share_a_store_and_queues_and_stores_do_not() {
    Memory::named("shared").create("t", 1).unwrap();
    assert!(Memory::named("shared").topic("t").is_ok());
    assert!(Memory::named("other").topic("t").is_err());
    assert!(MemoryStore::named("shared").view().is_err());
}

#[test]
fn who_had_a_topic_open_before_it_was_deleted_appends_nothing_to_it() {
    let queue = Memory::new();
    let topic = queue.create("t", 1).unwrap();
    let mut producer = queue.producer(&topic, "p").unwrap();
    let mut log = queue.import_log(&topic).unwrap().unwrap();
    queue.delete(&topic).unwrap();
    queue.create("t", 1).unwrap();
    let is_missing = |error: Error| matches!(error, Error::TopicMissing { .. });
    let block = one();
    let append = Append { partition: Partition(0), first_sequence: 0, block: &block };
    assert!(producer.append(&[append]).is_err_and(is_missing));
    assert!(producer.next_sequence(Partition(0)).is_err_and(is_missing));
    assert!(log.append(&[(Partition(0), &block)], &[]).is_err_and(is_missing));
}
