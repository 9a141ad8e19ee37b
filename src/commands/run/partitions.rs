//! Partitions that the input got since the job began.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use seismic_pipeline::{RunJob, Settings, widen};
use seismic_queue::{Error, Home, Job, Queue, patiently};

use crate::out::tell;

/// Has the job take what its input has more than it knows of, if there is anything.
///
/// # Errors
/// As [`widen`] and [`Home::widen`].
pub fn accept(
    (queue, home): (&dyn Queue, &dyn Home),
    job: &Job,
    settings: &Settings,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<()> {
    let before = match patiently(stop, || home.view()) {
        Err(Error::HomeMissing { .. }) => return Ok(()),
        view => view?.job.input.partitions,
    };
    let now = job.input.partitions;
    if before >= now {
        return Ok(());
    }
    let owner = patiently(stop, || home.widen(job))?;
    let run_job = RunJob { queue, home, owner: &*owner, job, slots: 1, settings };
    widen(run_job, stop)?;
    tell(format_args!("the job goes on in {now} partitions; it had {before}"));
    Ok(())
}
