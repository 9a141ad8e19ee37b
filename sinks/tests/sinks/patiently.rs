//! Calls of a sink by a runner: transient errors are retried.

use std::thread;
use std::time::{Duration, Instant};

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
