//! How many workers and slots a job has, and within which limits.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits;

/// Workers and slots. A *worker* is a process, *parallelism* the number of active slots of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Processes.
    pub workers: u32,
    /// Active slots of all of them.
    pub parallelism: u32,
}

impl Shape {
    /// Whether it has more of one than another shape has.
    #[must_use]
    pub fn is_above(self, other: Shape) -> bool {
        self.workers > other.workers || self.parallelism > other.parallelism
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "parallelism={}, workers={}", self.parallelism, self.workers)
    }
}

/// Hard limits of a job. The number of its partitions is a further one, which each sample has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Fewest workers, at least 1.
    pub workers_min: u32,
    /// Most workers.
    pub workers_max: u32,
    /// Slots that a worker has, active or not.
    pub slots: u32,
    /// Fewest active slots, at least 1.
    pub parallelism_min: u32,
    /// Most active slots.
    pub parallelism_max: u32,
}

impl Default for Limits {
    /// Those of the guide: 3 to 6 workers of 2 slots, parallelism 3 to 12.
    fn default() -> Self {
        Limits { workers_min: 3, workers_max: 6, slots: 2, parallelism_min: 3, parallelism_max: 12 }
    }
}

/// A limit that keeps a shape from being what was wished for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// As few workers as there may be.
    WorkersLower(u32),
    /// As many workers as there may be.
    WorkersUpper(u32),
    /// As few slots as there may be.
    ParallelismLower(u32),
    /// As many slots as there may be.
    ParallelismUpper(u32),
    /// As many slots as there are partitions.
    Partitions(u32),
    /// As few workers as the schedule has now.
    Scheduled(u32),
    /// So many workers are needed for the slots in use.
    SlotsInUse {
        /// Workers that they need.
        workers: u32,
        /// Slots in use.
        parallelism: u32,
    },
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::WorkersLower(n) => write!(f, "workers at the lower limit ({n}/{n})"),
            Bound::WorkersUpper(n) => write!(f, "workers at the upper limit ({n}/{n})"),
            Bound::ParallelismLower(n) => write!(f, "parallelism at the lower limit ({n}/{n})"),
            Bound::ParallelismUpper(n) => write!(f, "parallelism at the upper limit ({n}/{n})"),
            Bound::Partitions(n) => write!(f, "parallelism at the number of partitions ({n}/{n})"),
            Bound::Scheduled(n) => write!(f, "workers at the floor of the schedule ({n}/{n})"),
            Bound::SlotsInUse { workers, parallelism } => {
                write!(f, "{parallelism} active slots need {workers} workers")
            }
        }
    }
}

