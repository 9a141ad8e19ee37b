//! **memory**: the cost of a sensor with one open window, in bytes. Two jobs read the same number
//! of records into one window each; one has many sensors, one few. The result is the difference of
//! their memory divided by the difference of their sensors.

use seismic_generator::generate;
use seismic_queue::sleep;

use super::context::Bench;
use super::host::{self, Memory};
use super::report::{Column, Table};
use super::running_job::RunningJob;
use super::workload::Backlog;

const COLUMNS: &[Column] = &[
    Column { name: "sensors", title: "sensors", decimals: 0 },
    Column { name: "bytes_per_sensor", title: "bytes/sensor", decimals: 0 },
    Column { name: "peak_bytes_per_sensor", title: "at the peak", decimals: 0 },
    Column { name: "resident_mb", title: "process MB", decimals: 0 },
    Column { name: "few_resident_mb", title: "with few sensors, MB", decimals: 0 },
];

/// The highest sample rate that the generator has: all records of few sensors are in one window.
const DENSE_HZ: f64 = 10_000.0;

/// Measures.
pub fn measure(bench: &Bench<'_>) -> anyhow::Result<Table> {
    let (many, few) = (bench.workload.memory_sensors, bench.workload.few_sensors);
    let with_many = job_of(bench, many)?;
    let with_few = job_of(bench, few)?;
    let about = "resident memory of the job by sensors with one open window, over that of the same \
                 records from few sensors; it does not depend on how fast the machine is";
    let mut table = Table::new("memory", about, COLUMNS);
    let each = |of: fn(Memory) -> u64| {
        let (many_bytes, few_bytes) = (of(with_many?) as f64, of(with_few?) as f64);
        Some((many_bytes - few_bytes) / f64::from(many - few))
    };
    let mb = |memory: Option<Memory>| memory.map(|memory| memory.resident as f64 / 1e6);
    table.push([
        many.into(),
        each(|memory| memory.resident).into(),
        each(|memory| memory.peak).into(),
        mb(with_many).into(),
        mb(with_few).into(),
    ]);
    Ok(table)
}

/// The memory of a job that has taken in that many sensors and has nothing to do.
fn job_of(bench: &Bench<'_>, sensors: u32) -> anyhow::Result<Option<Memory>> {
    bench.step(format_args!("memory with {sensors} sensors"))?;
    let records = u64::from(bench.workload.memory_sensors);
    let test = bench.workspace.topic("memory", bench.partitions())?;
    let load = Backlog { sensors, records, ..bench.workload.standard() };
    let mut options = bench.options(&load, &test.topic.name, test.topic.partitions);
    options.sample_rate_hz = DENSE_HZ;
    generate(&*test.queue, &options, bench.stop, &mut |_| {})?;
    bench.check()?;

    let job = test.job()?;
    let mut at_work = RunningJob::start(bench, &job, &["--idle-timeout-ms", "0"])?;
    at_work.catch_up(bench, &test)?;
    // A snapshot may be on its way.
    sleep(bench.workload.settle, bench.stop);
    bench.check()?;
    let memory = host::memory(at_work.consumer.pid());
    at_work.consumer.stop()?;
    test.verify(&job)?;
    Ok(memory)
}
