//! Samples in a row that say something about the job as it is now. A gap, a change or a rebalance
//! ends them.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::sample::Sample;

/// What is kept of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// When it was taken, ms since 1970 UTC.
    pub at_ms: i64,
    /// Records/s.
    pub throughput: f64,
    /// Share of the cores.
    pub cpu: f64,
    /// Share of time in which slots did not wait.
    pub busy: f64,
    /// Records that wait.
    pub lag: f64,
}

/// Points, oldest first, none further from the next one than a gap.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Evidence {
    points: VecDeque<Point>,
}

impl Evidence {
    pub(crate) fn clear(&mut self) {
        self.points.clear();
    }

    pub(crate) fn points(&self) -> impl DoubleEndedIterator<Item = &Point> + ExactSizeIterator {
        self.points.iter()
    }

    pub(crate) fn last(&self) -> Option<&Point> {
        self.points.back()
    }

    /// Adds a sample. `gap_ms`: from this distance on it is the first one again.
    pub(crate) fn push(&mut self, sample: &Sample, gap_ms: i64) {
        if let Some(last) = self.points.back() {
            let since = sample.at_ms.saturating_sub(last.at_ms);
            if since <= 0 || since > gap_ms {
                self.points.clear();
            }
        }
        self.points.push_back(Point {
            at_ms: sample.at_ms,
            throughput: sample.throughput(),
            cpu: sample.cpu(),
            busy: sample.busy(),
            lag: sample.lag,
        });
        while self.points.len() > limits::POINTS {
            self.points.pop_front();
        }
    }

    /// Time from the first to the last one, s.
    pub(crate) fn span_s(&self) -> u32 {
        let (Some(first), Some(last)) = (self.points.front(), self.points.back()) else { return 0 };
        u32::try_from((last.at_ms - first.at_ms) / 1_000).unwrap_or(u32::MAX)
    }

    /// What held over the last `for_s` seconds, if there are samples over all of them, at least three.
    pub(crate) fn window(&self, for_s: u32) -> Option<Window> {
        let first = self.first_of(for_s)?;
        Some(Window::over(self.points.range(first..)))
    }

    /// The least that arrived in any third of that time, records/s: what lasted, and no spike.
    pub(crate) fn least_arrivals(&self, for_s: u32) -> Option<f64> {
        let first = self.first_of(for_s)?;
        let steps = self.points.len() - 1 - first;
        let part = |third: usize| {
            let (begin, end) = (first + third * steps / 3, first + (third + 1) * steps / 3);
            Window::over(self.points.range(begin..=end)).arrivals()
        };
        (0..3).map(part).reduce(f64::min)
    }

    /// The first one of the last `for_s` seconds.
    fn first_of(&self, for_s: u32) -> Option<usize> {
        let begin = self.points.back()?.at_ms.saturating_sub(i64::from(for_s) * 1_000);
        let first = self.points.iter().rposition(|point| point.at_ms <= begin)?;
        Some(first.min(self.points.len().checked_sub(limits::SAMPLES)?))
    }
}

/// What a row of samples says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Window {
    pub samples: usize,
    pub throughput: f64,
    pub throughput_min: f64,
    pub throughput_max: f64,
    pub cpu_min: f64,
    pub cpu_max: f64,
    pub busy: f64,
    pub lag: f64,
    /// Records/s by which the lag grows, by least squares; negative while it shrinks.
    pub growth: f64,
}