impl Limits {
    /// What is wrong with them; empty when nothing is.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = vec![];
        let mut check = |is_wrong: bool, why: String| {
            if is_wrong {
                faults.push(why);
            }
        };
        let Limits { workers_min, workers_max, slots, parallelism_min, parallelism_max } = *self;
        check(workers_min == 0, "workers_min is 0: a job needs a worker".into());
        check(slots == 0, "slots is 0: a worker needs a slot".into());
        check(parallelism_min == 0, "parallelism_min is 0: a job needs a slot".into());
        check(
            workers_max > limits::WORKERS,
            format!("workers_max {workers_max} is above {}", limits::WORKERS),
        );
        check(
            parallelism_max > limits::PARALLELISM,
            format!("parallelism_max {parallelism_max} is above {}", limits::PARALLELISM),
        );
        check(
            slots > limits::PARALLELISM,
            format!("slots {slots} is above {}", limits::PARALLELISM),
        );
        check(
            workers_min > workers_max,
            format!("workers_min {workers_min} is above workers_max {workers_max}"),
        );
        check(
            parallelism_min > parallelism_max,
            format!("parallelism_min {parallelism_min} is above parallelism_max {parallelism_max}"),
        );
        let room = workers_max.saturating_mul(slots);
        check(
            parallelism_min > room,
            format!(
                "parallelism_min {parallelism_min} does not fit into workers_max {workers_max} × \
                 slots {slots}"
            ),
        );
        faults
    }

    /// Most slots of a job with so many partitions.
    pub(crate) fn parallelism_upper(&self, partitions: u32) -> u32 {
        let room = self.workers_max.saturating_mul(self.slots);
        self.parallelism_max.min(partitions.max(1)).min(room)
    }

    /// The nearest shape that is allowed, and which limits make it another one than was wished for.
    /// `floor` is what the schedule asks for.
    pub(crate) fn fit(&self, wish: Shape, partitions: u32, floor: u32) -> (Shape, Vec<Bound>) {
        let mut bounds = vec![];
        let upper = self.parallelism_max.min(partitions.max(1));
        let lower = self.parallelism_min.min(upper);
        let mut parallelism = wish.parallelism;
        if parallelism > upper {
            parallelism = upper;
            bounds.push(match partitions < self.parallelism_max {
                true => Bound::Partitions(upper),
                false => Bound::ParallelismUpper(upper),
            });
        } else if parallelism < lower {
            parallelism = lower;
            bounds.push(Bound::ParallelismLower(lower));
        }
        let needed = parallelism.div_ceil(self.slots.max(1));
        let least = self.workers_min.max(floor).min(self.workers_max);
        let mut workers = wish.workers;
        if workers < needed.max(least) {
            workers = needed.max(least);
            bounds.push(if needed > least {
                Bound::SlotsInUse { workers, parallelism }
            } else if least > self.workers_min {
                Bound::Scheduled(least)
            } else {
                Bound::WorkersLower(least)
            });
        }
        if workers > self.workers_max {
            workers = self.workers_max;
            bounds.retain(|bound| !matches!(bound, Bound::SlotsInUse { .. }));
            bounds.push(Bound::WorkersUpper(workers));
        }
        let parallelism = parallelism.min(workers.saturating_mul(self.slots));
        (Shape { workers, parallelism }, bounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(workers: u32, parallelism: u32) -> (Shape, Vec<Bound>) {
        Limits::default().fit(Shape { workers, parallelism }, 64, 0)
    }

    #[test]
    fn slots_that_do_not_fit_bring_workers() {
        let (shape, bounds) = fit(3, 8);
        assert_eq!(shape, Shape { workers: 4, parallelism: 8 });
        assert_eq!(bounds, [Bound::SlotsInUse { workers: 4, parallelism: 8 }]);
    }

    #[test]
    fn limits_are_hard_and_said() {
        let words = |(_, bounds): (Shape, Vec<Bound>)| {
            bounds.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(words(fit(2, 3)), "workers at the lower limit (3/3)");
        assert_eq!(words(fit(3, 2)), "parallelism at the lower limit (3/3)");
        assert_eq!(words(fit(6, 14)), "parallelism at the upper limit (12/12)");
        assert_eq!(words(fit(7, 12)), "workers at the upper limit (6/6)");
        let limits = Limits::default();
        let eight = limits.fit(Shape { workers: 4, parallelism: 10 }, 8, 0);
        assert_eq!(words(eight), "parallelism at the number of partitions (8/8)");
        let scheduled = limits.fit(Shape { workers: 3, parallelism: 6 }, 64, 4);
        assert_eq!(words(scheduled), "workers at the floor of the schedule (4/4)");
    }

    #[test]
    fn limits_that_contradict_each_other_are_named() {
        let limits = Limits { workers_min: 7, parallelism_min: 13, ..Limits::default() };
        assert_eq!(
            limits.faults(),
            [
                "workers_min 7 is above workers_max 6",
                "parallelism_min 13 is above parallelism_max 12",
                "parallelism_min 13 does not fit into workers_max 6 × slots 2",
            ]
        );
        assert!(Limits::default().faults().is_empty());
    }
}
