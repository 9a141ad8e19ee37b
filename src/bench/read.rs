//! **read**: a backlog read to its end and only counted, by as many readers as a drain has slots.
//! This is the maximum of the queue and its client: no drain is faster.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use anyhow::ensure;
use seismic_queue::{Event, Offset, Partition, Reader};

use super::context::{Bench, PATIENCE};
use super::drain;
use super::report::{Cell, Column, Table, median};
use super::workload::{Backlog, Limit};
use super::workspace::TestTopic;

/// A broker may show late what it took; whether that is too late is looked at as often.
const WAIT: Duration = Duration::from_millis(200);

const COLUMNS: &[Column] = &[
    Column { name: "sensors", title: "sensors", decimals: 0 },
    Column { name: "records_per_message", title: "records/message", decimals: 0 },
    Column { name: "anomaly_percent", title: "anomalies %", decimals: 0 },
    Column { name: "readers", title: "readers", decimals: 0 },
    Column { name: "records_per_s", title: "records/s", decimals: 0 },
    Column { name: "ratio_to_limit", title: "× limit", decimals: 2 },
];

/// An empty table.
pub fn table() -> Table {
    let about = "the same backlogs, each message only taken from the queue and counted: no drain is \
                 faster";
    Table::new("read", about, COLUMNS)
}

/// Reads a backlog with each number of readers; a row for each.
pub fn measure(
    bench: &Bench<'_>,
    test: &TestTopic,
    load: &Backlog,
    limit: &Limit,
) -> anyhow::Result<Vec<Vec<Cell>>> {
    let mut rows = Vec::new();
    for readers in drain::slots(bench) {
        bench.step(format_args!("read, {} sensors, {readers} readers", load.sensors))?;
        let mut times = Vec::new();
        for _ in 0..bench.workload.repeats {
            times.push(all(bench, test, readers)?.as_secs_f64());
        }
        let records_per_s = load.records as f64 / median(times);
        rows.push(load.cells(readers, records_per_s, limit));
    }
    Ok(rows)
}

/// Reads everything, from making the readers to the last message; how long it took.
fn all(bench: &Bench<'_>, test: &TestTopic, readers: usize) -> anyhow::Result<Duration> {
    let spans = test.queue.spans(&test.topic)?;
    let ends: Vec<_> = test.topic.all().zip(spans.iter().map(|span| span.end)).collect();
    let began = Instant::now();
    let share = |of| Share::new(test, ends.iter().skip(of).step_by(readers).copied());
    let shares = (0..readers).map(share).collect::<anyhow::Result<Vec<_>>>()?;
    let stop = bench.stop;
    thread::scope(|scope| {
        let threads: Vec<_> =
            shares.into_iter().map(|share| scope.spawn(|| share.count(stop))).collect();
        let join = |thread: ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().try_for_each(join)
    })?;
    bench.check()?;
    Ok(began.elapsed())
}

/// What one reader reads.
struct Share {
    reader: Box<dyn Reader>,
    /// Partitions that are not yet at their end.
    left: Vec<(Partition, Offset)>,
}

impl Share {
    fn new(
        test: &TestTopic,
        ends: impl Iterator<Item = (Partition, Offset)>,
    ) -> anyhow::Result<Share> {
        let left: Vec<_> = ends.filter(|(_, end)| end.0 > 0).collect();
        let starts: Vec<_> = left.iter().map(|&(partition, _)| (partition, Offset(0))).collect();
        Ok(Share { reader: test.queue.reader(&test.topic, &starts)?, left })
    }

    /// Takes everything up to the ends.
    fn count(mut self, stop: &AtomicBool) -> anyhow::Result<()> {
        let (mut spare, began) = (Vec::new(), Instant::now());
        while !self.left.is_empty() && !stop.load(Ordering::Relaxed) {
            ensure!(
                began.elapsed() < PATIENCE,
                "reading takes longer than {} s",
                PATIENCE.as_secs()
            );
            let (partition, next) = match self.reader.read(WAIT, &mut spare)? {
                Event::Batch(batch) => {
                    let at = (batch.partition(), batch.next());
                    spare.push(batch);
                    at
                }
                Event::CaughtUp(partition, at) => (partition, at),
                _ => continue,
            };
            self.left.retain(|&(of, end)| of != partition || next < end);
        }
        Ok(())
    }
}
