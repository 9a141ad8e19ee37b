//! Which values in the rules of a job are out of range.

use std::fmt;
use std::ops::RangeInclusive;

use crate::engine::windows::rules::{Dedupe, Region, Rules, TimeMode};
use crate::limits;

/// A rule that is out of range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFault {
    /// Which rule: the key that sets it in a job file.
    pub rule: &'static str,
    /// What is wrong, with the allowed range.
    pub why: String,
}

impl fmt::Display for RuleFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.why)
    }
}

impl Rules {
    /// Everything that is out of range; empty when the rules can be used.
    #[must_use]
    pub fn faults(&self) -> Vec<RuleFault> {
        let mut faults = Vec::new();
        let mut check = |rule, value: i64, unit: &str, range: RangeInclusive<i64>| {
            if !range.contains(&value) {
                let (low, high) = range.into_inner();
                let why = format!("{value}{unit} is not between {low}{unit} and {high}{unit}");
                faults.push(RuleFault { rule, why });
            }
        };
        check("window", self.window_ms, " ms", limits::WINDOW_MS);
        check("lateness", self.lateness_ms, " ms", limits::WAIT_MS);
        check("allowed_lateness", self.allowed_lateness_ms, " ms", limits::WAIT_MS);
        check("max_ahead", self.max_ahead_ms, " ms", limits::WAIT_MS);
        check("max_jump", self.max_jump_ms, " ms", limits::WAIT_MS);
        check("earliest_event", self.event_ms.0, " ms", limits::EVENT_MS);
        check("latest_event", self.event_ms.1, " ms", limits::EVENT_MS);
        // Sensors are numbered in 32 bits.
        check("max_sensors", self.max_sensors.min(1 << 40) as i64, "", 1..=i64::from(u32::MAX));
        let mut fault = |rule, why| faults.push(RuleFault { rule, why });
        if self.phases.is_empty() {
            fault("phases", "none is left that could count".to_owned());
        }
        let (low, high) = (*self.amplitude.start(), *self.amplitude.end());
        if !(low.is_finite() && high.is_finite() && low <= high) {
            fault("amplitude", format!("{low} to {high} is not a range"));
        }
        if self.dedupe == Dedupe::Time {
            if self.window_ms > limits::DEDUPE_WINDOW_MS {
                let limit = limits::DEDUPE_WINDOW_MS;
                fault("dedupe", format!("it needs windows of at most {limit} ms"));
            }
            if self.time == TimeMode::Ingest {
                let why = "it compares event times, which time = ingest does not use";
                fault("dedupe", why.to_owned());
            }
        }
        self.check_rollups(&mut fault);
        if self.event_ms.0 >= self.event_ms.1 {
            let (from, to) = self.event_ms;
            fault("earliest_event", format!("{from} ms is not before the latest, {to} ms"));
        }
        if let Some(Region { longitude: (west, east), latitude: (south, north) }) = self.region
            && !(-180.0 <= west
                && west <= east
                && east <= 180.0
                && -90.0 <= south
                && south <= north
                && north <= 90.0)
        {
            let why = format!(
                "{west}..{east},{south}..{north} is not a box of west..east from -180 to 180 and \
                 south..north from -90 to 90"
            );
            fault("region", why);
        }
        faults
    }

    fn check_rollups(&self, fault: &mut impl FnMut(&'static str, String)) {
        let (window_ms, limit_ms) = (self.window_ms.max(1), limits::ROLLUP_MS);
        for &length_ms in &self.rollups_ms {
            if length_ms <= window_ms || length_ms > limit_ms || length_ms % window_ms != 0 {
                let why = format!(
                    "{length_ms} ms is not a multiple of the window of {window_ms} ms, not longer \
                     than it, or longer than {limit_ms} ms"
                );
                fault("rollup", why);
            }
        }
        if !self.rollups_ms.is_sorted_by(|a, b| a < b) {
            let lengths: Vec<_> = self.rollups_ms.iter().map(ToString::to_string).collect();
            let why = format!("the lengths {} ms do not rise", lengths.join(", "));
            fault("rollup", why);
        }
        if self.rollups_ms.len() > limits::ROLLUPS {
            fault("rollup", format!("there are more than {}", limits::ROLLUPS));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_are_told_at_once() {
        let region = Region { longitude: (f64::NAN, 0.0), latitude: (1.0, 0.0) };
        let rules = Rules {
            window_ms: 0,
            lateness_ms: -1,
            max_sensors: 0,
            event_ms: (1, 0),
            region: Some(region),
            time: TimeMode::Ingest,
            dedupe: Dedupe::Time,
            rollups_ms: vec![5, 5],
            ..Rules::default()
        };
        assert_eq!(rules.faults().len(), 7, "{:?}", rules.faults());
    }

    #[test]
    fn a_rollup_is_a_longer_multiple_of_the_window_and_each_is_named_once() {
        let with = |rollups_ms: &[i64]| {
            Rules { rollups_ms: rollups_ms.to_vec(), ..Rules::default() }.faults().len()
        };
        assert_eq!(with(&[10_000, 60_000, 600_000, 86_400_000]), 0);
        for refused in [&[1_000][..], &[1_500], &[0], &[-2_000], &[86_401_000]] {
            assert_eq!(with(refused), 1, "{refused:?}");
        }
        assert_eq!(with(&[60_000, 10_000]), 1, "they do not rise");
        assert_eq!(with(&[10_000, 10_000]), 1);
        assert_eq!(with(&[2, 3, 4, 5, 6, 7, 8, 9, 10].map(|s| s * 1_000)), 1, "too many");
    }
}
