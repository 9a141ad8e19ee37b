//! Producers, and the records that they send: valid ones and all kinds of invalid ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use seismic_pipeline::simulation::Clock;
use seismic_proto::{BATCH_FIRST_BYTE, Message as _, SeismicRecord, encode_length_delimiter};
use seismic_queue::memory::Memory;
use seismic_queue::{Append, Block, Offset, Partition, Producer, Queue, Topic};

use crate::action::Setup;
use crate::ground::{EPOCH_MS, Ground, Sent};
use crate::random::Random;

/// The producers of a world, each with its own numbering.
pub struct Producers {
    queue: Memory,
    topic: Topic,
    ground: Arc<Ground>,
    sensors: u32,
    window_ms: i64,
    producers: Vec<Sender>,
}

struct Sender {
    id: String,
    producer: Box<dyn Producer>,
    /// Number of the next message, by partition.
    next: BTreeMap<Partition, u64>,
    last: Option<Call>,
}

/// What was appended last.
#[derive(Clone)]
struct Call {
    partition: Partition,
    first_sequence: u64,
    block: Block,
}

impl Producers {
    pub fn new(queue: &Memory, topic: &Topic, setup: &Setup, ground: &Arc<Ground>) -> Self {
        let producers = ["north", "south"].map(|id| Sender {
            id: id.to_owned(),
            producer: queue.producer(topic, id).unwrap(),
            next: BTreeMap::new(),
            last: None,
        });
        Producers {
            queue: queue.clone(),
            topic: topic.clone(),
            ground: Arc::clone(ground),
            sensors: setup.sensors,
            window_ms: setup.window_ms,
            producers: producers.into(),
        }
    }

    /// One to five messages, by a seed.
    pub fn append(&mut self, producer: u8, partition: u8, seed: u32) {
        let partition = Partition(u32::from(partition) % self.topic.partitions);
        let random = &mut Random::new(seed.into());
        let mut block = Block::default();
        let mut records = 0;
        for _ in 0..1 + random.below(5) {
            records += self.message(partition, random, &mut block);
        }
        let sender = &self.producers[usize::from(producer) % self.producers.len()];
        let first_sequence = sender.next.get(&partition).copied().unwrap_or(0);
        self.send(producer, Call { partition, first_sequence, block }, 0, records);
    }

    /// The last call again, with `more` messages behind it.
    pub fn retry(&mut self, producer: u8, more: u8) {
        let sender = &self.producers[usize::from(producer) % self.producers.len()];
        let Some(mut call) = sender.last.clone() else { return };
        let again = call.block.count();
        let random = &mut Random::new(u64::from(again) + call.first_sequence);
        let mut records = 0;
        for _ in 0..more {
            records += self.message(call.partition, random, &mut call.block);
        }
        self.send(producer, call, again, records);
    }

    /// The producer comes back and finds its place again.
    pub fn restart(&mut self, producer: u8) {
        let at = usize::from(producer) % self.producers.len();
        let sender = &mut self.producers[at];
        sender.producer = self.queue.producer(&self.topic, &sender.id).unwrap();
        for (partition, next) in &sender.next {
            assert_eq!(sender.producer.next_sequence(*partition).unwrap(), *next);
        }
    }

    /// `again` messages of the call are there already; the others hold `records`.
    fn send(&mut self, producer: u8, call: Call, again: u32, records: u64) {
        let at = usize::from(producer) % self.producers.len();
        let sender = &mut self.producers[at];
        let Call { partition, first_sequence, ref block } = call;
        let append = Append { partition, first_sequence, block };
        let appended = sender.producer.append(&[append]).unwrap();
        let count = u64::from(block.count());
        assert_eq!(
            (appended.recognised, appended.written),
            (again.into(), count - u64::from(again))
        );
        sender.next.insert(partition, first_sequence + count);
        let fresh: Vec<_> = block.messages().skip(again as usize).collect();
        let span = self.queue.spans(&self.topic).unwrap()[partition.0 as usize];
        self.note(partition, span.end, &fresh);
        self.ground.truth().published += records;
        self.producers[at].last = Some(call);
    }

