//! The history of numbers, second by second: one hour in memory, bounded.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::limits;
use crate::status::numbers::JobNumbers;

/// A job's numbers at one moment, as a chart needs them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Point {
    /// When, ms since 1970 UTC.
    pub at_ms: i64,
    /// Records per second since the point before; 0 at the first one.
    pub records_per_s: f64,
    /// Records read.
    pub records_read: u64,
    /// Rows committed.
    pub rows: u64,
    /// Dead letters committed.
    pub dead_letters: u64,
    /// Messages of the input that are not committed yet.
    pub lag: u64,
    /// How long the oldest of them has waited, ms.
    pub wait_ms: Option<i64>,
    /// Age of the newest event of the row that was committed last, ms.
    pub event_latency_ms: Option<i64>,
    /// Mean time of the commits since the point before, ms; `None` when there was none.
    pub commit_ms: Option<f64>,
    /// Age of the oldest checkpoint, ms.
    pub checkpoint_age_ms: i64,
    /// Resident memory, bytes.
    pub memory_bytes: u64,
    /// Share of one core that was used since the point before.
    pub cpu: f64,
}

/// The points of one job.
#[derive(Debug, Default)]
pub struct History {
    points: VecDeque<Point>,
    last: Option<JobNumbers>,
}

impl History {
    /// Adds a point; the oldest one goes when there are too many. Returns the new one.
    pub fn add(&mut self, numbers: &JobNumbers) -> Point {
        let point = point(self.last.as_ref(), numbers);
        if self.points.len() == limits::HISTORY_POINTS {
            self.points.pop_front();
        }
        self.points.push_back(point.clone());
        // What it needs of the last ones is small: no partitions.
        let JobNumbers { at_ms, records_read, cpu_ms, .. } = *numbers;
        let commit_times = numbers.commit_times.clone();
        self.last =
            Some(JobNumbers { at_ms, records_read, cpu_ms, commit_times, ..JobNumbers::default() });
        point
    }

    /// Points from `from_ms` on, oldest first.
    #[must_use]
    pub fn since(&self, from_ms: i64) -> Vec<Point> {
        let from = self.points.partition_point(|point| point.at_ms < from_ms);
        self.points.range(from..).cloned().collect()
    }
}

/// The point of these numbers, and of what was gained since the `last` ones.
#[must_use]
pub fn point(last: Option<&JobNumbers>, numbers: &JobNumbers) -> Point {
    let seconds = last.map_or(0.0, |last| (numbers.at_ms - last.at_ms) as f64 / 1e3);
    // Counts begin again with another worker.
    let gained = |of: fn(&JobNumbers) -> u64| {
        last.map_or(0.0, |last| of(numbers).saturating_sub(of(last)) as f64)
    };
    let per_s = |gained: f64| if seconds > 0.0 { gained / seconds } else { 0.0 };
    let commits = gained(|of| of.commit_times.count());
    let commit_s = last.map_or(0.0, |last| numbers.commit_times.sum_s - last.commit_times.sum_s);
    Point {
        at_ms: numbers.at_ms,
        records_per_s: per_s(gained(|of| of.records_read)),
        records_read: numbers.records_read,
        rows: numbers.rows,
        dead_letters: numbers.dead_letters,
        lag: numbers.lag,
        wait_ms: numbers.wait_ms,
        event_latency_ms: numbers.event_latency_ms,
        commit_ms: (commits > 0.0).then(|| (commit_s * 1e3 / commits).max(0.0)),
        checkpoint_age_ms: numbers.checkpoint_age_ms,
        memory_bytes: numbers.memory_bytes,
        cpu: per_s(gained(|of| of.cpu_ms) / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(at_ms: i64, records_read: u64) -> JobNumbers {
        JobNumbers { at_ms, records_read, ..JobNumbers::default() }
    }

    #[test]
    fn rates_are_between_points_and_never_negative() {
        let mut history = History::default();
        assert_eq!(history.add(&numbers(1_000, 500)).records_per_s, 0.0);
        assert_eq!(history.add(&numbers(3_000, 900)).records_per_s, 200.0);
        assert_eq!(history.add(&numbers(4_000, 10)).records_per_s, 0.0);
        assert_eq!(history.since(3_000).len(), 2);
    }

    #[test]
    fn it_keeps_an_hour() {
        let mut history = History::default();
        for second in 0..limits::HISTORY_POINTS as i64 + 10 {
            history.add(&numbers(second * 1_000, 0));
        }
        let kept = history.since(i64::MIN);
        assert_eq!((kept.len(), kept[0].at_ms), (limits::HISTORY_POINTS, 10_000));
    }
}
