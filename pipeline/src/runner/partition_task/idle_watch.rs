//! Idle detection: the wall-clock side of it, kept as positions. Pure; time is an input.
//!
//! An engine knows no clock, so the runner calls it with "close what had no record since offset P".
//! P may be used once everything appended within `idle_timeout` after P was reached has been
//! processed:
//!
//! ```text
//!   time ──►   T: position P is held          T2 ≥ T + timeout: the log ends at E
//!   log  ────────────P─────────────────────────────E──────────►
//!                    └ a sensor without a record here was silent for the timeout ┘
//!                                                  └ position reaches E: close_idle(below P)
//! ```
//!
//! So lag only delays an idle close, and a silent sensor on a busy partition is closed as well. If
//! a request for the end of the log fails or is too late, earlier positions are discarded: while
//! the queue cannot be reached, a silent sensor cannot be distinguished from an unreachable one.
//! The same holds when an append takes as long as the timeout; a shorter append only moves T2 back
//! to the time before which everything is visible.

use std::collections::VecDeque;
use std::time::Duration;

use seismic_queue::Offset;

/// Longest silence between two questions for the log's end: beyond it something was wrong.
const ASKED_AT_LEAST_EVERY: Duration = Duration::from_millis(500);

/// Positions remembered. One is noted every 1/64 of the timeout, so there are more than this only
/// while the job lags, and then the oldest ones are the useful ones.
const MARKS: usize = 128;

/// Watches one partition.
#[derive(Debug)]
pub struct IdleWatch {
    timeout: Duration,
    /// (when, position held then), rising.
    marks: VecDeque<(Duration, Offset)>,
    /// (when it was asked, the log's end then), not reached yet.
    end: Option<(Duration, Offset)>,
    asked: Option<Duration>,
}

