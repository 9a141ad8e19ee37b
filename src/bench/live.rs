//! **live**: latency at a steady rate, from the due time of the record that closes a window until
//! another reader sees the row of the window. It includes a durable append, the job (another
//! process) that reads, windows and commits, and a reader of its result topic in this process.
//! Where a sink can send the rows back to the queue, a consumer of those is measured too.

use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::thread::{self, ScopedJoinHandle};

use anyhow::ensure;
use seismic_queue::{Offset, sleep};

use super::context::Bench;
use super::load::{LoadReport, OpenLoad};
use super::report::{Cell, Column, Table};
use super::row_observer::{ObservedRows, RowObserver};
use super::running_job::RunningJob;
use super::schedule::Latencies;
use super::workspace::{Job, SinkBack, TestTopic};

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
    let sensors = bench.workload.few_sensors;
    let feed = OpenLoad { sensors, rate: bench.rate, first: 0 };
    let test = bench.workspace.topic("live", bench.partitions())?;
    let job = test.job()?;
    let Followed { fed, in_store, sent_back } = follow(bench, &test, &job, feed)?;
    test.verify(&job)?;

    let since = fed.began + bench.workload.warm_up;
    let rate = fed.records as f64 / fed.time.as_secs_f64();
    let ratio = rate / bench.limit(&bench.workload.standard()).records_per_s;
    let about = "a steady load, each latency from when an append was due, its own time included";
    let mut table = Table::new("live", about, COLUMNS);
    let visible = |watched: &ObservedRows| fed.schedule.visible(&watched.seen, since);
    let sent_back = sent_back.iter().map(|it| ("row sent back to the queue", visible(it)));
    let all =
        [("append durable", fed.schedule.durable(since)), ("row visible", visible(&in_store))];
    for (what, latencies) in all.into_iter().chain(sent_back) {
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

/// What came of a feed.
struct Followed {
    fed: LoadReport,
    /// Rows as another reader of the store saw them.
    in_store: ObservedRows,
    /// Rows as a consumer saw them where a sink puts them, when the queue is not the store.
    sent_back: Option<ObservedRows>,
}

/// Feeds the job and watches its rows, until all are seen.
fn follow(
    bench: &Bench<'_>,
    test: &TestTopic,
    job: &Job,
    feed: OpenLoad,
) -> anyhow::Result<Followed> {
    let back = test.sink_back()?;
    let options: Vec<_> = back.iter().flat_map(|sink| ["--sink", &sink.spec]).collect();
    let mut job_at_work = RunningJob::start(bench, job, &options)?;
    // A second handle: watchers read by it while the job at work is asked how far it is.
    let store = job.store()?;
    let (rows, begin) = job.rows(&*store)?;
    let (done, given_up) = (AtomicBool::new(false), AtomicBool::new(false));
    let (ends, count) = (OnceLock::new(), OnceLock::new());
    thread::scope(|scope| {
        let _guard = GiveUp(&given_up);
        let watch = RowObserver::new(store.topics(), &rows, &begin, &given_up)?;
        let in_store = scope.spawn(|| watch.up_to(|| ends.get()));
        let sent_back = match &back {
            Some(SinkBack { queue, topic, .. }) => {
                let begin: Vec<_> = topic.all().map(|partition| (partition, Offset(0))).collect();
                let watch = RowObserver::new(&**queue, topic, &begin, &given_up)?;
                Some(scope.spawn(|| watch.of(|| count.get().copied())))
            }
            None => None,
        };
        let running = feed.start(scope, test, &done, bench.stop)?;
        sleep(bench.workload.warm_up + bench.workload.live_time, bench.stop);
        bench.check()?;
        let fed = running.end()?;
        job_at_work.catch_up(bench, test)?;
        ends.get_or_init(|| job.rows(&*store).map(|(_, ends)| ends).unwrap_or_default());
        let in_store = join(in_store)?;
        count.get_or_init(|| in_store.rows);
        let sent_back = sent_back.map(join).transpose()?;
        job_at_work.consumer.stop()?;
        Ok(Followed { fed, in_store, sent_back })
    })
}

fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Tells the watcher that no one waits for it any more.
struct GiveUp<'a>(&'a AtomicBool);

impl Drop for GiveUp<'_> {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}
