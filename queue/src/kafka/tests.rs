//! The conformance suite on a real broker, and what only Kafka has.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use seismic_brokers::Kafka;

use super::KafkaQueue;
use super::admin::Admin;
use crate::conformance::Backend;
use crate::{Address, Home, Partition, Queue};

/// The broker of this test process.
pub(super) fn broker() -> Option<&'static Kafka> {
    static BROKER: OnceLock<Option<Kafka>> = OnceLock::new();
    BROKER.get_or_init(Kafka::one).as_ref()
}

pub(super) fn address(brokers: &str) -> Address {
    Address { brokers: brokers.to_owned(), group: None, slot: None, options: Vec::new() }
}

/// An empty cluster, for one test at a time.
struct OnKafka {
    address: Address,
    _alone: MutexGuard<'static, ()>,
}

impl OnKafka {
    fn new(kafka: &Kafka) -> OnKafka {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let address = address(&kafka.address());
        let queue = KafkaQueue::open(&address).unwrap();
        let topics = queue.topics().unwrap();
        let names: Vec<&str> = topics.iter().map(|topic| topic.name.as_str()).collect();
        if !names.is_empty() {
            Admin::new(&queue.cluster).unwrap().delete(&names);
        }
        while !queue.topics().unwrap().is_empty() {
            std::thread::sleep(Duration::from_millis(10));
        }
        OnKafka { address, _alone: alone }
    }
}

impl Backend for OnKafka {
    fn queue(&self) -> Box<dyn Queue> {
        Box::new(KafkaQueue::open(&self.address).unwrap())
    }

    fn home(&self) -> Box<dyn Home> {
        panic!("the checks of homes are not run")
    }

    fn quiet(&self) -> Duration {
        Duration::from_millis(700)
    }

    fn break_lock(&self) {}

    fn damage(&self, _: Partition, _: u64) {}
}

crate::conformance! { broker().map(OnKafka::new); without
    // Its homes are shared by several owners, and proved on whole jobs.
    owning committing recovering naming rewinding
    // The client hands out messages as they come, and batches are made of those.
    reading::partitions_take_turns
    reading::small_blocks_share_a_batch_and_batches_stay_small
    // It keeps messages by its own rules, and knows no holds.
    retaining
}
