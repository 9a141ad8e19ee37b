//! Random input for an engine: rules, messages, and what happens between messages.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use seismic_pipeline::{Dedupe, ENGINE_VERSION, Engine, Output, Phases, Region, Rules, TimeMode};
use seismic_proto::{Message as _, SeismicRecord, SeismicRecordBatch};
use seismic_queue::{Message, Offset, Partition};

use crate::plan::{Fault, Harm, Plan, RecordPlan, Wait, When, plan};

pub const TOPIC: &str = "seismic-data-topic";
pub const PARTITION: Partition = Partition(3);

/// What one engine is given.
#[derive(Clone, Debug)]
pub struct Stream {
    pub rules: Rules,
    pub start: u64,
    pub acts: Vec<Act>,
}

/// One input of an engine.
#[derive(Clone, Debug)]
pub enum Act {
    Message(Sent),
    Idle(u64),
    End,
    Gap(u64),
}

/// A message with bytes of its own.
#[derive(Clone, Debug)]
pub struct Sent {
    pub offset: u64,
    pub append_ms: i64,
    pub key: Vec<u8>,
    pub value: Vec<u8>,
}

impl Sent {
    pub fn message(&self) -> Message<'_> {
        Message {
            offset: Offset(self.offset),
            append_ms: self.append_ms,
            key: &self.key,
            value: &self.value,
        }
    }
}

impl Stream {
    /// An engine that has seen nothing of it.
    pub fn engine(&self) -> Engine {
        Engine::new(self.rules.clone(), TOPIC, PARTITION, Offset(self.start))
    }
}

impl Act {
    /// Gives it to the engine; `true` when it belongs in the journal.
    pub fn apply(&self, engine: &mut Engine, out: &mut Output) -> bool {
        match self {
            Act::Message(sent) => {
                engine.step(sent.message(), out);
                false
            }
            Act::Idle(below) => engine.close_idle(Offset(*below), out),
            Act::End => engine.end(out),
            Act::Gap(to) => {
                engine.gap(Offset(*to));
                true
            }
        }
    }
}

/// Streams of up to 80 inputs.
pub fn stream() -> impl Strategy<Value = Stream> {
    let starts = select(&[
        1_600_000_000_000,
        1_600_000_000_000,
        0,
        -1_500,
        -2_208_988_799_000,
        7_258_118_399_000,
        i64::MIN,
        i64::MAX - 1_000,
    ]);
    (rules(), 0..5u64, starts, vec(plan(), 1..80)).prop_map(|(rules, start, now, plans)| {
        let mut builder = Builder { rules, now, position: start, last: None };
        let acts = plans.into_iter().map(|plan| builder.build(plan)).collect();
        Stream { rules: builder.rules, start, acts }
    })
}

/// Lengths of roll-ups, in windows.
const ROLLUPS: &[&[i64]] = &[&[], &[2], &[3, 60], &[2, 10, 40]];

fn rules() -> impl Strategy<Value = Rules> {
    let region = Region { longitude: (-100.0, -90.0), latitude: (14.0, 20.0) };
    (
        select(&[1, 7, 100, 1_000, 1_000, 60_000, 86_400_000]),
        select(&[0, 1, 500, 999, 1_000, 1_001, 5_000]),
        select(&[0, 1, 5_000, 5_000, 3_600_000]),
        prop_oneof![5 => Just(TimeMode::Event), 1 => Just(TimeMode::Ingest)],
        select(&[-100.0..=200.0, -100.0..=200.0, -1.0..=0.0]),
        select(&[(-2_208_988_800_000, 7_258_118_400_000), (0, 1_600_000_001_000)]),
        (
            prop_oneof![3 => Just(None), 1 => Just(Some(region))],
            prop_oneof![4 => Just(Phases::ALL), 1 => Just(Phases::new(true, true, false))],
            prop_oneof![6 => Just(ENGINE_VERSION), 1 => Just(4), 1 => Just(3), 1 => Just(2)],
            select(&[3_600_000, 3_600_000, 4_000, 1_000, 7, 0]),
            select(&[0, 0, 0, 1, 700, 4_000, 3_600_000]),
        ),
        select(&[1, 2, 4, 1_000_000]),
        select(&[Dedupe::Off, Dedupe::Off, Dedupe::Time]),
        select(ROLLUPS),
    )
        .prop_map(
            |(
                window_ms,
                lateness_ms,
                max_ahead_ms,
                time,
                amplitude,
                event_ms,
                (region, phases, version, max_jump_ms, allowed_lateness_ms),
                max_sensors,
                dedupe,
                rollups,
            )| {
                let rollups_ms = rollups.iter().map(|windows| windows * window_ms);
                Rules {
                    version,
                    window_ms,
                    lateness_ms,
                    allowed_lateness_ms,
                    max_ahead_ms,
                    max_jump_ms,
                    time,
                    amplitude,
                    event_ms,
                    region,
                    phases,
                    max_sensors,
                    // Only where it may be used.
                    dedupe: if time == TimeMode::Event && window_ms <= 60_000 {
                        dedupe
                    } else {
                        Dedupe::Off
                    },
                    rollups_ms: rollups_ms.filter(|&length| length <= 86_400_000).collect(),
                    repartitioned: None,
                }
            },
        )
}

