//! What was decided, why, and from which figures.

use std::fmt;

use serde::Serialize;

use crate::alert::Alert;
use crate::sample::Activity;
use crate::shape::{Bound, Shape};

/// One decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// When it was taken, ms since 1970 UTC.
    pub at_ms: i64,
    /// What runs, as far as is known.
    pub from: Shape,
    /// What should run.
    pub to: Shape,
    /// Why.
    pub reason: Reason,
    /// From which figures; none where no sample could be used.
    pub figures: Option<Figures>,
    /// What an operator should know, and did not know yet.
    pub alerts: Vec<Alert>,
}

impl Decision {
    /// Whether something is to be done.
    #[must_use]
    pub fn is_change(&self) -> bool {
        self.from != self.to
    }

    /// Name of a checkpoint that is taken before it is carried out.
    #[must_use]
    pub fn savepoint(&self) -> String {
        let Shape { workers, parallelism } = self.to;
        format!("elastic-{}-w{workers}-p{parallelism}", self.at_ms.div_euclid(1_000))
    }
}

/// What a decision follows from: the last sample, and what the samples before it add up to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Samples in a row.
    pub samples: usize,
    /// Over how many seconds.
    pub span_s: u32,
    /// Records/s.
    pub throughput: f64,
    /// Share of the cores.
    pub cpu: f64,
    /// Share of time in which slots did not wait.
    pub busy: f64,
    /// Records that wait.
    pub lag: f64,
    /// Records/s by which the lag grows, where there was evidence for it.
    pub growth: Option<f64>,
    /// Records/s that all slots can do, once it was learned.
    pub capacity: Option<f64>,
    /// Time until the lag is gone at that capacity, s; none where it never would be.
    pub catch_up_s: Option<f64>,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { throughput, cpu, busy, lag, .. } = self;
        write!(f, "throughput={throughput:.0}/s, cpu={cpu:.4}, busy={busy:.2}, lag={lag:.0}")?;
        if let Some(growth) = self.growth {
            // No minus before a zero.
            write!(f, ", growth={:+.0}/s", growth.round() + 0.0)?;
        }
        if let Some(capacity) = self.capacity {
            write!(f, ", capacity={capacity:.0}/s")?;
        }
        if let Some(catch_up_s) = self.catch_up_s.filter(|&s| s >= 0.5) {
            write!(f, ", catch-up={catch_up_s:.0} s")?;
        }
        Ok(())
    }
}

/// Why nothing, or something, is done.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No sample could be taken.
    NoMetrics,
    /// The sample is old.
    Stale {
        /// How old, s.
        age_s: i64,
    },
    /// The sample is of a time to come.
    Ahead {
        /// By how much, s.
        by_s: i64,
    },
    /// The sample is the one before.
    Repeated,
    /// It cannot be true.
    Absurd(&'static str),
    /// Workers gave no fresh report.
    MissingWorkers {
        /// How many.
        missing: u32,
        /// Of how many.
        of: u32,
    },
    /// The job does something else than to read.
    Unsettled(Activity),
    /// A change is under way.
    UnderWay {
        /// What should run.
        to: Shape,
        /// For how long, s.
        for_s: u64,
    },
    /// A change was not seen in time.
    Failed {
        /// What should run.
        to: Shape,
    },
    /// Something else runs than should.
    OtherShape {
        /// What does.
        seen: Shape,
    },
    /// A change is too recent.
    CoolDown {
        /// How much longer, s.
        left_s: u64,
    },
    /// Too few samples in a row.
    FewSamples(usize),
    /// The samples do not cover the time for which a rule must hold.
    ShortEvidence {
        /// Time that they cover, s.
        have_s: u32,
        /// Time that a rule takes, s.
        need_s: u32,
    },
    /// No rule asks for anything.
    WithinLimits,
    /// The lag grows while workers wait.
    NotTheWorkers,
    /// Rules ask for what the limits do not allow.
    AtLimit {
        /// What they found.
        causes: Vec<Cause>,
        /// What is reached.
        bounds: Vec<Bound>,
    },
    /// Rules ask for going down, and it must not be now.
    NotDown {
        /// What they found.
        causes: Vec<Cause>,
        /// Why it must not be.
        veto: Veto,
    },
    /// It is to be changed.
    Change {
        /// What the rules found.
        causes: Vec<Cause>,
        /// Limits that changed what they ask for.
        bounds: Vec<Bound>,
    },
}

