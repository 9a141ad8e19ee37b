//! The scaling of a job as the API shows it.

use seismic_elastic::{Settings, lines};
use serde_json::{Value, json};

use super::entry::line_of;
use super::scaler::{Scaler, Taken, settings_of, why_not};
use crate::job::JobSpec;
use crate::job::service::Service;

/// What runs and is wanted, what was decided last and why, and the change that is under way.
///
/// # Errors
/// What of `[elastic]` contradicts itself.
pub fn status(
    name: &str,
    (spec, service): (&JobSpec, &Service),
    scaler: &Scaler,
    now_ms: i64,
) -> Result<Value, String> {
    let settings = settings_of(spec, service)?;
    let state = &scaler.stored.state;
    let wanted = scaler.stored.wanted.as_deref();
    let change = scaler.stored.change.as_ref().map(|change| {
        json!({
            "from_workers": change.from().workers,
            "from_parallelism": change.from().parallelism,
            "to_workers": change.to().workers,
            "to_parallelism": change.to().parallelism,
            "stage": change.stage,
            "since_ms": change.since_ms,
            "savepoint": change.savepoint,
            "why": change.why,
        })
    });
    let samples = state.points().map(|point| {
        json!({
            "at_ms": point.at_ms,
            "throughput": point.throughput,
            "cpu": point.cpu,
            "busy": point.busy,
            "lag": point.lag,
        })
    });
    let limits = settings.limits;
    let alerts: Vec<String> = scaler.standing_alerts(now_ms).into_values().collect();
    Ok(json!({
        "job": name,
        "action": service.elastic.action.name(),
        "not_carried_out": why_not(spec, service),
        "policy": policy_of(&settings),
        "interval_s": settings.interval_s,
        "workers_min": limits.workers_min,
        "workers_max": limits.workers_max,
        "slots_per_worker": limits.slots,
        "parallelism_min": limits.parallelism_min,
        "parallelism_max": limits.parallelism_max,
        "partitions": scaler.partitions,
        "wanted_slots": wanted,
        "last": scaler.last.as_ref().map(taken),
        "change": change,
        "changes_of_a_day": state.changes_of_a_day(),
        "cost_s": state.cost_ms() as f64 / 1_000.0,
        "alerts": alerts,
        "explain": scaler.last.as_ref().map(|last| explained(last, scaler, &settings)),
        "samples": samples.collect::<Vec<_>>(),
    }))
}

/// A decision with its line and what became of it.
#[must_use]
pub fn taken(taken: &Taken) -> Value {
    json!({
        "line": line_of(&taken.decision, taken.rest.as_deref()),
        "not_carried_out": taken.rest.as_ref().filter(|_| taken.decision.is_change()),
        "entry": taken.entry,
    })
}

fn explained(last: &Taken, scaler: &Scaler, settings: &Settings) -> String {
    let text = lines::explain(&scaler.stored.state, settings, &last.decision);
    match last.rest.as_ref().filter(|_| last.decision.is_change()) {
        Some(rest) => format!("{text}not carried out: {rest}\n"),
        None => text,
    }
}

fn policy_of(settings: &Settings) -> &'static str {
    match settings.policy {
        seismic_elastic::Policy::Target(_) => "target",
        seismic_elastic::Policy::Threshold(_) => "threshold",
    }
}
