//! One decision: first what forbids any, then what the policy wishes, then what forbids that.

use crate::alert::Alert;
use crate::decision::{Cause, Decision, Figures, Reason, Veto};
use crate::limits;
use crate::policy::{View, Wish};
use crate::sample::{Activity, Sample};
use crate::settings::Settings;
use crate::shape::Shape;
use crate::state::State;

/// Decides what should run. To be called once an interval, with no sample where none could be taken.
/// Nothing is done unless [`State::begin`] says so.
pub fn decide(
    state: &mut State,
    settings: &Settings,
    now_ms: i64,
    sample: Option<&Sample>,
) -> Decision {
    state.pass(now_ms, settings);
    let mut alerts = vec![];
    let usable = usable(state, settings, now_ms, sample);
    let believed = usable.as_ref().ok().copied();
    let found = match usable {
        Ok(sample) => {
            state.blind_since_ms = None;
            state.lower("blind");
            weigh(state, settings, now_ms, sample, &mut alerts)
        }
        Err(reason) => {
            let since = *state.blind_since_ms.get_or_insert(state.clock_ms);
            let for_ms = state.clock_ms - since.min(state.clock_ms);
            if for_ms >= limits::BLIND_MS {
                state.raise(Alert::Blind { for_s: for_ms / 1_000 }, &mut alerts);
            }
            // A worker that does not come is a change that fails. Without metrics nobody knows.
            let is_known = matches!(reason, Reason::MissingWorkers { .. });
            let given_up = is_known.then(|| expire(state, settings, None, &mut alerts)).flatten();
            Err(given_up.unwrap_or(reason))
        }
    };
    let least = settings.limits;
    let least = Shape { workers: least.workers_min, parallelism: least.parallelism_min };
    let from = believed.map(shape_of).or(state.shape).unwrap_or(least);
    let (to, reason) = match found {
        Ok((to, reason)) => (to, reason),
        Err(reason) => (from, reason),
    };
    let figures = believed.map(|sample| figures(state, settings, sample));
    Decision { at_ms: now_ms, from, to, reason, figures, alerts }
}

/// What runs.
fn shape_of(sample: &Sample) -> Shape {
    Shape { workers: sample.workers.len() as u32, parallelism: sample.parallelism() }
}

/// The sample, if it can be believed.
fn usable<'a>(
    state: &mut State,
    settings: &Settings,
    now_ms: i64,
    sample: Option<&'a Sample>,
) -> Result<&'a Sample, Reason> {
    let sample = sample.ok_or(Reason::NoMetrics)?;
    let age_ms = now_ms.saturating_sub(sample.at_ms);
    if age_ms > settings.stale_ms() {
        return Err(Reason::Stale { age_s: age_ms / 1_000 });
    }
    if age_ms < -1_000 * i64::from(settings.interval_s) {
        return Err(Reason::Ahead { by_s: age_ms.saturating_neg() / 1_000 });
    }
    if state.last_sample_ms.replace(sample.at_ms) == Some(sample.at_ms) {
        return Err(Reason::Repeated);
    }
    // What was gathered before a worker was missing, or before partitions moved, says nothing of what
    // runs then, whatever else the sample says.
    if sample.missing > 0 || sample.activity != Activity::Reading {
        state.evidence.clear();
    }
    if let Some(what) = sample.absurdity() {
        return Err(Reason::Absurd(what));
    }
    if sample.missing > 0 {
        let of = sample.missing.saturating_add(sample.workers.len() as u32);
        return Err(Reason::MissingWorkers { missing: sample.missing, of });
    }
    Ok(sample)
}

/// Gives up a change that takes too long, for `seen`, what runs instead.
fn expire(
    state: &mut State,
    settings: &Settings,
    seen: Option<Shape>,
    alerts: &mut Vec<Alert>,
) -> Option<Reason> {
    let pending = state.changes.pending?;
    let limit_ms = u64::from(settings.verify_within_s) * 1_000;
    if state.clock_ms.saturating_sub(pending.since_ms) < limit_ms {
        return None;
    }
    state.changes.failed(state.clock_ms);
    state.shape = Some(seen.unwrap_or(pending.from));
    state.evidence.clear();
    alerts.push(Alert::ChangeFailed { wanted: pending.to, seen });
    Some(Reason::Failed { to: pending.to })
}

