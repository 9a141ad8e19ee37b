//! What a job's owner sets. It may be another value at each decision: nothing of it is in the state.

use serde::Serialize;

use crate::limits;
use crate::policy::Policy;
use crate::schedule::Schedule;
use crate::shape::Limits;

/// How a job is scaled.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// Seconds between samples.
    pub interval_s: u32,
    /// Seconds until a change must be seen in samples.
    pub verify_within_s: u32,
    /// Hard limits.
    pub limits: Limits,
    /// What is done when.
    pub policy: Policy,
    /// Floors by the time of day.
    pub schedule: Schedule,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            interval_s: 5,
            verify_within_s: 60,
            limits: Limits::default(),
            policy: Policy::default(),
            schedule: Schedule::default(),
        }
    }
}

impl Settings {
    /// What is wrong with them; empty when nothing is.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.limits.faults();
        faults.extend(self.policy.faults());
        if !(1..=3_600).contains(&self.interval_s) {
            faults.push(format!("interval {} s is not between 1 and 3600", self.interval_s));
        }
        if !(1..=3_600).contains(&self.verify_within_s) {
            let wrong = self.verify_within_s;
            faults.push(format!("verify_within {wrong} s is not between 1 and 3600"));
        }
        let for_s = self.policy.for_s();
        if for_s / self.interval_s.max(1) > limits::INTERVALS_OF_A_RULE {
            let most = limits::INTERVALS_OF_A_RULE;
            faults.push(format!(
                "a rule that holds for {for_s} s has more than {most} samples of {} s: take them \
                 less often",
                self.interval_s
            ));
        }
        let highest = self.schedule.highest();
        if highest > self.limits.workers_max {
            let most = self.limits.workers_max;
            faults.push(format!("the schedule keeps {highest} workers, and workers_max is {most}"));
        }
        faults
    }

    /// Age at which a sample is stale, and gap that ends the evidence, ms.
    pub(crate) fn stale_ms(&self) -> i64 {
        limits::STALE_INTERVALS * i64::from(self.interval_s.max(1)) * 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Threshold;

    #[test]
    fn defaults_are_sound_and_contradictions_are_named() {
        assert!(Settings::default().faults().is_empty());
        let settings = Settings {
            interval_s: 1,
            policy: Policy::Threshold(Threshold { for_s: 121, ..Threshold::default() }),
            schedule: Schedule::new(vec!["at 02:00 keep >= 9".parse().unwrap()], 0).unwrap(),
            ..Settings::default()
        };
        let faults = settings.faults().join("; ");
        assert!(faults.contains("more than 120 samples"), "{faults}");
        assert!(faults.contains("keeps 9 workers, and workers_max is 6"), "{faults}");
    }
}
