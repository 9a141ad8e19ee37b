//! The plan of a random stream, before offsets and times are known: around every limit of the
//! rules, with every fault that a record can have.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// An input before offsets and times are known.
#[derive(Clone, Debug)]
pub enum Plan {
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

pub fn plan() -> impl Strategy<Value = Plan> {
    let skip = prop_oneof![9 => Just(0), 1 => 1..9u64];
    let harm = prop_oneof![
        16 => Just(Harm::None),
        1 => any::<Index>().prop_map(Harm::Cut),
        1 => (any::<Index>(), 0..8u8).prop_map(|(at, bit)| Harm::Flip(at, bit)),
    ];
    let message = (skip, wait(), any::<bool>(), vec(record(), 1..6), harm).prop_map(
        |(skip, wait, packed, records, harm)| Plan::Message { skip, wait, packed, records, harm },
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
pub enum Wait {
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
pub enum Harm {
    None,
    Cut(Index),
    Flip(Index, u8),
}

#[derive(Clone, Debug)]
pub struct RecordPlan {
    pub sensor: u8,
    pub time: When,
    pub amplitude: f32,
    pub phase: &'static str,
    pub faults: Vec<Fault>,
    /// A field that no one knows stands behind the others.
    pub unknown: bool,
    /// When a gateway received it, ms after its event time.
    pub arrival: Option<i64>,
}

/// Event time, relative to the queue's clock.
#[derive(Clone, Copy, Debug)]
pub enum When {
    Near(i64),
    /// The edge of a window that many windows away, or where it closes, give or take a ms.
    Edge {
        windows: i64,
        closing: bool,
        nudge: i64,
    },
    /// Far from the queue's clock: that many maximal jumps, in quarters, give or take some ms.
    Far {
        quarters: i64,
        nudge: i64,
    },
    /// Where the future guard stands, give or take a ms.
    Ahead(i64),
    Exactly(i64),
}

#[derive(Clone, Debug)]
pub enum Fault {
    EmptySensor,
    /// This many bytes.
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
        2 => (select(&[-16, -9, -8, -5, -4, -3, 4, 8]), -2_000..2_000i64)
            .prop_map(|(quarters, nudge)| When::Far { quarters, nudge }),
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
    let arrival = prop_oneof![9 => Just(None), 1 => (-900..900i64).prop_map(Some)];
    (0..5u8, time, amplitude, phase, faults, unknown, arrival).prop_map(
        |(sensor, time, amplitude, phase, faults, unknown, arrival)| RecordPlan {
            sensor,
            time,
            amplitude,
            phase,
            faults,
            unknown,
            arrival,
        },
    )
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::EmptySensor),
        select(&[256, 257, 1_000]).prop_map(Fault::LongSensor),
        select(&[0, 2, -1, i32::MIN]).prop_map(Fault::Quality),
        select(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 200.001, -100.001])
            .prop_map(Fault::Amplitude),
        select(&[f64::NAN, f64::INFINITY, 180.0, 180.001, -180.0, -90.0, -100.0, 1e300])
            .prop_map(Fault::Longitude),
        select(&[f64::NAN, f64::NEG_INFINITY, 90.0, 90.001, -90.0, 14.0, 20.0, 20.001])
            .prop_map(Fault::Latitude),
        select(&["", "p", "PS", "X"]).prop_map(Fault::Phase),
    ]
}
