//! What every part of the bench needs: where to measure, how much, and the limits known so far.

use std::cell::RefCell;
use std::fmt::Display;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::bail;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use seismic_generator::{Options, generate};

use super::workload::{Backlog, Limit, SAMPLE_RATE_HZ, Workload};
use super::workspace::{TestTopic, Workspace};

/// A job that takes longer for what it is asked for is not measured: the bench is bounded.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Event time at which backlogs begin: any whole second.
const START_MS: i64 = 1_600_000_000_000;

/// What every part needs.
pub(super) struct Bench<'a> {
    pub workspace: &'a Workspace,
    pub workload: &'a Workload,
    /// Records per second of a steady load.
    pub rate: f64,
    pub cores: usize,
    pub stop: &'a AtomicBool,
    pub bar: ProgressBar,
    pub limits: RefCell<Vec<(Backlog, Limit)>>,
}

impl Bench<'_> {
    /// A topic with a backlog in it.
    pub fn backlog(&self, load: &Backlog, partitions: u32) -> anyhow::Result<TestTopic> {
        self.step(format_args!("a backlog of {} sensors", load.sensors))?;
        let test = self.workspace.topic("backlog", partitions)?;
        let options = self.options(load, &test.topic.name, test.topic.partitions);
        generate(&*test.queue, &options, self.stop, &mut |_| {})?;
        self.check()?;
        Ok(test)
    }

    /// Options of the generator for a load.
    pub fn options(&self, load: &Backlog, topic: &str, partitions: u32) -> Options {
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
    pub fn partitions(&self) -> u32 {
        u32::try_from(self.cores).unwrap_or(u32::MAX).clamp(4, seismic_queue::limits::PARTITIONS)
    }

    /// The limit of a load that was measured already.
    pub fn limit(&self, load: &Backlog) -> Limit {
        let limits = self.limits.borrow();
        let found = limits.iter().find(|(of, _)| of == load);
        found.expect("loads() names what the parts relate to, and limits come first").1
    }

    /// Begins the next step, unless a stop was asked for.
    pub fn step(&self, what: impl Display) -> anyhow::Result<()> {
        self.check()?;
        self.bar.inc(1);
        self.bar.set_message(what.to_string());
        Ok(())
    }

    /// An error when a stop was asked for.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            bail!("stopped before the end");
        }
        Ok(())
    }
}

/// A bar on stderr, when that is a terminal.
pub(super) fn progress_bar() -> ProgressBar {
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