/// What a believable sample leads to: a change, or why there is none.
fn weigh(
    state: &mut State,
    settings: &Settings,
    now_ms: i64,
    sample: &Sample,
    alerts: &mut Vec<Alert>,
) -> Result<(Shape, Reason), Reason> {
    let seen = shape_of(sample);
    if sample.activity != Activity::Reading {
        let unsettled = Reason::Unsettled(sample.activity);
        return Err(expire(state, settings, Some(seen), alerts).unwrap_or(unsettled));
    }
    settle(state, settings, seen, alerts)?;
    if state.evidence.last().is_some() {
        // The first one may be of a time before a change, too.
        state.capacities.learn(&sample.workers);
    }
    state.evidence.push(sample, settings.stale_ms());
    listen(state, sample);
    let left_ms = state.changes.cool_down_ms(state.clock_ms);
    if left_ms > 0 {
        return Err(Reason::CoolDown { left_s: left_ms.div_ceil(1_000) });
    }
    let samples = state.evidence.points().len();
    if samples < limits::SAMPLES {
        return Err(Reason::FewSamples(samples));
    }
    if let Some(change) = bring_within_limits(settings, now_ms, sample, seen) {
        return Ok(change);
    }
    follow(state, settings, now_ms, sample, seen, alerts)
}

/// Compares what runs with what should: a change is done when samples show it, and what somebody else
/// did is taken over when it stays.
fn settle(
    state: &mut State,
    settings: &Settings,
    seen: Shape,
    alerts: &mut Vec<Alert>,
) -> Result<(), Reason> {
    if let Some(pending) = state.changes.pending {
        if seen == pending.to {
            state.changes.done(state.clock_ms, u64::from(settings.verify_within_s) * 1_000);
            state.shape = Some(seen);
            state.other = None;
            state.evidence.clear();
            return Ok(());
        }
        let for_s = state.clock_ms.saturating_sub(pending.since_ms) / 1_000;
        let under_way = Reason::UnderWay { to: pending.to, for_s };
        return Err(expire(state, settings, Some(seen), alerts).unwrap_or(under_way));
    }
    let Some(wanted) = state.shape else {
        state.shape = Some(seen);
        return Ok(());
    };
    if wanted == seen {
        state.other = None;
        return Ok(());
    }
    state.evidence.clear();
    let times = state.other.filter(|(shape, _)| *shape == seen).map_or(0, |(_, times)| times) + 1;
    let enough = settings.policy.for_s().div_ceil(settings.interval_s.max(1));
    if times < enough.max(limits::SAMPLES as u32) {
        state.other = Some((seen, times));
        return Err(Reason::OtherShape { seen });
    }
    state.other = None;
    state.shape = Some(seen);
    alerts.push(Alert::ChangedElsewhere { wanted, seen });
    Ok(())
}

/// Notes since when nothing at all is read.
fn listen(state: &mut State, sample: &Sample) {
    if sample.throughput() > 0.0 {
        state.silent_since_ms = None;
    } else {
        state.silent_since_ms.get_or_insert(state.clock_ms);
    }
}

/// Limits and schedule hold without further evidence.
fn bring_within_limits(
    settings: &Settings,
    now_ms: i64,
    sample: &Sample,
    seen: Shape,
) -> Option<(Shape, Reason)> {
    let floor = settings.schedule.floor(now_ms);
    let workers = floor.map_or(0, |floor| floor.workers);
    if let Some(floor) = floor.filter(|_| seen.workers < workers) {
        let workers = workers.min(settings.limits.workers_max);
        let slots = workers.saturating_mul(settings.limits.slots);
        let wish = Shape { workers, parallelism: seen.parallelism.max(slots) };
        let (to, bounds) = settings.limits.fit(wish, sample.partitions, workers);
        let cause = Cause::Scheduled { workers: floor.workers, at_min: floor.at_min };
        if to.is_above(seen) {
            return Some((to, Reason::Change { causes: vec![cause], bounds }));
        }
    }
    let (to, bounds) = settings.limits.fit(seen, sample.partitions, workers);
    let causes = vec![Cause::OutsideLimits];
    (to != seen).then_some((to, Reason::Change { causes, bounds }))
}

