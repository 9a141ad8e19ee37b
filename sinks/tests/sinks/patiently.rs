//! Calls of a sink by a runner: transient errors are retried. And places at which something fails.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, thread};

use seismic_queue::{Kind, Offset, Partition};
use seismic_sinks::conformance::{PARTITIONS, ROWS, batch, row, spans_of, write};
use seismic_sinks::{Result, Sink};

/// What only a hang meets.
const PATIENCE: Duration = Duration::from_secs(240);
/// Between two looks: each may start a program.
const PAUSE: Duration = Duration::from_millis(20);

/// Calls until it does not fail with what passes.
///
/// # Panics
/// When that takes minutes.
pub fn patiently<T>(mut act: impl FnMut() -> Result<T>) -> T {
    let mut done = None;
    wait_until(|| {
        done = match act() {
            Err(error) if error.kind() == Kind::Retry => None,
            outcome => Some(outcome.unwrap()),
        };
        done.is_some()
    });
    done.expect("it was waited for")
}

/// Looks again and again, until it is so.
///
/// # Panics
/// When that takes minutes.
pub fn wait_until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited for minutes");
        thread::sleep(PAUSE);
    }
}

/// Writes what is missing through a wire, a row at a time.
pub fn write_patiently(sink: &mut dyn Sink) {
    let start = patiently(|| sink.recover(&spans_of(ROWS)));
    for i in 0..ROWS {
        for partition in (0..PARTITIONS).map(Partition) {
            if start[partition.0 as usize].0 <= i {
                let rows = batch(partition, Offset(i), &[row(partition.0, i)]);
                patiently(|| write(sink, &rows));
            }
        }
        if i % 2 == 1 {
            patiently(|| sink.sync());
        }
    }
    patiently(|| sink.sync());
}

/// `tried` of `count` places, by a seed that is printed and that `SEISMIC_SEED` sets; all of them
/// with `SEISMIC_ALL_PLACES=1`.
#[allow(clippy::print_stdout, reason = "whoever repeats a failure needs the seed")]
pub fn drawn(count: u32, tried: usize) -> Vec<u32> {
    if env::var("SEISMIC_ALL_PLACES").is_ok_and(|it| it == "1") {
        return (0..count).collect();
    }
    let seed = env::var("SEISMIC_SEED").ok().and_then(|seed| seed.parse().ok());
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs());
    let seed: u64 = seed.unwrap_or_else(now);
    println!("places among {count}, SEISMIC_SEED={seed}");
    let mut state = seed | 1;
    let mut next = || {
        // A step of SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed >> 33) as u32 % count
    };
    (0..tried).map(|_| next()).collect()
}
