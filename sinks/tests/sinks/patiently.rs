//! Calls of a sink as a runner makes them: what passes is tried again.

use seismic_queue::{Kind, Offset, Partition};
use seismic_sinks::conformance::{PARTITIONS, ROWS, batch, row, spans_of, write};
use seismic_sinks::{Result, Sink};

/// Calls until it does not fail with what passes.
pub fn patiently<T>(mut act: impl FnMut() -> Result<T>) -> T {
    loop {
        match act() {
            Err(error) if error.kind() == Kind::Retry => {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            done => return done.unwrap(),
        }
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
