//! A sample with the decision that followed from it, as it is stored and shown.

use seismic_elastic::{Decision, Sample, lines};
use serde::{Deserialize, Serialize};

/// One of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// When it was taken, ms since 1970 UTC.
    pub at_ms: i64,
    /// Workers that reported.
    pub workers: u32,
    /// Workers that should run and gave no fresh report.
    pub missing: u32,
    /// Active slots of all of them.
    pub parallelism: u32,
    /// Records since the last one.
    pub records: u64,
    /// Records/s.
    pub throughput: f64,
    /// Share of the cores that they may use.
    pub cpu: f64,
    /// Share of time in which slots did not wait for records.
    pub busy: f64,
    /// Records that wait.
    pub lag: f64,
    /// Records/s by which they grow, where there was evidence for it.
    pub growth: Option<f64>,
    /// Age of the newest event of a row at its commit, ms.
    pub event_latency_ms: Option<f64>,
    /// What should run.
    pub to_workers: u32,
    /// Its active slots.
    pub to_parallelism: u32,
    /// Whether that is something else than what runs.
    pub is_change: bool,
    /// Whether the change was begun.
    pub is_begun: bool,
    /// Why, in words.
    pub reason: String,
    /// What an operator should know, and did not know yet.
    pub alerts: Vec<String>,
}

impl Entry {
    /// Of a decision, and of the sample from which it followed, if one could be taken.
    #[must_use]
    pub fn of(sample: Option<&Sample>, decision: &Decision) -> Entry {
        let measured = sample.map_or_else(Entry::default, |sample| Entry {
            workers: u32::try_from(sample.workers.len()).unwrap_or(u32::MAX),
            missing: sample.missing,
            parallelism: sample.parallelism(),
            records: sample.records,
            throughput: sample.throughput(),
            cpu: sample.cpu(),
            busy: sample.busy(),
            lag: sample.lag,
            event_latency_ms: sample.latency_ms,
            ..Entry::default()
        });
        Entry {
            at_ms: decision.at_ms,
            growth: decision.figures.and_then(|figures| figures.growth),
            to_workers: decision.to.workers,
            to_parallelism: decision.to.parallelism,
            is_change: decision.is_change(),
            reason: decision.reason.to_string(),
            alerts: decision.alerts.iter().map(ToString::to_string).collect(),
            ..measured
        }
    }
}

/// The line of a decision in the log of the schedule. `rest`: what became of a change that was not
/// begun.
#[must_use]
pub fn line_of(decision: &Decision, rest: Option<&str>) -> String {
    match rest.filter(|_| decision.is_change()) {
        Some(rest) => format!("{} | not carried out: {rest}", lines::scheduled(decision)),
        None => lines::scheduled(decision),
    }
}
