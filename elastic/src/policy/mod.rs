//! What is done when: two policies with the same seam. A policy says what it wishes for and why;
//! limits, pauses and vetoes are applied to the wish of either.

mod target;
mod threshold;

use serde::Serialize;

use crate::decision::Cause;
use crate::evidence::Evidence;
use crate::shape::{Limits, Shape};

pub use target::Target;
pub use threshold::Threshold;

/// One of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Fixed numbers, as the guide has them.
    Threshold(Threshold),
    /// A share of the learned capacity.
    Target(Target),
}

impl Default for Policy {
    fn default() -> Self {
        Policy::Target(Target::default())
    }
}

/// What a policy knows.
pub(crate) struct View<'a> {
    pub evidence: &'a Evidence,
    pub shape: Shape,
    pub limits: &'a Limits,
    pub partitions: u32,
    /// Fewest workers now, by the limits and the schedule.
    pub workers_least: u32,
    /// Records/s of all slots, once it was learned.
    pub capacity: Option<f64>,
    /// How often the band was widened.
    pub wide: u32,
}

/// What a policy says.
pub(crate) enum Wish {
    /// The samples do not cover `need_s`.
    Wait { need_s: u32 },
    /// Nothing.
    Nothing,
    /// The lag grows, and workers are not what is slow.
    NotTheWorkers { growth: f64, busy: f64 },
    /// Another shape, or the same one where it is at its limit.
    Shape { shape: Shape, up: bool, causes: Vec<Cause> },
}

impl Policy {
    /// Seconds for which a rule must hold.
    #[must_use]
    pub fn for_s(&self) -> u32 {
        match self {
            Policy::Threshold(policy) => policy.for_s,
            Policy::Target(policy) => policy.for_s,
        }
    }

    /// What is wrong with its numbers.
    pub(crate) fn faults(&self) -> Vec<String> {
        match self {
            Policy::Threshold(policy) => policy.faults(),
            Policy::Target(policy) => policy.faults(),
        }
    }

    pub(crate) fn wish(&self, view: &View<'_>) -> Wish {
        match self {
            Policy::Threshold(policy) => policy.wish(view),
            Policy::Target(policy) => policy.wish(view),
        }
    }
}

/// Why a time is none that a rule can have.
fn time_fault(for_s: u32) -> Option<String> {
    let is_wrong = !(1..=3_600).contains(&for_s);
    is_wrong.then(|| format!("for {for_s} s is not between 1 and 3600"))
}
