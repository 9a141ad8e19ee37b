//! Random input for an engine: rules, messages around every edge that the rules have, and what
//! happens between messages.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use seismic_pipeline::{Engine, Out, Region, Rules, Time};
use seismic_proto::{Message as _, SeismicRecord, SeismicRecordBatch};
use seismic_queue::{Message, Offset, Partition};

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
    /// Gives it to the engine; `true` when it belongs into the journal.
    pub fn apply(&self, engine: &mut Engine, out: &mut Out) -> bool {
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
        let mut builder = Builder {
            rules,
            now,
            position: start,
            last: None,
        };
        let acts = plans.into_iter().map(|plan| builder.build(plan)).collect();
        Stream {
            rules: builder.rules,
            start,
            acts,
        }
    })
}

fn rules() -> impl Strategy<Value = Rules> {
    let region = Region {
        longitude: (-100.0, -90.0),
        latitude: (14.0, 20.0),
    };
    (
        select(&[1, 7, 100, 1_000, 1_000, 60_000, 86_400_000]),
        select(&[0, 1, 500, 999, 1_000, 1_001, 5_000]),
        select(&[0, 1, 5_000, 5_000, 3_600_000]),
        prop_oneof![5 => Just(Time::Event), 1 => Just(Time::Ingest)],
        select(&[-100.0..=200.0, -100.0..=200.0, -1.0..=0.0]),
        select(&[
            (-2_208_988_800_000, 7_258_118_400_000),
            (0, 1_600_000_001_000),
        ]),
        prop_oneof![3 => Just(None), 1 => Just(Some(region))],
        select(&[1, 2, 4, 1_000_000]),
    )
        .prop_map(
            |(
                window_ms,
                lateness_ms,
                max_ahead_ms,
                time,
                amplitude,
                event_ms,
                region,
                max_sensors,
            )| {
                Rules {
                    window_ms,
                    lateness_ms,
                    max_ahead_ms,
                    time,
                    amplitude,
                    event_ms,
                    region,
                    max_sensors,
                }
            },
        )
}

/// An input before offsets and times are known.
#[derive(Clone, Debug)]
enum Plan {
    Message {
        skip: u64,
        wait: Wait,
        packed: bool,
        records: Vec<RecordPlan>,
        harm: Harm,
    },
    /// The message before, once more.
    Again,
    Bytes {
        bytes: Vec<u8>,
        packed: bool,
    },
    /// Below the position by so much.
    Idle(u64),
    End,
    Gap(u64),
}

fn plan() -> impl Strategy<Value = Plan> {
    let skip = prop_oneof![9 => Just(0), 1 => 1..9u64];
    let harm = prop_oneof![
        16 => Just(Harm::None),
        1 => any::<prop::sample::Index>().prop_map(Harm::Cut),
        1 => (any::<prop::sample::Index>(), 0..8u8).prop_map(|(at, bit)| Harm::Flip(at, bit)),
    ];
    let message = (skip, wait(), any::<bool>(), vec(record(), 1..6), harm).prop_map(
        |(skip, wait, packed, records, harm)| Plan::Message {
            skip,
            wait,
            packed,
            records,
            harm,
        },
    );
    let bytes = (vec(any::<u8>(), 0..24), any::<bool>());
    prop_oneof![
        30 => message,
        2 => Just(Plan::Again),
        1 => bytes.prop_map(|(bytes, packed)| Plan::Bytes { bytes, packed }),
        3 => (0..8u64).prop_map(Plan::Idle),
        1 => Just(Plan::End),
        1 => (0..5u64).prop_map(Plan::Gap),
    ]
}

/// How far the queue's clock moves before a message: ms, or thousandths of a window.
#[derive(Clone, Copy, Debug)]
enum Wait {
    Ms(i64),
    Window(i64),
}

fn wait() -> impl Strategy<Value = Wait> {
    prop_oneof![
        6 => (0..300i64).prop_map(Wait::Ms),
        2 => (-2_000..0i64).prop_map(Wait::Ms),
        1 => select(&[-3_600_000, 3_600_000, 10_000]).prop_map(Wait::Ms),
        4 => (-300..1_500i64).prop_map(Wait::Window),
    ]
}

#[derive(Clone, Debug)]
enum Harm {
    None,
    Cut(prop::sample::Index),
    Flip(prop::sample::Index, u8),
}

