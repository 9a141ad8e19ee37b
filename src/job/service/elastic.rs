//! How many workers and slots a job should have, and when.

use std::path::PathBuf;

use clap::ValueEnum;
use seismic_elastic::{Floor, Limits, Policy, Schedule, Settings, Target, Threshold};

use super::Elsewhere;
pub use super::scaling_action::Action;

/// What `[elastic]` says.
#[derive(Clone, Debug, PartialEq)]
pub struct Elastic {
    /// What `seismic serve` does with decisions.
    pub action: Action,
    /// Which policy is used.
    pub policy: PolicyName,
    /// Seconds between samples.
    pub interval_s: u32,
    /// Seconds for which a rule must hold.
    pub for_s: u32,
    /// Seconds until samples must show a change.
    pub verify_within_s: u32,
    /// Hard limits.
    pub limits: Limits,
    /// Numbers of the policy `threshold`; its seconds are `for_s`.
    pub threshold: Threshold,
    /// Numbers of the policy `target`; its seconds are `for_s`.
    pub target: Target,
    /// Floors by the time of day.
    pub schedule: Vec<Floor>,
    /// Minutes by which these times are ahead of UTC.
    pub utc_offset_min: i32,
    /// Folder of its logs, within that of the job's scaling.
    pub log_dir: PathBuf,
    /// Folder of its history, within that of the job's scaling.
    pub metrics_dir: PathBuf,
    /// Folder of notes of its savepoints, within that of the job's scaling.
    pub savepoint_dir: PathBuf,
    /// Workers on other machines.
    pub elsewhere: Elsewhere,
}

/// Name of a policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PolicyName {
    /// A share of the learned capacity.
    #[default]
    Target,
    /// Fixed numbers.
    Threshold,
}

impl Default for Elastic {
    fn default() -> Self {
        let Settings { interval_s, verify_within_s, limits, .. } = Settings::default();
        let target = Target::default();
        Elastic {
            action: Action::default(),
            policy: PolicyName::default(),
            interval_s,
            for_s: target.for_s,
            verify_within_s,
            limits,
            threshold: Threshold::default(),
            target,
            schedule: vec![],
            utc_offset_min: 0,
            log_dir: "log".into(),
            metrics_dir: "metrics".into(),
            savepoint_dir: "savepoints".into(),
            elsewhere: Elsewhere::default(),
        }
    }
}

impl Elastic {
    /// The settings of decisions; of all workers together, no more slots than `max_parallelism`.
    ///
    /// # Errors
    /// What of it contradicts itself.
    pub fn settings(&self, max_parallelism: Option<usize>) -> Result<Settings, String> {
        self.elsewhere.check(self.action)?;
        let for_s = self.for_s;
        let mut limits = self.limits;
        if let Some(most) = max_parallelism {
            limits.parallelism_max =
                limits.parallelism_max.min(u32::try_from(most).unwrap_or(u32::MAX));
        }
        let settings = Settings {
            interval_s: self.interval_s,
            verify_within_s: self.verify_within_s,
            limits,
            policy: match self.policy {
                PolicyName::Target => Policy::Target(Target { for_s, ..self.target }),
                PolicyName::Threshold => Policy::Threshold(Threshold { for_s, ..self.threshold }),
            },
            schedule: Schedule::new(self.schedule.clone(), self.utc_offset_min)?,
        };
        match settings.faults() {
            faults if faults.is_empty() => Ok(settings),
            faults => Err(faults.join("; ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_the_decisions_and_max_parallelism_is_hard() {
        let elastic = Elastic::default();
        assert_eq!(elastic.settings(None), Ok(Settings::default()));
        assert_eq!(elastic.settings(Some(8)).map(|it| it.limits.parallelism_max), Ok(8));
        let why = elastic.settings(Some(2)).unwrap_err();
        assert_eq!(why, "parallelism_min 3 is above parallelism_max 2");
    }
}
