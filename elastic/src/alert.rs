//! What an operator should know. Each is raised once, and again only after it was over.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::shape::Shape;

/// One alert.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alert {
    /// Up and down, and up again: the band was widened.
    Flapping {
        /// Reversals within an hour.
        reversals: u32,
    },
    /// A change was not seen in samples in time.
    ChangeFailed {
        /// What should run.
        wanted: Shape,
        /// What does; not known while workers are missing.
        seen: Option<Shape>,
    },
    /// No usable metrics for some time.
    Blind {
        /// How long, s.
        for_s: u64,
    },
    /// More is needed than the limits allow.
    AtUpperLimit {
        /// The shape at the limit.
        shape: Shape,
    },
    /// The lag grows while workers wait: something else is slow, or few partitions have all records.
    NotTheWorkers {
        /// Records/s.
        growth: f64,
        /// Busy share of the workers.
        busy: f64,
    },
    /// So many changes in a day that nothing goes down until some of them are older.
    TooManyChanges {
        /// Changes within a day.
        changes: usize,
    },
    /// The shape was changed by somebody else.
    ChangedElsewhere {
        /// What should have run.
        wanted: Shape,
        /// What does.
        seen: Shape,
    },
}

impl Alert {
    /// Its name, by which it is raised once.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Alert::Flapping { .. } => "flapping",
            Alert::ChangeFailed { .. } => "change_failed",
            Alert::Blind { .. } => "blind",
            Alert::AtUpperLimit { .. } => "at_upper_limit",
            Alert::NotTheWorkers { .. } => "not_the_workers",
            Alert::TooManyChanges { .. } => "too_many_changes",
            Alert::ChangedElsewhere { .. } => "changed_elsewhere",
        }
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Alert::Flapping { reversals } => write!(
                f,
                "flapping: {reversals} reversals within an hour; the band was widened, and \
                 evidence for going down must be longer"
            ),
            Alert::ChangeFailed { wanted, seen: Some(seen) } => {
                write!(f, "the change to {wanted} did not happen: {seen} run")
            }
            Alert::ChangeFailed { wanted, seen: None } => {
                write!(f, "the change to {wanted} did not happen: not all workers report")
            }
            Alert::Blind { for_s } => write!(
                f,
                "no usable metrics for {for_s} s: nothing is scaled until all workers and the \
                 queue answer"
            ),
            Alert::AtUpperLimit { shape } => {
                write!(f, "the load needs more than {shape}, the upper limit")
            }
            Alert::NotTheWorkers { growth, busy } => write!(
                f,
                "the lag grows by {growth:.0}/s while workers are busy {busy:.2} of their time: the \
                 queue or the store is slow, or few partitions have all records; more workers \
                 would not help"
            ),
            Alert::TooManyChanges { changes } => {
                write!(f, "{changes} changes within a day: nothing goes down until some are older")
            }
            Alert::ChangedElsewhere { wanted, seen } => {
                write!(f, "{seen} run instead of {wanted}: somebody else changed it")
            }
        }
    }
}