/// What the policy wishes, if nothing forbids it.
fn follow(
    state: &mut State,
    settings: &Settings,
    now_ms: i64,
    sample: &Sample,
    seen: Shape,
    alerts: &mut Vec<Alert>,
) -> Result<(Shape, Reason), Reason> {
    let floor = settings.schedule.floor(now_ms).map_or(0, |floor| floor.workers);
    let view = View {
        evidence: &state.evidence,
        shape: seen,
        limits: &settings.limits,
        partitions: sample.partitions,
        workers_least: settings.limits.workers_min.max(floor),
        capacity: state.capacities.of(&sample.workers),
        wide: state.changes.wide(),
    };
    let wish = settings.policy.wish(&view);
    if !matches!(wish, Wish::NotTheWorkers { .. }) {
        state.lower("not_the_workers");
    }
    let (wish, up, causes) = match wish {
        Wish::Wait { need_s } => {
            let have_s = state.evidence.span_s();
            return Err(Reason::ShortEvidence { have_s, need_s });
        }
        Wish::Nothing => {
            state.lower("at_upper_limit");
            return Err(Reason::WithinLimits);
        }
        Wish::NotTheWorkers { growth, busy } => {
            state.raise(Alert::NotTheWorkers { growth, busy }, alerts);
            return Err(Reason::NotTheWorkers);
        }
        Wish::Shape { shape, up, causes } => (shape, up, causes),
    };
    let (to, bounds) = settings.limits.fit(wish, sample.partitions, floor);
    if up && !to.is_above(seen) {
        state.raise(Alert::AtUpperLimit { shape: seen }, alerts);
        return Err(Reason::AtLimit { causes, bounds });
    }
    state.lower("at_upper_limit");
    // Neither direction may bring the other one with it.
    if to == seen || (!up && to.is_above(seen)) {
        return Err(Reason::AtLimit { causes, bounds });
    }
    if !up && let Some(veto) = veto(state, settings, alerts) {
        return Err(Reason::NotDown { causes, veto });
    }
    if let Some(reversals) = state.changes.flaps_with(state.clock_ms, up) {
        alerts.push(Alert::Flapping { reversals });
    }
    Ok((to, Reason::Change { causes, bounds }))
}

/// What forbids going down.
fn veto(state: &mut State, settings: &Settings, alerts: &mut Vec<Alert>) -> Option<Veto> {
    let changes = state.changes.of_a_day(state.clock_ms);
    if changes + limits::KEPT_FOR_UP >= limits::CHANGES_A_DAY {
        state.raise(Alert::TooManyChanges { changes }, alerts);
        return Some(Veto::Changes(changes));
    }
    state.lower("too_many_changes");
    let last = state.evidence.last()?;
    if last.lag > 0.0 && last.throughput <= 0.0 {
        return Some(Veto::Stalled { lag: last.lag });
    }
    if let Some(since) = state.silent_since_ms {
        let for_ms = state.clock_ms.saturating_sub(since);
        if for_ms < limits::SILENCE_MS {
            return Some(Veto::Silence { for_s: for_ms / 1_000 });
        }
    }
    let window = state.evidence.window(settings.policy.for_s())?;
    window.lag_grows().then_some(Veto::LagGrows { growth: window.growth })
}

/// The figures of this sample, and of those before it that count.
fn figures(state: &State, settings: &Settings, sample: &Sample) -> Figures {
    let window = state.evidence.window(settings.policy.for_s());
    let capacity = state.capacities.of(&sample.workers);
    let arrivals = window.map_or(sample.throughput(), |window| window.arrivals());
    let spare = capacity.map(|capacity| capacity - arrivals).filter(|&spare| spare > 0.0);
    Figures {
        samples: state.evidence.points().len(),
        span_s: state.evidence.span_s(),
        throughput: sample.throughput(),
        cpu: sample.cpu(),
        busy: sample.busy(),
        lag: sample.lag,
        growth: window.map(|window| window.growth),
        capacity,
        catch_up_s: spare.map(|spare| sample.lag / spare),
    }
}
