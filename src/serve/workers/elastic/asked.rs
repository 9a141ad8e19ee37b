//! What somebody asks of the scaling of a job: a decision now, or to forget its samples.

use anyhow::Context as _;
#[cfg(all(test, feature = "kafka"))]
use seismic_elastic::Decision;
use seismic_elastic::Settings;

use super::files;
use super::scaler::{Scaler, Taken, keeps_its_slots, settings_of};
use crate::error::Usage;
use crate::serve::supervisor::Supervisor;

impl Supervisor {
    /// Begins the change that was decided last, if it was one and was not begun.
    fn carry_out_last(
        &mut self,
        name: &str,
        scaler: &mut Scaler,
        settings: &Settings,
    ) -> anyhow::Result<()> {
        let Some(mut last) = scaler.last.clone() else { return Ok(()) };
        let spec = self.job(name).and_then(|job| job.spec.as_ref());
        let can_change = spec.is_some_and(|spec| keeps_its_slots(spec).is_none());
        if !last.decision.is_change() || last.entry.is_begun || !can_change {
            return Ok(());
        }
        last.rest = self.begin(name, scaler, settings, &last.decision)?;
        last.entry.is_begun = last.rest.is_none();
        let (stored, entry) = (&scaler.stored, &last.entry);
        self.state_mut().add_elastic(name, stored, (entry.at_ms, entry))?;
        scaler.last = Some(last);
        Ok(())
    }

    /// Decides now, and begins the change that follows.
    ///
    /// # Errors
    /// When the job is not scaled here, or does not run.
    pub fn scale_now(&mut self, name: &str) -> anyhow::Result<Taken> {
        self.take_in_scaling(name)?;
        let job = self.job(name).context("the job is gone")?;
        let spec = job.spec.as_ref().context("its file is not understood")?;
        let settings = settings_of(spec, &job.service).map_err(Usage)?;
        self.check_runs(name)?;
        let mut scaler = match self.scalers_mut().jobs.remove(name) {
            Some(scaler) => scaler,
            None => return Err(Usage(not_scaled(name)).into()),
        };
        // Reports of less than an interval ago say nothing new.
        let interval = std::time::Duration::from_secs(settings.interval_s.into());
        let is_new = scaler.last.is_some()
            && scaler.sampled.is_some_and(|sampled| sampled.elapsed() < interval);
        let sampled = if is_new { Ok(()) } else { self.sample(name, &mut scaler, &settings) };
        let done = sampled.and_then(|()| self.carry_out_last(name, &mut scaler, &settings));
        let last = scaler.last.clone();
        self.scalers_mut().jobs.insert(name.to_owned(), scaler);
        done?;
        last.context("nothing was decided")
    }

    /// Begins a change that was not decided from samples.
    #[cfg(all(test, feature = "kafka"))]
    pub(super) fn begin_change(&mut self, name: &str, decision: &Decision) -> anyhow::Result<()> {
        let mut scaler = self.scalers_mut().jobs.remove(name).context("it is not scaled")?;
        let begun = self.begin(name, &mut scaler, &Settings::default(), decision);
        self.scalers_mut().jobs.insert(name.to_owned(), scaler);
        begun.map(|why| assert_eq!(why, None))
    }

    /// Forgets the samples of a job, and its history file.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn reset_scaling_history(&mut self, name: &str) -> anyhow::Result<()> {
        let elastic = self.job(name).map(|job| job.service.elastic.clone()).unwrap_or_default();
        let folder = self.settings().elastic_folder(name);
        if let Some(scaler) = self.scalers_mut().jobs.get_mut(name) {
            scaler.files = None;
        }
        files::reset(&folder, &elastic).context("deleting the history of metrics")?;
        self.state_mut().forget_elastic(name, false)
    }
}

/// Why there is nothing to show of the scaling of a job.
#[must_use]
pub fn not_scaled(name: &str) -> String {
    format!(
        "job {name} is not scaled: set action in [elastic] of its job file, to observe to see decisions, \
         or to local, command or kubernetes to have them carried out"
    )
}
