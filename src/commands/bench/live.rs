//! **live**: at a steady rate, from when the record that closes a window was due to be appended to
//! when the window's row is seen by another reader. The way between: a durable append, the job
//! (another process) that reads, windows and commits, and a reader of its result topic in this
//! process.

use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use seismic_proto::{ClosedBy, Message as _, SeismicAggRecord};
use seismic_queue::{Event, Home, Offset, Partition, Topic, sleep};

use super::feed::{Fed, Feed};
use super::report::{Cell, Column, Table};
use super::schedule::{Latencies, Seen};
use super::site::{Bed, Job};
use super::{Bench, PATIENCE};
use crate::commands::consumer::{self, Consumer, Position};

const COLUMNS: &[Column] = &[
    Column { name: "measured", title: "from due to", decimals: 0 },
    Column { name: "sensors", title: "sensors", decimals: 0 },
    Column { name: "records_per_s", title: "records/s", decimals: 0 },
    Column { name: "ratio_to_limit", title: "× limit", decimals: 4 },
    Column { name: "count", title: "counted", decimals: 0 },
    Column { name: "p50_ms", title: "p50 ms", decimals: 1 },
    Column { name: "p90_ms", title: "p90 ms", decimals: 1 },
    Column { name: "p99_ms", title: "p99 ms", decimals: 1 },
    Column { name: "p999_ms", title: "p99.9 ms", decimals: 1 },
    Column { name: "max_ms", title: "max ms", decimals: 1 },
];

/// Measures.
pub fn measure(bench: &Bench<'_>) -> anyhow::Result<Table> {
    bench.step("live latency")?;
    let sensors = bench.sizes.few_sensors;
    let feed = Feed { sensors, rate: bench.rate, first: 0 };
    let bed = bench.site.bed("live", bench.partitions())?;
    let job = bed.job()?;
    let (fed, seen) = follow(bench, &bed, &job, feed)?;
    bed.verify(&job)?;

    let since = fed.began + bench.sizes.warm_up;
    let rate = fed.records as f64 / fed.time.as_secs_f64();
    let ratio = rate / bench.limit(&bench.sizes.standard()).records_per_s;
    let about = "a steady load, each latency from when an append was due, its own time included";
    let mut table = Table::new("live", about, COLUMNS);
    for (what, latencies) in [
        ("append durable", fed.schedule.durable(since)),
        ("row visible", fed.schedule.visible(&seen, since)),
    ] {
        ensure!(latencies.count() > 0, "no {what} was seen: let it run longer, or raise --rate");
        let head = [Cell::Word(what), sensors.into(), rate.into(), ratio.into()];
        table.push([&head[..], &quantiles(&latencies)].concat());
    }
    Ok(table)
}

fn quantiles(latencies: &Latencies) -> [Cell; 6] {
    let ms = |share| latencies.quantile_ms(share).into();
    [latencies.count().into(), ms(0.5), ms(0.9), ms(0.99), ms(0.999), ms(1.0)]
}

/// Feeds the job and watches its rows, until all are seen.
fn follow(bench: &Bench<'_>, bed: &Bed, job: &Job, feed: Feed) -> anyhow::Result<(Fed, Vec<Seen>)> {
    let mut consumer = job.start(&[])?;
    let home = job.home()?;
    wait_for_home(bench, &*home, &mut consumer)?;
    let (rows, begin) = job.rows(&*home)?;
    let (done, ends, given_up) = (AtomicBool::new(false), OnceLock::new(), AtomicBool::new(false));
    thread::scope(|scope| {
        let _guard = GiveUp(&given_up);
        let watcher = scope.spawn(|| watch(&*home, &rows, &begin, &ends, &given_up));
        let feeding = feed.start(scope, bed, &done, bench.stop)?;
        sleep(bench.sizes.warm_up + bench.sizes.live_time, bench.stop);
        bench.check()?;
        let fed = feeding.end()?;
        consumer::wait_until(PATIENCE, bench.stop, || {
            consumer.check()?;
            Ok(Position::of(&*home, &*bed.queue)?.lag == 0)
        })
        .context("the job does not keep up; try a lower --rate")?;
        ends.get_or_init(|| job.rows(&*home).map(|(_, ends)| ends).unwrap_or_default());
        let seen = watcher.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        consumer.stop()?;
        Ok((fed, seen))
    })
}

/// Tells the watcher that nobody waits for it any more.
struct GiveUp<'a>(&'a AtomicBool);

impl Drop for GiveUp<'_> {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

/// Waits until the job has made its home.
pub fn wait_for_home(
    bench: &Bench<'_>,
    home: &dyn Home,
    consumer: &mut Consumer,
) -> anyhow::Result<()> {
    consumer::wait_until(PATIENCE, bench.stop, || {
        consumer.check()?;
        match home.view() {
            Ok(_) => Ok(true),
            Err(seismic_queue::Error::HomeMissing { .. } | seismic_queue::Error::Busy { .. }) => {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    })
}

/// Reads rows as they come, until those before `ends` were read, once that is known.
fn watch(
    home: &dyn Home,
    rows: &Topic,
    begin: &[(Partition, Offset)],
    ends: &OnceLock<Vec<(Partition, Offset)>>,
    given_up: &AtomicBool,
) -> anyhow::Result<Vec<Seen>> {
    let mut reader = home.topics().reader(rows, begin)?;
    let mut next: Vec<_> = begin.iter().map(|&(_, offset)| offset).collect();
    let (mut seen, mut spare) = (Vec::new(), Vec::new());
    let is_over = |next: &[Offset]| {
        given_up.load(std::sync::atomic::Ordering::Relaxed)
            || ends.get().is_some_and(|ends| {
                ends.iter().all(|(partition, end)| next[partition.0 as usize] >= *end)
            })
    };
    while !is_over(&next) {
        let Event::Batch(batch) = reader.read(Duration::from_millis(50), &mut spare)? else {
            continue;
        };
        let at = Instant::now();
        for message in batch.messages() {
            let row = SeismicAggRecord::decode(message.value)?;
            if row.closed_by() == ClosedBy::Time {
                let closing = Offset(row.closing_offset.try_into()?);
                seen.push(Seen { partition: batch.partition(), closing, at });
            }
        }
        next[batch.partition().0 as usize] = batch.next();
        spare.push(batch);
    }
    Ok(seen)
}
