//! Snapshots that are whole and lie: every number of theirs in turn at the ends of its range.

use proptest::prelude::*;
use proptest::sample::select;
use seismic_proto::{Message as _, state};

use crate::bodies;
use crate::corpus::seeds;

const NUMBERS: [i64; 9] = [
    i64::MIN,
    i64::MIN + 1,
    -1,
    0,
    1,
    1_592_925_898_000,
    253_402_300_799_999,
    i64::MAX - 1,
    i64::MAX,
];

/// Sets one number; `false` when there is no such place.
fn lie(snapshot: &mut state::Snapshot, place: usize, number: i64) -> bool {
    let big = number as u64;
    let state::Snapshot { append_ms, counters, position, sensors, .. } = snapshot;
    let (Some(counters), Some(sensor)) = (counters.as_mut(), sensors.first_mut()) else {
        return false;
    };
    match place {
        0 => *append_ms = number,
        1 => *position = big,
        2 => counters.read = big,
        3 => counters.closed = big,
        4 => counters.open = big,
        5 => counters.late = big,
        6 => counters.windows = big,
        7 => sensor.clock_ms = number,
        8 => sensor.closed_until_ms = Some(number),
        9 => sensor.last_offset = big,
        _ => match (sensor.windows.first_mut(), place) {
            (Some(window), 10) => window.start_ms = number,
            (Some(window), 11) => window.first_ms = number,
            (Some(window), 12) => window.last_ms = number,
            (Some(window), 13) => window.sum = number as f64,
            (Some(window), 14) => window.n = number as u32,
            _ => return false,
        },
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn a_snapshot_whose_numbers_lie_is_refused_or_goes_on(
        seed in select(seeds("snapshot")),
        lies in proptest::collection::vec((0usize..15, select(&NUMBERS[..])), 1..4),
        made_up: bool,
    ) {
        let mut snapshot = state::Snapshot::decode(&seed[..]).unwrap();
        for (place, number) in lies {
            lie(&mut snapshot, place, number);
        }
        if let Some(counters) = snapshot.counters.as_mut().filter(|_| made_up) {
            // Counters that add up all the same.
            let rejected = counters.rejected.iter().map(|rejected| rejected.count);
            let parts = [counters.closed, counters.open, counters.late].into_iter().chain(rejected);
            counters.read = parts.fold(0, u64::wrapping_add);
        }
        bodies::snapshot(&snapshot.encode_to_vec());
    }
}
