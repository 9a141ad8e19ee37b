//! Well-formed snapshots with wrong values: each number in turn at the ends of its range.

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
        10..15 => {
            return sensor.windows.first_mut().is_some_and(|w| lie_of_window(w, place, number));
        }
        15 => counters.rollups.iter_mut().for_each(|level| level.open = big),
        23..28 => lie_of_irregular(sensor.irregular.get_or_insert_default(), place, number),
        28..36 => {
            let windows = sensor.windows.clone();
            let irregular = sensor.irregular.get_or_insert_default();
            lie_of_late(irregular.late.get_or_insert_default(), &windows, place, number);
        }
        22 => sensor.pending.get_or_insert_default().start_ms = number,
        16 => counters.rollups.iter_mut().for_each(|level| level.closed = big),
        _ => return sensor.rollups.first_mut().is_some_and(|r| lie_of_rollup(r, place, number)),
    }
    true
}

fn lie_of_window(window: &mut state::Window, place: usize, number: i64) -> bool {
    let sums = window.sums.as_mut().unwrap();
    match place {
        10 => window.start_ms = number,
        11 => sums.first_ms = number as u32,
        12 => sums.last_ms = number as u32,
        13 => sums.sum = number as f64,
        _ => window.n = number as u32,
    }
    true
}

fn lie_of_irregular(irregular: &mut state::Irregular, place: usize, number: i64) {
    let mut held = state::HeldRecord { bytes: vec![7], ..Default::default() };
    match place {
        23 => held.time_ms = number,
        24 => (held.supporters, held.opponents) = (number as u32, 1),
        25 => irregular.stride_ms = number,
        26 => (irregular.era, irregular.again_until_ms) = (1, Some(number)),
        _ => irregular.panes = number as u32,
    }
    if matches!(place, 23 | 24) {
        irregular.held.push(held);
    }
}

/// Lies about what is open for late records; `windows` are some that could be.
fn lie_of_late(late: &mut state::LatePanes, windows: &[state::Window], place: usize, number: i64) {
    let start_ms = windows.first().map_or(0, |window| window.start_ms);
    let mut window = state::LateWindow { window: windows.first().cloned(), ..Default::default() };
    let span = state::Rollup { start_ms, n: 1, ..Default::default() };
    let mut span = state::LateSpan { span: Some(span), ..Default::default() };
    match place {
        28 => late.clock_ms = number,
        29 => window.second_due_ms = number,
        30 => window.due_ms = number,
        31 => window.window.iter_mut().for_each(|window| window.start_ms = number),
        32 => span.newest_ms = number,
        33 => span.due_ms = number,
        34 => span.span.iter_mut().for_each(|span| span.start_ms = number),
        _ => late.pending.get_or_insert_default().start_ms = number,
    }
    match place {
        29..32 => late.windows.push(window),
        32..35 => late.spans.push(span),
        _ => {}
    }
}

fn lie_of_rollup(rollup: &mut state::Rollup, place: usize, number: i64) -> bool {
    match (place, &mut rollup.sums) {
        (17, _) => rollup.level = number as u32,
        (18, _) => rollup.start_ms = number,
        (19, _) => rollup.pane = number as u32,
        (20, _) => rollup.n = number as u64,
        (_, Some(sums)) => sums.last_ms = number as u32,
        (_, None) => return false,
    }
    true
}

/// The snapshots of the corpus; what else is there has no numbers.
fn snapshots() -> Vec<state::Snapshot> {
    let seeds = seeds("snapshot");
    seeds.iter().filter_map(|seed| state::Snapshot::decode(&seed[..]).ok()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn a_snapshot_whose_numbers_lie_is_refused_or_goes_on(
        mut snapshot in select(snapshots()),
        lies in proptest::collection::vec((0usize..36, select(&NUMBERS[..])), 1..4),
        made_up: bool,
    ) {
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
