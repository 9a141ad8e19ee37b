//! **limit**: the same bytes decoded, cleaned and windowed from memory by one thread. No queue, no
//! commit, no other thread: the upper limit of one core on this hardware, to which everything else
//! is compared.

use std::time::{Duration, Instant};

use seismic_pipeline::{Engine, Output, Rules};
use seismic_queue::{Batch, Event, Offset, Partition, Reader};

use super::context::{Bench, PATIENCE};
use super::report::{Column, Table};
use super::workload::{Backlog, Limit};
use super::workspace::TestTopic;

/// Bytes held in memory at once: far more than any cache, so that they come from memory as a
/// backlog does, and little compared to what a machine has.
const HELD_BYTES: usize = 64 << 20;

/// A limit is the fastest of some passes that together take this long at least, so that one
/// unlucky moment is not taken for the hardware.
const LONG_ENOUGH: Duration = Duration::from_millis(500);
const PASSES: usize = 5;

const COLUMNS: &[Column] = &[
    Column { name: "sensors", title: "sensors", decimals: 0 },
    Column { name: "records_per_message", title: "records/message", decimals: 0 },
    Column { name: "anomaly_percent", title: "anomalies %", decimals: 0 },
    Column { name: "records_per_s", title: "records/s", decimals: 0 },
    Column { name: "mb_per_s", title: "MB/s", decimals: 0 },
];

/// An empty table.
pub fn table() -> Table {
    let about = "the records of the parts below, decoded, cleaned and windowed from memory by one \
                 thread; × limit further down is a figure's ratio to this one";
    Table::new("limit", about, COLUMNS)
}

/// Measures the limit of a backlog.
pub fn measure(bench: &Bench<'_>, test: &TestTopic, load: &Backlog) -> anyhow::Result<Limit> {
    bench.step(format_args!("limit, {} sensors", load.sensors))?;
    let (mut fastest, mut all, mut bytes) = (Duration::MAX, Duration::ZERO, 0);
    for _ in 0..PASSES {
        let pass = Pass::through(bench, test, load.records)?;
        fastest = fastest.min(pass.time);
        all += pass.time;
        bytes = pass.bytes;
        if all >= LONG_ENOUGH {
            break;
        }
    }
    let seconds = fastest.as_secs_f64();
    Ok(Limit { records_per_s: load.records as f64 / seconds, bytes_per_s: bytes as f64 / seconds })
}

/// One pass over a topic.
struct Pass {
    time: Duration,
    bytes: u64,
}

impl Pass {
    fn through(bench: &Bench<'_>, test: &TestTopic, records: u64) -> anyhow::Result<Pass> {
        let topic = &test.topic;
        let engine = |at| Engine::new(Rules::default(), &topic.name, at, Offset(0));
        let mut engines: Vec<_> = topic.all().map(engine).collect();
        let starts: Vec<_> = topic.all().map(|at: Partition| (at, Offset(0))).collect();
        let mut reader = test.queue.reader(topic, &starts)?;
        let (mut spare, mut held, mut out) = (Vec::new(), Vec::new(), Output::default());
        let mut pass = Pass { time: Duration::ZERO, bytes: 0 };
        let (mut read, begun) = (0, Instant::now());
        while read < records {
            bench.check()?;
            // A broker may show late what it took.
            anyhow::ensure!(begun.elapsed() < PATIENCE, "only {read} of {records} records show");
            hold(&mut *reader, &mut held, &mut spare, engines.len())?;
            let began = Instant::now();
            for batch in &held {
                let engine = &mut engines[batch.partition().0 as usize];
                for message in batch.messages() {
                    engine.step(message, &mut out);
                }
                out.clear();
            }
            pass.time += began.elapsed();
            pass.bytes += held.iter().map(|batch| batch.size() as u64).sum::<u64>();
            spare.append(&mut held);
            read = engines.iter().map(|engine| engine.counters().read).sum();
        }
        anyhow::ensure!(read == records, "{read} of {records} records are in the topic");
        Ok(pass)
    }
}

/// Reads until enough is held, every partition was read to its end, or nothing comes.
fn hold(
    reader: &mut dyn Reader,
    held: &mut Vec<Batch>,
    spare: &mut Vec<Batch>,
    partitions: usize,
) -> anyhow::Result<()> {
    let (mut bytes, mut ends) = (0, 0);
    while bytes < HELD_BYTES && ends < partitions {
        match reader.read(Duration::from_millis(200), spare)? {
            Event::Batch(batch) => {
                bytes += batch.size();
                held.push(batch);
            }
            Event::CaughtUp(..) => ends += 1,
            _ => break,
        }
    }
    Ok(())
}