impl Window {
    /// Of at least one point.
    fn over<'a>(points: impl ExactSizeIterator<Item = &'a Point> + Clone) -> Window {
        let samples = points.len();
        let n = samples.max(1) as f64;
        let begin = points.clone().next().map_or(0, |point| point.at_ms);
        let seconds = |point: &Point| (point.at_ms - begin) as f64 / 1_000.0;
        let mut window = Window {
            samples,
            throughput: 0.0,
            throughput_min: f64::INFINITY,
            throughput_max: 0.0,
            cpu_min: f64::INFINITY,
            cpu_max: 0.0,
            busy: 0.0,
            lag: 0.0,
            growth: 0.0,
        };
        let (mut times, mut lags) = (0.0, 0.0);
        for point in points.clone() {
            window.throughput += point.throughput / n;
            window.throughput_min = window.throughput_min.min(point.throughput);
            window.throughput_max = window.throughput_max.max(point.throughput);
            window.cpu_min = window.cpu_min.min(point.cpu);
            window.cpu_max = window.cpu_max.max(point.cpu);
            window.busy += point.busy / n;
            window.lag = point.lag;
            times += seconds(point) / n;
            lags += point.lag / n;
        }
        let (mut both, mut squares) = (0.0, 0.0);
        for point in points {
            let time = seconds(point) - times;
            both += time * (point.lag - lags);
            squares += time * time;
        }
        if squares > 0.0 {
            window.growth = both / squares;
        }
        window
    }

    /// Records/s that arrive: those that are read, and those by which the lag grows.
    pub(crate) fn arrivals(&self) -> f64 {
        (self.throughput + self.growth).max(0.0)
    }

    /// Whether the lag grows by more than noise.
    pub(crate) fn lag_grows(&self) -> bool {
        self.growth > (limits::GROWTH_SHARE * self.throughput).max(1.0)
    }

    /// The lag in seconds of what arrives.
    pub(crate) fn lag_s(&self) -> f64 {
        self.lag / self.arrivals().max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{Activity, WorkerLoad};

    fn sample(at_s: i64, throughput: f64, lag: f64) -> Sample {
        Sample {
            at_ms: at_s * 1_000,
            workers: vec![WorkerLoad { worker: 0, slots: 1, throughput, cpu: 0.5, busy: 0.5 }],
            missing: 0,
            activity: Activity::Reading,
            partitions: 1,
            records: 0,
            lag,
            latency_ms: None,
        }
    }

    #[test]
    fn arrivals_are_what_is_read_and_what_the_lag_grows_by() {
        let mut evidence = Evidence::default();
        for second in 0..=6 {
            evidence.push(&sample(second * 5, 100.0, second as f64 * 50.0), 15_000);
        }
        let window = evidence.window(30).unwrap();
        assert_eq!((window.samples, window.throughput.round()), (7, 100.0));
        assert!((window.growth - 10.0).abs() < 1e-9 && (window.arrivals() - 110.0).abs() < 1e-9);
        assert!(window.lag_grows());
    }

    #[test]
    fn a_window_needs_samples_over_all_of_its_time_and_three_of_them() {
        let mut evidence = Evidence::default();
        evidence.push(&sample(0, 1.0, 0.0), 45_000);
        evidence.push(&sample(40, 1.0, 0.0), 45_000);
        assert_eq!(evidence.window(30), None, "two samples");
        evidence.push(&sample(45, 1.0, 0.0), 45_000);
        assert_eq!(evidence.window(30).unwrap().samples, 3);
        assert_eq!(evidence.window(46), None);
    }

    #[test]
    fn a_spike_does_not_last() {
        let mut evidence = Evidence::default();
        for second in 0..=6 {
            let throughput = if second >= 5 { 9_000.0 } else { 100.0 };
            evidence.push(&sample(second * 5, throughput, 0.0), 15_000);
        }
        assert!(evidence.window(30).unwrap().arrivals() > 2_000.0);
        assert_eq!(evidence.least_arrivals(30), Some(100.0));
    }

    #[test]
    fn a_gap_and_a_clock_that_was_set_back_begin_anew() {
        let mut evidence = Evidence::default();
        for at_s in [0, 5, 10, 26] {
            evidence.push(&sample(at_s, 1.0, 0.0), 15_000);
        }
        assert_eq!(evidence.points().len(), 1);
        evidence.push(&sample(20, 1.0, 0.0), 15_000);
        assert_eq!(evidence.points().len(), 1);
    }
}