/// Turns plans into inputs that can follow each other.
struct Builder {
    rules: Rules,
    /// The queue's clock, ms.
    now: i64,
    position: u64,
    last: Option<Vec<u8>>,
}

impl Builder {
    fn build(&mut self, plan: Plan) -> Act {
        match plan {
            Plan::Message { skip, wait, packed, records, harm } => {
                self.position += skip;
                self.now = match wait {
                    Wait::Ms(ms) => self.now.saturating_add(ms),
                    Wait::Window(share) => {
                        self.now.saturating_add(self.rules.window_ms * share / 1_000)
                    }
                };
                let value = self.value(packed, &records);
                self.send(harmed(value, &harm))
            }
            Plan::Again => self.send(self.last.clone().unwrap_or_default()),
            Plan::Bytes { bytes, packed } if packed => self.send([&[0x7a], &bytes[..]].concat()),
            Plan::Bytes { bytes, .. } => self.send(bytes),
            Plan::Idle(back) => Act::Idle(self.position.saturating_sub(back)),
            Plan::End => Act::End,
            Plan::Gap(lost) => {
                self.position += lost;
                Act::Gap(self.position)
            }
        }
    }

    fn send(&mut self, value: Vec<u8>) -> Act {
        self.last = Some(value.clone());
        let offset = self.position;
        self.position += 1;
        Act::Message(Sent { offset, append_ms: self.now, key: b"key".to_vec(), value })
    }

    fn value(&self, packed: bool, plans: &[RecordPlan]) -> Vec<u8> {
        let one = |plan: &RecordPlan| {
            let mut bytes = self.record(plan).encode_to_vec();
            bytes.extend_from_slice(if plan.unknown { &[0xa0, 0x06, 0x01] } else { &[] });
            bytes
        };
        if !packed {
            return one(&plans[0]);
        }
        let mut value = Vec::new();
        for plan in plans {
            let bytes = one(plan);
            value.push(0x7a);
            seismic_proto::encode_length_delimiter(bytes.len(), &mut value).unwrap();
            value.extend(bytes);
            value.extend_from_slice(if plan.unknown { &[0x08, 0x07] } else { &[] });
        }
        debug_assert!(SeismicRecordBatch::decode(&value[..]).is_ok());
        value
    }

    fn record(&self, plan: &RecordPlan) -> SeismicRecord {
        let mut record = SeismicRecord {
            sensor_id: format!("S{:03}", plan.sensor),
            collect_timestamp: self.time(plan.time),
            longitude: -98.5,
            latitude: 16.25,
            depth: 10,
            seismic_amplitude: plan.amplitude,
            frequency: 25,
            phase_type: plan.phase.to_owned(),
            data_quality: 1,
            network_status: 1,
            arrival_ms: 0,
        };
        record.arrival_ms =
            plan.arrival.map_or(0, |after| record.collect_timestamp.saturating_add(after));
        for fault in &plan.faults {
            match *fault {
                Fault::EmptySensor => record.sensor_id.clear(),
                Fault::LongSensor(len) => record.sensor_id = "x".repeat(len),
                Fault::Quality(quality) => record.data_quality = quality,
                Fault::Amplitude(amplitude) => record.seismic_amplitude = amplitude,
                Fault::Longitude(longitude) => record.longitude = longitude,
                Fault::Latitude(latitude) => record.latitude = latitude,
                Fault::Phase(phase) => record.phase_type = phase.to_owned(),
            }
        }
        record
    }

    fn time(&self, when: When) -> i64 {
        let (now, window) = (i128::from(self.now), i128::from(self.rules.window_ms));
        let time = match when {
            When::Near(by) => now + i128::from(by),
            When::Edge { windows, closing, nudge } => {
                let edge = (now.div_euclid(window) + i128::from(windows)) * window;
                let wait = if closing { i128::from(self.rules.lateness_ms) } else { 0 };
                edge + wait + i128::from(nudge)
            }
            When::Far { quarters, nudge } => {
                now + i128::from(self.rules.max_jump_ms / 4 * quarters + nudge)
            }
            When::Ahead(nudge) => now + i128::from(self.rules.max_ahead_ms + nudge),
            When::Exactly(time) => i128::from(time),
        };
        time.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }
}

fn harmed(mut value: Vec<u8>, harm: &Harm) -> Vec<u8> {
    match harm {
        Harm::None => {}
        Harm::Cut(at) => value.truncate(at.index(value.len() + 1)),
        Harm::Flip(at, bit) => {
            let at = at.index(value.len());
            value[at] ^= 1 << bit;
        }
    }
    value
}
