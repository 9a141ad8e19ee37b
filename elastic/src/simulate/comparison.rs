//! A year under both policies and under a fixed maximum: figures and charts.

use std::fmt::Write as _;

use serde::Serialize;

use crate::policy::{Policy, Target, Threshold};
use crate::settings::Settings;
use crate::shape::{Limits, Shape};
use crate::simulate::chart::{Chart, Line};
use crate::simulate::job::Plant;
use crate::simulate::run::{Outcome, Trace, run};
use crate::simulate::year::Year;

const HOUR: u64 = 3_600;

/// One way to have workers, and what came of it.
#[derive(Serialize)]
pub struct Contender {
    /// Its name.
    pub name: String,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    #[serde(skip)]
    traces: Vec<Trace>,
}

/// All of them, under one load.
pub struct Comparison {
    /// The fixed maximum first, then the settings that were compared with it.
    pub contenders: Vec<Contender>,
    limits: Limits,
}

/// The load while all is quiet, as a share of what the largest shape can do: an M7 needs all of it.
pub const QUIET_SHARE: f64 = 0.08;

/// The settings of the documents: both policies, with 2 to 12 workers of 2 slots. `threshold` has numbers
/// of a whole job, records/s; here they are around a quiet load of `base`.
#[must_use]
pub fn both_policies(base: f64) -> Vec<(String, Settings)> {
    let limits = Limits {
        workers_min: 2,
        workers_max: 12,
        slots: 2,
        parallelism_min: 4,
        parallelism_max: 24,
    };
    let threshold = Threshold {
        throughput_up: 1.6 * base,
        throughput_down: 1.25 * base,
        ..Threshold::default()
    };
    let settings = |policy| Settings { limits, policy, ..Settings::default() };
    vec![
        ("threshold".into(), settings(Policy::Threshold(threshold))),
        ("target".into(), settings(Policy::Target(Target::default()))),
    ]
}

/// Runs the year of a seed, with a quiet load of `base` records/s, under each of the settings and under as
/// many workers as the limits of the first ones allow.
#[must_use]
pub fn compare(plant: Plant, base: f64, seed: u64, all: &[(String, Settings)]) -> Comparison {
    let limits = all.first().map_or_else(Limits::default, |(_, settings)| settings.limits);
    let most = limits.parallelism_upper(plant.partitions);
    let most = Shape { workers: limits.workers_max, parallelism: most };
    let mut contenders = vec![contender("fixed maximum", plant, base, seed, most, None)];
    for (name, settings) in all {
        let Limits { workers_min, slots, parallelism_max, .. } = settings.limits;
        let parallelism = workers_min.saturating_mul(slots).min(parallelism_max);
        let least = Shape { workers: workers_min, parallelism };
        contenders.push(contender(name, plant, base, seed, least, Some(settings)));
    }
    Comparison { contenders, limits }
}

fn contender(
    name: &str,
    plant: Plant,
    base: f64,
    seed: u64,
    shape: Shape,
    settings: Option<&Settings>,
) -> Contender {
    let mut year = Year::new(seed, base);
    let mainshock = year.mainshock();
    let mut traces = vec![
        Trace::new(0, Year::seconds(), 12 * HOUR),
        Trace::new(mainshock - HOUR / 6, mainshock + HOUR * 11 / 6, 20),
    ];
    let outcome = run(plant, shape, settings, &mut year, Year::seconds(), &mut traces);
    Contender { name: name.to_owned(), outcome, traces }
}

impl Comparison {
    /// A table in Markdown.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = "| | worker hours | of the fixed maximum | rows within 5 s | rows late | \
                         changes | most in a day | alerts |\n|---|---:|---:|---:|---:|---:|---:|---:|\n"
            .to_owned();
        for Contender { name, outcome, .. } in &self.contenders {
            let Outcome { in_time, worker_hours, changes, changes_of_a_day, .. } = outcome;
            let share = 100.0 * self.hours_share(outcome);
            let late_ppm = (1.0 - in_time) * 1e6;
            let _ = writeln!(
                table,
                "| {name} | {worker_hours:.0} | {share:.1} % | {:.4} % | {late_ppm:.0} in a million | \
                 {changes} | {changes_of_a_day} | {} |",
                100.0 * in_time,
                outcome.alerts.len()
            );
        }
        table
    }

    /// Worker hours as a share of those of the fixed maximum.
    #[must_use]
    pub fn hours_share(&self, outcome: &Outcome) -> f64 {
        outcome.worker_hours / self.contenders[0].outcome.worker_hours
    }

    /// Load and capacity over the year: the highest of each half day.
    #[must_use]
    pub fn year(&self) -> String {
        let marks = (0..=12).map(|month| (f64::from(month) / 12.0, (month * 30).to_string()));
        self.chart(0, "A year: the highest of each half day", "day", marks.collect())
    }

    /// Load and capacity around the M7.
    #[must_use]
    pub fn mainshock(&self) -> String {
        let marks = (0..=12).map(|mark| (f64::from(mark) / 12.0, (mark * 10 - 10).to_string()));
        self.chart(1, "The M7: load and capacity", "minutes after it", marks.collect())
    }

    fn chart(&self, trace: usize, title: &str, x_title: &str, marks: Vec<(f64, String)>) -> String {
        let of = |contender: &Contender, figure: usize| {
            let steps = &contender.traces[trace].steps;
            steps.iter().map(|step| step[figure] / 1e6).collect::<Vec<_>>()
        };
        let mut lines = vec![Line { name: "load", y: of(&self.contenders[0], 0) }];
        for contender in &self.contenders {
            lines.push(Line { name: &contender.name, y: of(contender, 1) });
        }
        let title = format!(
            "{title} (workers {} to {} of {} slots)",
            self.limits.workers_min, self.limits.workers_max, self.limits.slots
        );
        Chart { title, x_title, y_title: "million records/s", marks, lines }.svg()
    }
}
