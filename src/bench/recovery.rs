//! **recovery**: from the start of the process, after `kill -9`, to the first new row, under load,
//! by size of state.
//!
//! Every sensor has one open window. The load continues while the job is down, for just over a
//! second: so windows are due when it returns, and the time is that of the recovery and not of
//! waiting for the next second of event time. Idle closes are off, since they would wait two
//! seconds.

use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use seismic_queue::{Event, sleep};

use super::context::{Bench, PATIENCE};
use super::load::{OpenLoad, RunningLoad};
use super::report::{Column, Table, median};
use super::running_job::RunningJob;
use super::workspace::{Job, TestTopic};
use crate::demo::child::{self, Consumer, Position};

/// How long the job stays down: longer than a window, so that rows are due afterwards.
const DOWN: Duration = Duration::from_millis(1_200);

const OPTIONS: [&str; 2] = ["--idle-timeout-ms", "0"];

const COLUMNS: &[Column] = &[
    Column { name: "sensors", title: "sensors", decimals: 0 },
    Column { name: "records_per_s", title: "records/s", decimals: 0 },
    Column { name: "kills", title: "kills", decimals: 0 },
    Column { name: "median_s", title: "median s", decimals: 3 },
    Column { name: "max_s", title: "max s", decimals: 3 },
    Column { name: "limit_records", title: "median × limit, records", decimals: 0 },
];

/// Measures.
pub fn measure(bench: &Bench<'_>) -> anyhow::Result<Table> {
    let about = "from the start of a process after kill -9 to its first new row, under load, by \
                 sensors with one open window; and what the limit does in the same time";
    let mut table = Table::new("recovery", about, COLUMNS);
    let limit = bench.limit(&bench.workload.standard()).records_per_s;
    for &sensors in &bench.workload.recovery_sensors {
        bench.step(format_args!("recovery with {sensors} sensors"))?;
        let feed = OpenLoad { sensors, rate: bench.rate, first: u64::from(sensors) };
        let test = bench.workspace.topic("recovery", bench.partitions())?;
        let job = test.job()?;
        let took = kills(bench, &test, &job, feed)?;
        test.verify(&job)?;
        let max = took.iter().copied().fold(0.0, f64::max);
        let median = median(took);
        table.push([
            sensors.into(),
            bench.rate.into(),
            bench.workload.repeats.into(),
            median.into(),
            max.into(),
            (median * limit).into(),
        ]);
    }
    Ok(table)
}

/// Kills the job some times under load; how many seconds it took each time to come back.
fn kills(
    bench: &Bench<'_>,
    test: &TestTopic,
    job: &Job,
    feed: OpenLoad,
) -> anyhow::Result<Vec<f64>> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut at_work = RunningJob::start(bench, job, &OPTIONS)?;
        let running = feed.start(scope, test, &done, bench.stop)?;
        let mut took = Vec::new();
        for _ in 0..bench.workload.repeats {
            child::wait_until(PATIENCE, bench.stop, || {
                at_work.consumer.check()?;
                ensure!(!running.has_failed(), "the load has ended");
                Ok(Position::of(&*at_work.store, &*test.queue)?.messages > feed.first)
            })
            .context("the job does not take all sensors in")?;
            sleep(bench.workload.settle, bench.stop);
            bench.check()?;
            let back;
            (at_work.consumer, back) = kill(bench, job, at_work.consumer, &running)?;
            took.push(back.as_secs_f64());
        }
        running.end()?;
        at_work.catch_up(bench, test)?;
        at_work.consumer.stop()?;
        Ok(took)
    })
}

/// Kills it and starts it again; the new process, and how long it took to its first new row.
fn kill(
    bench: &Bench<'_>,
    job: &Job,
    mut consumer: Consumer,
    running: &RunningLoad<'_>,
) -> anyhow::Result<(Consumer, Duration)> {
    consumer.check()?;
    consumer.kill()?;
    let store = job.store()?;
    let (rows, ends) = job.rows(&*store)?;
    let mut reader = store.topics().reader(&rows, &ends)?;
    sleep(DOWN, bench.stop);
    bench.check()?;
    let began = Instant::now();
    let mut consumer = job.start(&OPTIONS)?;
    loop {
        let event = reader.read(Duration::from_millis(50), &mut Vec::new())?;
        if matches!(event, Event::Batch(_)) {
            return Ok((consumer, began.elapsed()));
        }
        bench.check()?;
        consumer.check()?;
        ensure!(!running.has_failed(), "the load has ended");
        ensure!(began.elapsed() < PATIENCE, "no new row within {} s", PATIENCE.as_secs());
    }
}