    /// Writes down what the log must hold forever, however long the queue keeps it.
    fn note(&self, partition: Partition, end: Offset, fresh: &[(&[u8], &[u8])]) {
        let (at, wall_ms) = (self.ground.now(), self.ground.wall_ms());
        let from = end.0 - fresh.len() as u64;
        self.ground.note("appended: partition, up to", &[partition.0.into(), end.0]);
        self.ground.known(partition, |known| {
            assert_eq!(known.log.len() as u64, from, "every message has the next offset");
            let before = known.log.last().map_or(i64::MIN, |sent| sent.append_ms);
            let append_ms = wall_ms.max(before);
            known.log.extend(fresh.iter().zip(from..).map(|((key, value), offset)| Sent {
                offset: Offset(offset),
                append_ms,
                key: key.to_vec(),
                value: value.to_vec(),
                at,
            }));
        });
    }

    /// Pushes a message, sometimes twice; gives the number of records in it.
    fn message(&self, partition: Partition, random: &mut Random, block: &mut Block) -> u64 {
        let mut records = 1;
        let value = match random.below(20) {
            // No field has the number 0.
            0 => vec![0; random.below(9) as usize + 1],
            1 => {
                let mut value = self.record(partition, random).encode_to_vec();
                value.extend([0xff, 0xff]);
                value
            }
            2..=5 => {
                records = 1 + u64::from(random.below(4));
                self.pack((0..records).map(|_| self.record(partition, random)))
            }
            6 => {
                // A clock that was set back, or was wrong for a moment.
                records = 1 + u64::from(random.below(4));
                let by_ms = 40 * self.window_ms;
                self.pack((0..records as i64).map(|i| {
                    let record = self.record(partition, random);
                    let collect_timestamp = record.collect_timestamp.saturating_sub(by_ms) + i;
                    let sensor_id = format!("S{}0", partition.0);
                    SeismicRecord { sensor_id, collect_timestamp, ..record }
                }))
            }
            _ => self.record(partition, random).encode_to_vec(),
        };
        block.push(b"key", &value).unwrap();
        if random.percent(5) {
            block.push(b"key", &value).unwrap();
            records *= 2;
        }
        records
    }

    fn pack(&self, records: impl Iterator<Item = SeismicRecord>) -> Vec<u8> {
        let mut value = Vec::new();
        for record in records {
            let bytes = record.encode_to_vec();
            value.push(BATCH_FIRST_BYTE);
            encode_length_delimiter(bytes.len(), &mut value).unwrap();
            value.extend(bytes);
        }
        value
    }

    fn record(&self, partition: Partition, random: &mut Random) -> SeismicRecord {
        let now_ms = EPOCH_MS + self.ground.now().as_millis() as i64;
        let window = self.window_ms;
        let collect_timestamp = match random.below(20) {
            0 => now_ms - random.between(0, 5) * window,
            1 => now_ms.div_euclid(window) * window - random.between(0, 1),
            2 => now_ms + random.between(0, 400),
            3 => random.one_of(&[0, -1, i64::MIN, i64::MAX, now_ms + 3_600_000]),
            _ => now_ms + random.between(-20, 20),
        };
        let sensor = random.below(self.sensors);
        let mut record = SeismicRecord {
            sensor_id: format!("S{}{sensor}", partition.0),
            collect_timestamp,
            longitude: -98.5,
            latitude: 16.25,
            seismic_amplitude: random.between(-400, 400) as f32 / 7.0,
            phase_type: random.one_of(&["P", "S", "N"]).to_owned(),
            data_quality: 1,
            ..Default::default()
        };
        match random.below(30) {
            0 => record.sensor_id.clear(),
            1 => record.data_quality = 0,
            2 => {
                record.seismic_amplitude =
                    random.one_of(&[f32::NAN, f32::INFINITY, 1e9, -0.0, f32::MIN_POSITIVE]);
            }
            3 => record.phase_type = "X".to_owned(),
            4 => record.longitude = 181.0,
            _ => {}
        }
        record
    }
}
