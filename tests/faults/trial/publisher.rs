//! Publishes what no generator would: given records at given times, and invalid bytes.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

use seismic::backends::Url;
use seismic_proto::SeismicRecord;
use seismic_queue::{
    Append, Block, Partition, Producer, Queue, Topic, clock, partition_of, patiently,
};

use crate::faults::trial::QUEUE;
use crate::stage::{DATA, Stage};

/// A valid record, measured now.
pub fn record(sensor: &str) -> SeismicRecord {
    SeismicRecord {
        sensor_id: sensor.to_owned(),
        collect_timestamp: clock::now_ms(),
        seismic_amplitude: 1.5,
        phase_type: "N".to_owned(),
        data_quality: 1,
        ..SeismicRecord::default()
    }
}

pub struct Publisher {
    producer: Box<dyn Producer>,
    topic: Topic,
    sequences: HashMap<Partition, u64>,
    /// Messages published.
    pub count: u64,
}

impl Publisher {
    /// To the stage's topic of records, which it makes.
    pub fn new(stage: &Stage) -> Self {
        if let Some(at) = stage.place.iter().position(|option| option == "--queue") {
            return Publisher::to(&stage.place[at + 1], &stage.data);
        }
        std::fs::create_dir_all(stage.path("output")).unwrap();
        Publisher::at(&format!("sqlite:{}", stage.path(QUEUE).display()))
    }

    /// To the topic of records in the queue of that URL.
    pub fn at(url: &str) -> Self {
        Publisher::to(url, DATA)
    }

    fn to(url: &str, topic: &str) -> Self {
        let queue: Box<dyn Queue> = url.parse::<Url>().unwrap().open().unwrap();
        let topic = queue.create(topic, 4).unwrap();
        let id = format!("test {}", clock::now_ms());
        let producer = queue.producer(&topic, &id).unwrap();
        Publisher { producer, topic, sequences: HashMap::new(), count: 0 }
    }

    /// A message of any bytes, to the partition of this key.
    pub fn bytes(&mut self, key: &str, value: &[u8]) {
        self.all(&[(key.to_owned(), value.to_vec())]);
    }

    /// Messages in one act.
    pub fn all(&mut self, messages: &[(String, Vec<u8>)]) {
        let mut blocks: HashMap<Partition, Block> = HashMap::new();
        for (key, value) in messages {
            let partition = partition_of(key.as_bytes(), self.topic.partitions);
            blocks.entry(partition).or_default().push(key.as_bytes(), value).unwrap();
        }
        for (partition, block) in &blocks {
            let first_sequence = *self.sequences.get(partition).unwrap_or(&0);
            let append = Append { partition: *partition, first_sequence, block };
            // Whatever may pass is waited for, as every producer does.
            patiently(&AtomicBool::new(false), || self.producer.append(&[append])).unwrap();
            *self.sequences.entry(*partition).or_default() += u64::from(block.count());
        }
        self.count += messages.len() as u64;
    }
}
