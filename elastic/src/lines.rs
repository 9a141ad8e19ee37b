//! The lines of logs and of the history, each as text without its end, and what `explain` says. Times are
//! UTC.

use std::fmt::Write as _;

use crate::alert::Alert;
use crate::civil::date;
use crate::decision::Decision;
use crate::sample::Sample;
use crate::settings::Settings;
use crate::state::State;

/// A sample for the log of collection: `throughput=10/s | cpu=0.0065 | tm=3 | records=15`.
#[must_use]
pub fn collected(sample: &Sample) -> String {
    let (throughput, cpu) = (sample.throughput(), sample.cpu());
    let (workers, records) = (sample.workers.len(), sample.records);
    format!("throughput={throughput:.0}/s | cpu={cpu:.4} | tm={workers} | records={records}")
}

/// A sample for the history: `1764458303,throughput:10,cpu:0.0070`.
#[must_use]
pub fn history(sample: &Sample) -> String {
    let (throughput, cpu) = (sample.throughput(), sample.cpu());
    let at_s = sample.at_ms.div_euclid(1_000);
    format!("{at_s},throughput:{throughput:.0},cpu:{cpu:.4}")
}

/// A line of the history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Past {
    /// s since 1970 UTC.
    pub at_s: i64,
    /// Records/s.
    pub throughput: f64,
    /// Share of the cores.
    pub cpu: f64,
}

/// What a line of the history says; none where it is no such line, as one that was cut by a power
/// failure.
#[must_use]
pub fn parse_history(line: &str) -> Option<Past> {
    let (at_s, rest) = line.split_once(",throughput:")?;
    let (throughput, cpu) = rest.split_once(",cpu:")?;
    // A line that was cut may still look like a number.
    let is_whole = cpu.split_once('.').is_some_and(|(_, decimals)| decimals.len() == 4);
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    let past =
        Past { at_s: at_s.parse().ok()?, throughput: number(throughput)?, cpu: number(cpu)? };
    is_whole.then_some(past)
}

/// A decision for the log of the schedule:
/// `[2025-11-30 12:00:00] parallelism=3, workers=3 | throughput=10/s, … | within limits, no change`.
#[must_use]
pub fn scheduled(decision: &Decision) -> String {
    let Decision { at_ms, from, to, reason, figures, .. } = decision;
    let mut line = format!("[{}] {from}", date(*at_ms));
    if decision.is_change() {
        let _ = write!(line, " -> {to}");
    }
    if let Some(figures) = figures {
        let _ = write!(line, " | {figures}");
    }
    let _ = write!(line, " | {reason}");
    line
}

/// The time at the head of such lines, without brackets.
#[must_use]
pub fn time(at_ms: i64) -> String {
    date(at_ms)
}

/// An alert for the log of alerts: `[2025-11-30 12:00:00] flapping: …`.
#[must_use]
pub fn alerted(at_ms: i64, alert: &Alert) -> String {
    format!("[{}] {alert}", date(at_ms))
}

/// Why a decision fell as it did, in several lines, with the samples behind it.
#[must_use]
pub fn explain(state: &State, settings: &Settings, decision: &Decision) -> String {
    let Decision { at_ms, from, to, reason, figures, alerts } = decision;
    let mut text = match decision.is_change() {
        true => format!("{} UTC: from {from} to {to}\n", date(*at_ms)),
        false => format!("{} UTC: {from}, no change\n", date(*at_ms)),
    };
    let _ = writeln!(text, "because: {reason}");
    match figures {
        Some(figures) => {
            let _ = writeln!(text, "figures: {figures}");
        }
        None => text += "figures: none, since no sample could be used\n",
    }
    let limits = &settings.limits;
    let _ = writeln!(
        text,
        "limits: workers {} to {} of {} slots, parallelism {} to {}",
        limits.workers_min,
        limits.workers_max,
        limits.slots,
        limits.parallelism_min,
        limits.parallelism_max
    );
    let _ = writeln!(
        text,
        "a change costs {:.1} s; {} changes within a day; the band was widened {} times",
        state.cost_ms() as f64 / 1_000.0,
        state.changes_of_a_day(),
        state.widenings()
    );
    for alert in alerts {
        let _ = writeln!(text, "alert: {alert}");
    }
    let points = state.points();
    let _ = writeln!(text, "samples in a row: {}", points.len());
    for point in points {
        let (throughput, cpu, busy, lag) = (point.throughput, point.cpu, point.busy, point.lag);
        let _ = writeln!(
            text,
            "  {} throughput={throughput:.0}/s cpu={cpu:.4} busy={busy:.2} lag={lag:.0}",
            date(point.at_ms)
        );
    }
    text
}