#[derive(Clone, Debug)]
struct RecordPlan {
    sensor: u8,
    time: When,
    amplitude: f32,
    phase: &'static str,
    faults: Vec<Fault>,
    /// A field that nobody knows stands behind the others.
    unknown: bool,
}

/// Event time, relative to the queue's clock.
#[derive(Clone, Copy, Debug)]
enum When {
    Near(i64),
    /// The edge of a window so many windows away, or where it closes, give or take a ms.
    Edge {
        windows: i64,
        closing: bool,
        nudge: i64,
    },
    /// Where the future guard stands, give or take a ms.
    Ahead(i64),
    Exactly(i64),
}

#[derive(Clone, Debug)]
enum Fault {
    EmptySensor,
    /// So many bytes.
    LongSensor(usize),
    Quality(i32),
    Amplitude(f32),
    Longitude(f64),
    Latitude(f64),
    Phase(&'static str),
}

fn record() -> impl Strategy<Value = RecordPlan> {
    let time = prop_oneof![
        4 => (-3_000..3_000i64).prop_map(When::Near),
        6 => (-3..=3i64, any::<bool>(), -1..=1i64)
            .prop_map(|(windows, closing, nudge)| When::Edge { windows, closing, nudge }),
        1 => (-1..=1i64).prop_map(When::Ahead),
        1 => select(&[
            i64::MIN, i64::MAX, 0, -1, -2_208_988_800_001, -2_208_988_800_000,
            7_258_118_399_999, 7_258_118_400_000, 1_600_000_000_999, 1_600_000_001_000,
        ]).prop_map(When::Exactly),
    ];
    let amplitude = prop_oneof![
        6 => (-1_000..2_000i32).prop_map(|tenths| tenths as f32 / 10.0),
        1 => -100.0..200.0f32,
        1 => select(&[-0.0, 0.0, 1e-45, -1e-45, f32::MIN_POSITIVE, -100.0, 200.0, -1.0]),
    ];
    let faults = prop_oneof![12 => Just(vec![]), 2 => vec(fault(), 1..2), 1 => vec(fault(), 2..4)];
    let unknown = prop_oneof![9 => Just(false), 1 => Just(true)];
    let phase = select(&["P", "S", "N"]);
    (0..5u8, time, amplitude, phase, faults, unknown).prop_map(
        |(sensor, time, amplitude, phase, faults, unknown)| RecordPlan {
            sensor,
            time,
            amplitude,
            phase,
            faults,
            unknown,
        },
    )
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::EmptySensor),
        select(&[256, 257, 1_000]).prop_map(Fault::LongSensor),
        select(&[0, 2, -1, i32::MIN]).prop_map(Fault::Quality),
        select(&[
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::MAX,
            200.001,
            -100.001
        ])
        .prop_map(Fault::Amplitude),
        select(&[
            f64::NAN,
            f64::INFINITY,
            180.0,
            180.001,
            -180.0,
            -90.0,
            -100.0,
            1e300
        ])
        .prop_map(Fault::Longitude),
        select(&[
            f64::NAN,
            f64::NEG_INFINITY,
            90.0,
            90.001,
            -90.0,
            14.0,
            20.0,
            20.001
        ])
        .prop_map(Fault::Latitude),
        select(&["", "p", "PS", "X"]).prop_map(Fault::Phase),
    ]
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
            Plan::Message {
                skip,
                wait,
                packed,
                records,
                harm,
            } => {
                self.position += skip;
                self.now = match wait {
                    Wait::Ms(ms) => self.now.saturating_add(ms),
                    Wait::Window(share) => self
                        .now
                        .saturating_add(self.rules.window_ms * share / 1_000),
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
        Act::Message(Sent {
            offset,
            append_ms: self.now,
            key: b"key".to_vec(),
            value,
        })
    }

    fn value(&self, packed: bool, plans: &[RecordPlan]) -> Vec<u8> {
        let one = |plan: &RecordPlan| {
            let mut bytes = self.record(plan).encode_to_vec();
            bytes.extend_from_slice(if plan.unknown {
                &[0xa0, 0x06, 0x01]
            } else {
                &[]
            });
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
            When::Edge {
                windows,
                closing,
                nudge,
            } => {
                let edge = (now.div_euclid(window) + i128::from(windows)) * window;
                let wait = if closing {
                    i128::from(self.rules.lateness_ms)
                } else {
                    0
                };
                edge + wait + i128::from(nudge)
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
