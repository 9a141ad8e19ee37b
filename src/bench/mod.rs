//! Measures what this machine and queue do. Each figure is given with its ratio to what one core can
//! do at most, measured in the same run, so that figures of different machines can be compared.
//!
//! The parts are measured one after the other in a temporary workspace; jobs are real processes of
//! this program, and their results are verified.

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
mod scaling;
mod schedule;
mod workload;
mod workspace;

use std::cell::RefCell;
use std::fmt::Display;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::bail;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use seismic_generator::{Options, generate};

use self::limit::Limit;
use self::report::{Machine, Report, Table};
use self::workload::{Backlog, SAMPLE_RATE_HZ, Workload};
use self::workspace::{TestTopic, Workspace};
use crate::backends::Url;

/// A job that takes longer for what it is asked for is not measured: the bench is bounded.
const PATIENCE: Duration = Duration::from_secs(60);

/// Event time at which backlogs begin: any whole second.
const START_MS: i64 = 1_600_000_000_000;

/// What can be measured.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
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
}

/// What to measure, and where.
pub struct BenchOptions {
    /// Measures beside this queue, or in this cluster.
    pub queue: Url,
    /// How much.
    pub size: Size,
    /// Records per second of a steady load; `None`: what the size says.
    pub rate: Option<u32>,
    /// Parts; empty: all.
    pub parts: Vec<Part>,
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

/// Measures. The report has what was measured before an error, if there is one.
pub fn measure(
    options: &BenchOptions,
    stop: &AtomicBool,
) -> anyhow::Result<(Report, anyhow::Result<()>)> {
    with_bench(options, stop, |bench| {
        let mut tables = Vec::new();
        let measured = bench.measure(&options.parts, &mut tables);
        let (queue, size) = (options.queue.to_string(), bench.workload.name);
        Ok((Report { machine: Machine::here(), queue, size, tables }, measured))
    })
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

/// What every part needs.
struct Bench<'a> {
    workspace: &'a Workspace,
    workload: &'a Workload,
    /// Records per second of a steady load.
    rate: f64,
    cores: usize,
    stop: &'a AtomicBool,
    bar: ProgressBar,
    limits: RefCell<Vec<(Backlog, Limit)>>,
}

impl Bench<'_> {
    fn measure(&self, parts: &[Part], tables: &mut Vec<Table>) -> anyhow::Result<()> {
        let wants = |part| parts.is_empty() || parts.contains(&part);
        let loads = self.loads(&wants);
        self.bar.set_length(self.steps(&wants, loads.len()));
        let (mut limits, mut reads, mut drains) = (limit::table(), read::table(), drain::table());
        for load in loads {
            let test = self.backlog(&load, self.partitions())?;
            let limit = limit::measure(self, &test, &load)?;
            limits.push(limit.row(&load));
            self.limits.borrow_mut().push((load, limit));
            if wants(Part::Read) {
                let rows = read::measure(self, &test, &load, &limit)?;
                rows.into_iter().for_each(|row| reads.push(row));
            }
            if wants(Part::Drain) {
                let rows = drain::measure(self, &test, &load, &limit)?;
                rows.into_iter().for_each(|row| drains.push(row));
            }
        }
        tables.push(limits);
        if wants(Part::Publish) {
            tables.push(publish::measure(self)?);
        }
        if wants(Part::Read) {
            tables.push(reads);
        }
        if wants(Part::Drain) {
            tables.push(drains);
        }
        if wants(Part::Live) {
            tables.push(live::measure(self)?);
        }
        if wants(Part::Recovery) {
            tables.push(recovery::measure(self)?);
        }
        if wants(Part::Memory) {
            tables.push(memory::measure(self)?);
        }
        self.bar.finish_and_clear();
        Ok(())
    }

    /// The backlogs whose limits are needed.
    fn loads(&self, wants: &dyn Fn(Part) -> bool) -> Vec<Backlog> {
        let all = [Part::Limit, Part::Read, Part::Drain].into_iter().any(wants);
        let is_needed = |load: &Backlog| {
            let packed = *load == self.workload.packed() && wants(Part::Publish);
            all || packed || *load == self.workload.standard()
        };
        self.workload.loads.iter().copied().filter(is_needed).collect()
    }

    fn steps(&self, wants: &dyn Fn(Part) -> bool, loads: usize) -> u64 {
        let of_backlogs = [Part::Read, Part::Drain].into_iter().filter(|&part| wants(part)).count();
        let of_backlogs = of_backlogs * drain::slots(self).len();
        let other = [
            (Part::Publish, publish::cases(self).len()),
            (Part::Live, 1),
            (Part::Recovery, self.workload.recovery_sensors.len()),
            (Part::Memory, 2),
        ];
        let other: usize = other.iter().filter(|(part, _)| wants(*part)).map(|(_, n)| n).sum();
        (loads * (2 + of_backlogs) + other) as u64
    }

    /// A topic with a backlog in it.
    fn backlog(&self, load: &Backlog, partitions: u32) -> anyhow::Result<TestTopic> {
        self.step(format_args!("a backlog of {} sensors", load.sensors))?;
        let test = self.workspace.topic("backlog", partitions)?;
        let options = self.options(load, &test.topic.name, test.topic.partitions);
        generate(&*test.queue, &options, self.stop, &mut |_| {})?;
        self.check()?;
        Ok(test)
    }

    /// Options of the generator for a load.
    fn options(&self, load: &Backlog, topic: &str, partitions: u32) -> Options {
        Options {
            records: Some(load.records),
            sensors: load.sensors,
            partitions,
            topic: topic.to_owned(),
            sample_rate_hz: SAMPLE_RATE_HZ,
            start_ms: Some(START_MS),
            anomaly_percent: f64::from(load.anomaly_percent),
            seed: Some(1),
            pack: load.pack,
            ..Options::default()
        }
    }

    /// Partitions of every topic: enough that each slot has one.
    fn partitions(&self) -> u32 {
        u32::try_from(self.cores).unwrap_or(u32::MAX).clamp(4, seismic_queue::limits::PARTITIONS)
    }

    /// The limit of a load that was measured already.
    fn limit(&self, load: &Backlog) -> Limit {
        let limits = self.limits.borrow();
        let found = limits.iter().find(|(of, _)| of == load);
        found.expect("loads() names what the parts relate to, and limits come first").1
    }

    /// Begins the next step, unless a stop was asked for.
    fn step(&self, what: impl Display) -> anyhow::Result<()> {
        self.check()?;
        self.bar.inc(1);
        self.bar.set_message(what.to_string());
        Ok(())
    }

    /// An error when a stop was asked for.
    fn check(&self) -> anyhow::Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            bail!("stopped before the end");
        }
        Ok(())
    }
}

/// A bar on stderr, when that is a terminal.
fn progress_bar() -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len}: {msg} ({elapsed})")
        .expect("the template is well formed");
    let bar = ProgressBar::with_draw_target(Some(0), target).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}
