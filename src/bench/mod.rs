//! Measures the performance of this machine and queue. Each figure is given with its ratio to the
//! maximum of one core, measured in the same run, so that figures of different machines can be
//! compared.
//!
//! The parts are measured one after the other in a temporary workspace; jobs are real processes of
//! this program, and their results are verified.

mod context;
mod drain;
mod host;
mod limit;
mod live;
mod load;
mod memory;
mod plot;
mod publish;
mod read;
mod recovery;
pub mod render;
pub mod report;
mod row_observer;
mod running_job;
mod scaling;
mod schedule;
mod sinks;
mod statements;
mod workload;
mod workspace;

use std::cell::RefCell;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use self::context::{Bench, progress_bar};
use self::report::{Machine, Report, Table};
use self::workload::{Backlog, Workload};
use self::workspace::Workspace;
use seismic_sinks::SinkSpec;

use crate::backends::Url;

/// What can be measured.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum BenchPart {
    /// Decoding, cleaning and windowing from memory by one thread
    Limit,
    /// Durable appends, by size of block and records per message
    Publish,
    /// A backlog read and only counted, by sensors, anomalies and readers
    Read,
    /// A backlog to committed rows, by sensors, anomalies and slots
    Drain,
    /// Latency of rows at a steady rate
    Live,
    /// From kill -9 to the first new row, by size of state
    Recovery,
    /// Bytes per sensor
    Memory,
    /// Rows of sinks beside their statements alone; only where sinks are named
    Sinks,
    /// Statements over rows in memory beside a plain loop, by rows of a batch
    Sql,
}

/// What to measure, and where.
pub struct BenchOptions {
    /// Measures next to this queue, or in this cluster.
    pub queue: Url,
    /// How much.
    pub size: Size,
    /// Records per second of a steady load; `None`: what the size says.
    pub rate: Option<u32>,
    /// Parts; empty: all.
    pub parts: Vec<BenchPart>,
    /// Sinks to measure, each at a place that is new.
    pub sinks: Vec<SinkSpec>,
}

/// How much is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// About five minutes.
    Full,
    /// Under a minute.
    Quick,
    /// For tests of the bench itself.
    Tiny,
}

impl Size {
    /// As the report has it.
    fn name(self) -> &'static str {
        match self {
            Size::Full => "full",
            Size::Quick => "quick",
            Size::Tiny => "tiny",
        }
    }
}

/// Measures. The report has what was measured before an error, if there is one.
pub fn measure(
    options: &BenchOptions,
    stop: &AtomicBool,
) -> anyhow::Result<(Report, anyhow::Result<()>)> {
    let (mut tables, machine, queue) = (Vec::new(), Machine::here(), options.queue.to_string());
    let mut measured = match options.parts[..] {
        // They have places of their own.
        [BenchPart::Sinks] => Ok(()),
        _ => with_bench(options, stop, |bench| {
            Ok(measure_parts(bench, &options.parts, &mut tables))
        })?,
    };
    if measured.is_ok() && (options.parts.contains(&BenchPart::Sinks) || !options.sinks.is_empty())
    {
        measured = sinks::measure(&options.sinks, options.size, stop).map(|it| tables.push(it));
    }
    let size = options.size.name();
    Ok((Report { machine, queue, size, tables }, measured))
}

/// Draws how the cost of a record scales; the number of plots.
pub fn draw(options: &BenchOptions, folder: &Path, stop: &AtomicBool) -> anyhow::Result<usize> {
    with_bench(options, stop, |bench| scaling::draw(bench, folder))
}

fn with_bench<T>(
    options: &BenchOptions,
    stop: &AtomicBool,
    work: impl FnOnce(&Bench<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let is_file = options.queue.file().is_some();
    let workload = match options.size {
        Size::Tiny => Workload::tiny(),
        Size::Quick if is_file => Workload::quick(),
        Size::Quick => Workload::quick_on_a_broker(),
        Size::Full => Workload::full(),
    };
    let workspace = Workspace::new(&options.queue)?;
    work(&Bench {
        workspace: &workspace,
        workload: &workload,
        rate: options.rate.map_or(workload.rate, f64::from),
        cores: Machine::here().cores,
        stop,
        bar: progress_bar(),
        limits: RefCell::default(),
    })
}

fn measure_parts(
    bench: &Bench<'_>,
    parts: &[BenchPart],
    tables: &mut Vec<Table>,
) -> anyhow::Result<()> {
    let wants = |part| parts.is_empty() || parts.contains(&part);
    let backlogs = loads(bench, &wants);
    bench.bar.set_length(steps(bench, &wants, backlogs.len()));
    let (mut limits, mut reads, mut drains) = (limit::table(), read::table(), drain::table());
    for load in backlogs {
        let test = bench.backlog(&load, bench.partitions())?;
        let limit = limit::measure(bench, &test, &load)?;
        limits.push(limit.row(&load));
        bench.limits.borrow_mut().push((load, limit));
        if wants(BenchPart::Read) {
            let rows = read::measure(bench, &test, &load, &limit)?;
            rows.into_iter().for_each(|row| reads.push(row));
        }
        if wants(BenchPart::Drain) {
            let rows = drain::measure(bench, &test, &load, &limit)?;
            rows.into_iter().for_each(|row| drains.push(row));
        }
    }
    tables.push(limits);
    if wants(BenchPart::Publish) {
        tables.push(publish::measure(bench)?);
    }
    if wants(BenchPart::Read) {
        tables.push(reads);
    }
    if wants(BenchPart::Drain) {
        tables.push(drains);
    }
    if wants(BenchPart::Live) {
        tables.push(live::measure(bench)?);
    }
    if wants(BenchPart::Recovery) {
        tables.push(recovery::measure(bench)?);
    }
    if wants(BenchPart::Memory) {
        tables.push(memory::measure(bench)?);
    }
    if wants(BenchPart::Sql) {
        tables.push(statements::measure(bench)?);
    }
    bench.bar.finish_and_clear();
    Ok(())
}

/// The backlogs whose limits are needed.
fn loads(bench: &Bench<'_>, wants: &dyn Fn(BenchPart) -> bool) -> Vec<Backlog> {
    let all = [BenchPart::Limit, BenchPart::Read, BenchPart::Drain].into_iter().any(wants);
    let is_needed = |load: &Backlog| {
        let packed = *load == bench.workload.packed() && wants(BenchPart::Publish);
        all || packed || *load == bench.workload.standard()
    };
    bench.workload.loads.iter().copied().filter(is_needed).collect()
}

fn steps(bench: &Bench<'_>, wants: &dyn Fn(BenchPart) -> bool, loads: usize) -> u64 {
    let of_backlogs =
        [BenchPart::Read, BenchPart::Drain].into_iter().filter(|&part| wants(part)).count();
    let of_backlogs = of_backlogs * drain::slots(bench).len();
    let other = [
        (BenchPart::Publish, publish::cases(bench).len()),
        (BenchPart::Live, 1),
        (BenchPart::Recovery, bench.workload.recovery_sensors.len()),
        (BenchPart::Memory, 2),
        (BenchPart::Sql, statements::steps()),
    ];
    let other: usize = other.iter().filter(|(part, _)| wants(*part)).map(|(_, n)| n).sum();
    (loads * (2 + of_backlogs) + other) as u64
}