impl IdleWatch {
    /// A watch for sensors that are silent for `timeout`.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        IdleWatch { timeout, marks: VecDeque::new(), end: None, asked: None }
    }

    /// Forgets everything: after a failed question, a replay, a pause.
    pub fn reset(&mut self) {
        self.marks.clear();
        self.end = None;
        self.asked = None;
    }

    /// The log was asked for its end, at `now` (taken before the question), with every message
    /// before `position` processed; of what was appended in the time `in_flight` before `now`, some
    /// may not show in `end`. Times are of a monotonic clock.
    pub fn observe_end(
        &mut self,
        now: Duration,
        in_flight: Duration,
        position: Offset,
        end: Offset,
    ) {
        let is_late =
            self.asked.is_some_and(|asked| now.saturating_sub(asked) > ASKED_AT_LEAST_EVERY);
        if is_late || in_flight > self.timeout {
            self.reset();
        }
        self.asked = Some(now);
        if self.end.is_none() {
            self.end = Some((now.saturating_sub(in_flight), end));
        }
        let is_news = self.marks.back().is_none_or(|&(noted, held)| {
            position > held && now.saturating_sub(noted) >= self.timeout / 64
        });
        if is_news && self.marks.len() < MARKS {
            self.marks.push_back((now, position));
        }
    }

    /// The offset below which a sensor's last record makes it idle, when there is one that was not
    /// given before. `position` as in [`IdleWatch::observe_end`].
    pub fn passed(&mut self, position: Offset) -> Option<Offset> {
        let (asked, _) = self.end.take_if(|&mut (_, end)| position >= end)?;
        let mut below = None;
        while let Some((_, held)) =
            self.marks.pop_front_if(|&mut (noted, _)| noted + self.timeout <= asked)
        {
            below = Some(held);
        }
        below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(2_000);
    const NONE: Duration = Duration::ZERO;

    /// Asks every 250 ms from `from` to `to` with a position and end that do not move.
    fn quiet(
        watch: &mut IdleWatch,
        from: u64,
        to: u64,
        position: u64,
        end: u64,
    ) -> Vec<(u64, u64)> {
        let mut passed = Vec::new();
        for now in (from..=to).step_by(250) {
            watch.observe_end(Duration::from_millis(now), NONE, Offset(position), Offset(end));
            passed.extend(watch.passed(Offset(position)).map(|below| (now, below.0)));
        }
        passed
    }

    #[test]
    fn a_silent_partition_is_passed_after_the_timeout_and_once() {
        let mut watch = IdleWatch::new(TIMEOUT);
        assert_eq!(quiet(&mut watch, 0, 1_750, 10, 10), []);
        assert_eq!(quiet(&mut watch, 2_000, 2_250, 10, 10), [(2_000, 10)]);
    }

    #[test]
    fn what_is_in_flight_delays_a_close_by_its_age() {
        let ask = |watch: &mut IdleWatch, now, in_flight| {
            let (now, in_flight) = (Duration::from_millis(now), Duration::from_millis(in_flight));
            watch.observe_end(now, in_flight, Offset(10), Offset(10));
            watch.passed(Offset(10))
        };
        let mut watch = IdleWatch::new(TIMEOUT);
        assert_eq!(quiet(&mut watch, 0, 1_750, 10, 10), []);
        assert_eq!(ask(&mut watch, 2_000, 300), None);
        assert_eq!(ask(&mut watch, 2_250, 300), None);
        assert_eq!(ask(&mut watch, 2_500, 300), Some(Offset(10)));
    }

    #[test]
    fn an_append_that_takes_as_long_as_a_silence_voids_what_was_noted() {
        let mut watch = IdleWatch::new(TIMEOUT);
        assert_eq!(quiet(&mut watch, 0, 1_750, 10, 10), []);
        let stuck = TIMEOUT + Duration::from_millis(1);
        watch.observe_end(Duration::from_millis(2_000), stuck, Offset(10), Offset(10));
        assert_eq!(quiet(&mut watch, 2_250, 3_750, 10, 10), []);
        assert_eq!(quiet(&mut watch, 4_000, 4_000, 10, 10), [(4_000, 10)]);
    }

    #[test]
    fn lag_delays_and_never_hastens() {
        let mut watch = IdleWatch::new(TIMEOUT);
        assert_eq!(quiet(&mut watch, 0, 5_000, 10, 50), []);
        // The first end that was asked is reached, but it was asked when the position was noted.
        assert_eq!(watch.passed(Offset(50)), None);
        watch.observe_end(Duration::from_millis(5_250), NONE, Offset(50), Offset(50));
        assert_eq!(watch.passed(Offset(50)), Some(Offset(10)));
    }

    #[test]
    fn a_busy_partition_passes_positions_as_they_age() {
        let mut watch = IdleWatch::new(TIMEOUT);
        let mut passed = Vec::new();
        for step in 0..40u64 {
            let (now, at) = (Duration::from_millis(step * 250), Offset(step * 100));
            watch.observe_end(now, NONE, at, Offset(step * 100 + 100));
            // The end is always one step ahead and reached in the next step.
            passed.extend(watch.passed(Offset(step * 100 + 100)).map(|below| (step, below.0)));
        }
        assert_eq!(passed.first(), Some(&(8, 0)));
        assert!(passed.iter().all(|&(step, below)| below / 100 + 8 <= step), "{passed:?}");
        assert!(passed.len() > 20, "{passed:?}");
    }

    #[test]
    fn a_missed_question_voids_what_was_noted() {
        let mut watch = IdleWatch::new(TIMEOUT);
        assert_eq!(quiet(&mut watch, 0, 1_500, 10, 10), []);
        // 10 s later: the process was stopped, or the queue was away.
        assert_eq!(quiet(&mut watch, 11_500, 13_250, 10, 10), []);
        assert_eq!(quiet(&mut watch, 13_500, 13_500, 10, 10), [(13_500, 10)]);
    }

    #[test]
    fn a_reset_voids_what_was_noted() {
        let mut watch = IdleWatch::new(TIMEOUT);
        assert_eq!(quiet(&mut watch, 0, 1_750, 10, 10), []);
        watch.reset();
        assert_eq!(quiet(&mut watch, 1_750, 3_500, 10, 10), []);
    }

    #[test]
    fn years_of_lag_hold_a_bounded_number_of_marks() {
        let mut watch = IdleWatch::new(TIMEOUT);
        for step in 0..10_000u64 {
            watch.observe_end(
                Duration::from_millis(step * 250),
                NONE,
                Offset(step),
                Offset(u64::MAX),
            );
        }
        assert!(watch.marks.len() <= MARKS);
    }
}
