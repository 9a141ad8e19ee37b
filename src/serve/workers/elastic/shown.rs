//! The scaling of a job as the API shows it.

use std::time::Instant;

use seismic_elastic::{Settings, Shape, lines};
use serde_json::{Value, json};

use super::elsewhere::{Ran, ToldWorker};
use super::entry::line_of;
use super::lease::{Lease, Standing};
use super::places::shape_of;
use super::scaler::{Scaler, Taken, one_process, settings_of, why_not};
use crate::http::model::{ScalingNumbers, Wanted, WorkerElsewhere};
use crate::job::JobSpec;
use crate::job::service::Service;
use crate::serve::supervisor::Supervisor;

impl Supervisor {
    /// How a job is scaled, in numbers; `None`: it is not.
    #[must_use]
    pub fn scaling_numbers(&self, name: &str) -> Option<ScalingNumbers> {
        let scaler = self.scalers().jobs.get(name)?;
        let (stored, job) = (&scaler.stored, self.job(name)?);
        let running = scaler.last.as_ref().map_or(Shape { workers: 0, parallelism: 0 }, |last| {
            Shape { workers: last.entry.workers, parallelism: last.entry.parallelism }
        });
        let wanted = stored.wanted.as_deref().map_or(running, shape_of);
        let (counts, lease, now) = (stored.counts, scaler.lease.as_ref(), Instant::now());
        let acts = job.spec.as_ref().is_some_and(|spec| why_not(spec, &job.service).is_none());
        Some(ScalingNumbers {
            workers: Wanted { running: running.workers, wanted: wanted.workers },
            parallelism: Wanted { running: running.parallelism, wanted: wanted.parallelism },
            decisions: (counts.unchanged, counts.begun, counts.not_begun),
            changes: (counts.done, counts.taken_back),
            failures: counts.failures,
            cool_down_ms: stored.state.cool_down_ms(),
            cost_ms: stored.state.measured_cost_ms(),
            acts,
            holds_lease: lease.map(|it| it.standing(now) == Standing::Held),
            lease_holder: lease.and_then(|it| it.holder(now)),
            elsewhere: elsewhere(scaler),
        })
    }
}

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
        "one_process": one_process(spec),
        "policy": policy_of(&settings),
        "interval_s": settings.interval_s,
        "workers_min": limits.workers_min,
        "workers_max": limits.workers_max,
        "slots_per_worker": limits.slots,
        "parallelism_min": limits.parallelism_min,
        "parallelism_max": limits.parallelism_max,
        "partitions": scaler.partitions,
        "held_by_others": scaler.others.count(Instant::now()),
        "wanted_slots": wanted,
        "last": scaler.last.as_ref().map(taken),
        "change": change,
        "lease": scaler.lease.as_ref().map(|it| lease(name, it)),
        "elsewhere": elsewhere(scaler),
        "acting": scaler.elsewhere.doing().map(ToString::to_string),
        "acted": scaler.elsewhere.last().map(acted),
        "changes_of_a_day": state.changes_of_a_day(),
        "cost_s": state.cost_ms() as f64 / 1_000.0,
        "alerts": alerts,
        "explain": scaler.last.as_ref().map(|last| explained(last, scaler, &settings)),
        "samples": samples.collect::<Vec<_>>(),
    }))
}

/// Who of several servers changes anything.
fn lease(name: &str, lease: &Lease) -> Value {
    let now = Instant::now();
    let standing = lease.standing(now);
    json!({
        "is_held": standing == Standing::Held,
        "holder": lease.holder(now),
        "why_not": standing.why_not(name),
    })
}

/// Workers on other machines.
fn elsewhere(scaler: &Scaler) -> Vec<WorkerElsewhere> {
    let of = |(place, it): (&usize, &ToldWorker)| WorkerElsewhere {
        worker: *place,
        name: it.name.clone(),
        node: it.node.clone(),
        slots: it.slots,
        state: scaler.elsewhere.report(*place).map(|(report, _)| report.state.clone()),
        silence: scaler.elsewhere.silence(*place).map(str::to_owned),
    };
    scaler.stored.told.workers.iter().map(of).collect()
}

/// What was done last for them.
fn acted(ran: &Ran) -> Value {
    json!({
        "line": ran.line(),
        "at_ms": ran.at_ms,
        "took_ms": ran.took_ms,
        "exit_code": ran.code,
        "failure": ran.failure,
        "output": ran.said,
    })
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
