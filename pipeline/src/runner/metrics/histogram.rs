//! Durations in buckets: one addition per observation, and no allocation.

use std::sync::atomic::{AtomicU64, Ordering};

/// Most buckets, the last one included, which has no upper bound.
const BUCKETS: usize = 16;

/// Upper bounds of commits, µs: a commit takes one fsync, and a slow disk or broker seconds.
const COMMIT_BOUNDS_US: [u64; BUCKETS - 1] = [
    1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000,
    5_000_000, 10_000_000, 30_000_000, 60_000_000,
];

/// Upper bounds of event latencies, µs: windows of a second at one end, archives at the other.
const EVENT_BOUNDS_US: [u64; BUCKETS - 1] = [
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    3_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
    1_800_000_000,
    3_600_000_000,
    86_400_000_000,
];

/// Durations that were observed, in buckets of fixed bounds.
#[derive(Debug)]
pub(super) struct Histogram {
    bounds_us: &'static [u64; BUCKETS - 1],
    counts: [AtomicU64; BUCKETS],
    us: AtomicU64,
}

/// A histogram at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistogramSnapshot {
    /// Upper bound of each bucket but the last one, µs.
    pub bounds_us: &'static [u64],
    /// Observations in each bucket alone, not in those below it; the last one has no bound.
    pub counts: Vec<u64>,
    /// All observations in sum, µs.
    pub us: u64,
}

impl Histogram {
    /// For the time from handing a commit over to knowing its outcome.
    pub fn of_commits() -> Histogram {
        Histogram::new(&COMMIT_BOUNDS_US)
    }

    /// For the time from an event to the commit of its row.
    pub fn of_events() -> Histogram {
        Histogram::new(&EVENT_BOUNDS_US)
    }

    fn new(bounds_us: &'static [u64; BUCKETS - 1]) -> Histogram {
        Histogram { bounds_us, counts: Default::default(), us: AtomicU64::new(0) }
    }

    pub fn observe(&self, us: u64) {
        let bucket = self.bounds_us.partition_point(|bound| *bound < us);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.us.fetch_add(us, Ordering::Relaxed);
    }

    pub fn snapshot(&self) -> HistogramSnapshot {
        HistogramSnapshot {
            bounds_us: self.bounds_us,
            counts: self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect(),
            us: self.us.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observation_is_in_the_first_bucket_whose_bound_it_does_not_pass() {
        let commits = Histogram::of_commits();
        for us in [0, 1_000, 1_001, 60_000_001] {
            commits.observe(us);
        }
        let seen = commits.snapshot();
        assert_eq!((seen.counts[0], seen.counts[1], seen.counts[BUCKETS - 1]), (2, 1, 1));
        assert_eq!((seen.counts.iter().sum::<u64>(), seen.us), (4, 60_002_002));
    }

    #[test]
    fn bounds_rise() {
        for histogram in [Histogram::of_commits(), Histogram::of_events()] {
            assert!(histogram.bounds_us.is_sorted_by(|a, b| a < b));
        }
    }
}
