//! Another number of workers because somebody wants it: the same change as a decision begins, stored before
//! anything is done for it, and proved or taken back as any other.

use anyhow::Context as _;
use seismic_elastic::{Cause, Decision, Limits, Reason, Shape};

use super::asked::not_scaled;
use super::places;
use super::scaler::{keeps_its_slots, one_process, settings_of};
use crate::error::Usage;
use crate::serve::supervisor::Supervisor;
use crate::time::now_ms;

impl Supervisor {
    /// Begins a change to so many workers of so many slots; without either of them, to as many as now.
    ///
    /// # Errors
    /// [`Usage`] when the job cannot have them, does not run, or has them already.
    pub fn scale_to(
        &mut self,
        name: &str,
        workers: Option<u32>,
        slots: Option<u32>,
    ) -> anyhow::Result<Shape> {
        self.take_in_scaling(name)?;
        let job = self.job(name).context("the job is gone")?;
        let spec = job.spec.as_ref().context("its file is not understood")?;
        if let Some(why) = keeps_its_slots(spec) {
            return Err(Usage(format!("job {name} cannot be scaled: {why}")).into());
        }
        if let (Some(why), Some(0 | 2..)) = (one_process(spec), workers) {
            return Err(Usage(format!("workers: {why}; slots can change")).into());
        }
        let settings = settings_of(spec, &job.service).map_err(Usage)?;
        self.check_runs(name)?;
        let mut scaler =
            self.scalers_mut().jobs.remove(name).ok_or_else(|| Usage(not_scaled(name)))?;
        let from = places::shape_of(&self.running_slots(name, &scaler));
        let workers = workers.unwrap_or(from.workers);
        let to = wanted(from, (workers, slots), &settings.limits, scaler.partitions);
        let begun = to.map_err(anyhow::Error::from).and_then(|to| {
            let causes = vec![Cause::Asked];
            let reason = Reason::Change { causes, bounds: Vec::new() };
            let (at_ms, alerts) = (now_ms(), Vec::new());
            let decision = Decision { at_ms, from, to, reason, figures: None, alerts };
            match self.begin(name, &mut scaler, &settings, &decision)? {
                Some(why) => Err(Usage(why).into()),
                None => Ok(to),
            }
        });
        self.scalers_mut().jobs.insert(name.to_owned(), scaler);
        begun
    }
}

/// What is wanted, if a job of these limits can have it.
fn wanted(
    from: Shape,
    (workers, slots): (u32, Option<u32>),
    limits: &Limits,
    partitions: Option<u32>,
) -> Result<Shape, Usage> {
    let Limits { workers_min, workers_max, slots: most, .. } = *limits;
    if !(workers_min..=workers_max).contains(&workers) {
        return Err(Usage(format!(
            "workers: write {workers_min} to {workers_max}, which are workers_min and workers_max in [elastic] \
             of its job file"
        )));
    }
    if let Some(partitions) = partitions.filter(|partitions| workers > *partitions) {
        return Err(Usage(format!(
            "workers: its input has {partitions} partitions, and a worker without one has nothing to do"
        )));
    }
    if let Some(slots) = slots.filter(|slots| !(1..=most).contains(slots)) {
        return Err(Usage(format!(
            "slots: {slots} is not within 1 to {most}, which a worker may have"
        )));
    }
    let slots = slots.unwrap_or_else(|| from.parallelism.div_ceil(from.workers.max(1)));
    let parallelism = workers.saturating_mul(slots).min(partitions.unwrap_or(u32::MAX));
    Ok(places::possible(Shape { workers, parallelism }, most))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: Shape = Shape { workers: 3, parallelism: 6 };

    fn of(workers: u32, slots: Option<u32>, partitions: Option<u32>) -> Result<Shape, String> {
        let found = wanted(FROM, (workers, slots), &Limits::default(), partitions);
        found.map_err(|why| why.to_string())
    }

    #[test]
    fn workers_keep_their_slots_unless_others_are_asked_for() {
        assert_eq!(of(4, None, Some(12)), Ok(Shape { workers: 4, parallelism: 8 }));
        assert_eq!(of(4, Some(1), None), Ok(Shape { workers: 4, parallelism: 4 }));
        assert_eq!(of(4, None, Some(5)), Ok(Shape { workers: 4, parallelism: 5 }));
    }

    #[test]
    fn what_a_job_cannot_have_is_refused_with_what_it_can() {
        assert!(of(7, None, None).unwrap_err().contains("write 3 to 6"));
        assert!(of(2, None, None).unwrap_err().contains("workers_min"));
        assert!(of(4, None, Some(3)).unwrap_err().contains("3 partitions"));
        assert!(of(4, Some(3), None).unwrap_err().contains("not within 1 to 2"));
        assert!(of(4, Some(0), None).is_err());
    }
}
