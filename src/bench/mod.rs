//! `seismic bench`: what this machine and queue do with this program, in figures that a person can
//! compare: each is given with its ratio to what one core can do at most, measured in the same run.
//!
//! The parts are measured one after the other, in a place of their own (`workspace`); jobs are real
//! processes of this program, and what they made is verified.

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
mod render;
mod report;
mod row_observer;
mod scaling;
mod schedule;
mod workload;
mod workspace;

use std::cell::RefCell;
use std::fmt::Display;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::bail;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use seismic_generator::{Options, generate};

use self::limit::Limit;
use self::report::{Machine, Report, Table};
use self::workload::{Backlog, SAMPLE_RATE_HZ, Workload};
use self::workspace::{TestTopic, Workspace};
use crate::cli::exit::Outcome;
use crate::cli::signal;
use crate::cli::stdio::{print, print_line};
use crate::cli::target::Target;

/// A job that takes longer for what it is asked for is not measured: the bench is bounded.
const PATIENCE: Duration = Duration::from_secs(60);

/// Event time at which backlogs begin: any whole second.
const START_MS: i64 = 1_600_000_000_000;

/// Options of `seismic bench`.
#[derive(clap::Args)]
pub struct Args {
    /// What to measure [default: all]; the limit always is
    #[arg(value_enum, value_name = "PART")]
    parts: Vec<Part>,
    #[command(flatten)]
    target: Target,
    /// Less of everything: under a minute instead of about five
    #[arg(long)]
    quick: bool,
    /// Next to nothing of everything: for tests of the bench itself
    #[arg(long, hide = true, conflicts_with = "quick")]
    tiny: bool,
    /// Records per second of the steady load of live and recovery [default: 100000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(100..=100_000_000))]
    rate: Option<u32>,
    /// Draw how the cost of a record grows, as SVG files in this folder, instead of all else
    #[arg(long, value_name = "DIR", hide = true, conflicts_with = "parts")]
    plot: Option<PathBuf>,
    /// For programs
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// For documents
    #[arg(long)]
    markdown: bool,
}

/// What can be measured.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
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

/// Measures and shows.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let stop = signal::stop_flag()?;
    let location = args.target.location()?;
    let is_file = location.queue.file().is_some();
    let workload = match (args.tiny, args.quick) {
        (true, _) => Workload::tiny(),
        (_, true) if is_file => Workload::quick(),
        (_, true) => Workload::quick_on_a_broker(),
        _ => Workload::full(),
    };
    let machine = Machine::here();
    let cores = machine.cores;
    let queue = location.queue.to_string();
    let mut report = Report { machine, queue, size: workload.name, tables: Vec::new() };
    let measured = {
        let workspace = Workspace::new(&location.queue)?;
        let bench = Bench {
            workspace: &workspace,
            workload: &workload,
            rate: args.rate.map_or(workload.rate, f64::from),
            cores,
            stop: &stop,
            bar: progress_bar(),
            limits: RefCell::default(),
        };
        if let Some(folder) = &args.plot {
            let plots = scaling::draw(&bench, folder)?;
            print_line(format_args!("drew {plots} plots in {}", folder.display()))?;
            return Ok(Outcome::Fine);
        }
        bench.measure(&args.parts, &mut report.tables)
    };
    if args.json {
        // Half a report could be taken for a whole one.
        measured?;
        print_line(render::as_json(&report))?;
        return Ok(Outcome::Fine);
    }
    if !report.tables.is_empty() {
        print(if args.markdown {
            render::as_markdown(&report)
        } else {
            render::in_words(&report)
        })?;
    }
    measured.map(|()| Outcome::Fine)
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