/// What a rule found.
#[allow(missing_docs, reason = "the words of each variant name its fields")]
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// More is read than a threshold, all the time; `value` is the least of it.
    ThroughputAbove { value: f64, limit: f64, for_s: u32 },
    /// Less is read than a threshold, all the time; `value` is the most of it.
    ThroughputBelow { value: f64, limit: f64, for_s: u32 },
    /// More of the cores is used than a threshold.
    CpuAbove { value: f64, limit: f64, for_s: u32 },
    /// Less of the cores is used than a threshold.
    CpuBelow { value: f64, limit: f64, for_s: u32 },
    /// The lag grows though workers are busy.
    LagGrows { growth: f64, lag: f64 },
    /// The lag would take too long to go, or would never.
    CatchUp { seconds: Option<f64>, limit_s: u32 },
    /// What arrives takes a larger share of the capacity than the band allows.
    DemandAbove { share: f64, limit: f64, for_s: u32 },
    /// What arrives takes a smaller share, and one step down would still leave room.
    DemandBelow { share: f64, limit: f64, after: f64, for_s: u32 },
    /// What runs is outside of the limits, which were changed.
    OutsideLimits,
    /// The schedule asks for more workers.
    Scheduled { workers: u32, at_min: u16 },
    /// Somebody wants it, whatever samples say.
    Asked,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Cause::ThroughputAbove { value, limit, for_s } => {
                write!(f, "throughput {value:.0}/s > {limit:.0}/s for {for_s} s")
            }
            Cause::ThroughputBelow { value, limit, for_s } => {
                write!(f, "throughput {value:.0}/s < {limit:.0}/s for {for_s} s")
            }
            Cause::CpuAbove { value, limit, for_s } => {
                write!(f, "cpu {value:.2} > {limit:.2} for {for_s} s")
            }
            Cause::CpuBelow { value, limit, for_s } => {
                write!(f, "cpu {value:.2} < {limit:.2} for {for_s} s")
            }
            Cause::LagGrows { growth, lag } => {
                write!(f, "lag {lag:.0} grows by {growth:.0}/s while workers are busy")
            }
            Cause::CatchUp { seconds: Some(seconds), limit_s } => {
                write!(f, "catching up takes {seconds:.0} s > {limit_s} s")
            }
            Cause::CatchUp { seconds: None, .. } => {
                write!(f, "what runs never catches up with the lag")
            }
            Cause::DemandAbove { share, limit, for_s } => {
                write!(f, "arrivals need {share:.2} > {limit:.2} of the capacity for {for_s} s")
            }
            Cause::DemandBelow { share, limit, after, for_s } => write!(
                f,
                "arrivals need {share:.2} < {limit:.2} of the capacity for {for_s} s, {after:.2} \
                 after one step down"
            ),
            Cause::Asked => write!(f, "somebody has asked for it"),
            Cause::OutsideLimits => write!(f, "what runs is outside of the limits"),
            Cause::Scheduled { workers, at_min } => {
                let (hour, minute) = (at_min / 60, at_min % 60);
                write!(f, "the schedule keeps ≥ {workers} workers from {hour:02}:{minute:02}")
            }
        }
    }
}

/// Why nothing goes down.
#[allow(missing_docs, reason = "the words of each variant name its fields")]
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Veto {
    /// The lag grows.
    LagGrows { growth: f64 },
    /// Records wait, and none is read.
    Stalled { lag: f64 },
    /// Nothing at all is read, and not for long yet.
    Silence { for_s: u64 },
    /// Enough changes in a day.
    Changes(usize),
}

impl fmt::Display for Veto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Veto::LagGrows { growth } => write!(f, "the lag grows by {growth:.0}/s"),
            Veto::Stalled { lag } => write!(f, "{lag:.0} records wait and none is read"),
            Veto::Silence { for_s } => {
                write!(f, "no record at all for {for_s} s may be an outage")
            }
            Veto::Changes(changes) => write!(f, "{changes} changes within a day are enough"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NoMetrics => write!(f, "no metrics, no change"),
            Reason::Stale { age_s } => write!(f, "metrics are {age_s} s old, no change"),
            Reason::Ahead { by_s } => {
                write!(f, "metrics are of {by_s} s from now: a clock was set, no change")
            }
            Reason::Repeated => write!(f, "metrics are those of the last time, no change"),
            Reason::Absurd(what) => write!(f, "metrics cannot be true: {what}, no change"),
            Reason::MissingWorkers { missing, of } => {
                write!(f, "no metrics of {missing} of {of} workers, no change")
            }
            Reason::Unsettled(activity) => write!(f, "{}, no change", activity.words()),
            Reason::UnderWay { to, for_s } => {
                write!(f, "the change to {to} is under way for {for_s} s, no further change")
            }
            Reason::Failed { to } => write!(f, "the change to {to} did not happen in time"),
            Reason::OtherShape { seen } => {
                write!(f, "{seen} run, which nobody here asked for, no change")
            }
            Reason::CoolDown { left_s } => {
                write!(f, "the last change is recent, no further one for {left_s} s")
            }
            Reason::FewSamples(samples) => {
                write!(f, "{samples} of at least 3 samples in a row, no change")
            }
            Reason::ShortEvidence { have_s, need_s } => {
                write!(f, "samples over {have_s} s of at least {need_s} s, no change")
            }
            Reason::WithinLimits => write!(f, "within limits, no change"),
            Reason::NotTheWorkers => {
                write!(f, "the lag grows while workers wait: they are not what is slow, no change")
            }
            Reason::AtLimit { causes, bounds } => {
                write!(f, "{}, but {}, no change", list(causes), list(bounds))
            }
            Reason::NotDown { causes, veto } => {
                write!(f, "{}, but {veto}, no change", list(causes))
            }
            Reason::Change { causes, bounds } if bounds.is_empty() => {
                write!(f, "{}", list(causes))
            }
            Reason::Change { causes, bounds } => {
                write!(f, "{} ({})", list(causes), list(bounds))
            }
        }
    }
}

fn list<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}
