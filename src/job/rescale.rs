//! Partitions that the input got since the job began.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use seismic_pipeline::{JobContext, Settings, rescale};
use seismic_queue::{Error, Job, JobStore, Queue, patiently};

use crate::cli::stdio::tell;

/// Has the job take what its input has more than it knows of, if there is anything.
///
/// # Errors
/// As [`widen`] and [`JobStore::widen`].
pub fn accept(
    (queue, store): (&dyn Queue, &dyn JobStore),
    job: &Job,
    settings: &Settings,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<()> {
    let before = match patiently(stop, || store.view()) {
        Err(Error::StoreMissing { .. }) => return Ok(()),
        view => view?.job.input.partitions,
    };
    let now = job.input.partitions;
    if before >= now {
        return Ok(());
    }
    let lease = patiently(stop, || store.widen(job))?;
    let run_job = JobContext { queue, store, lease: &*lease, job, slots: 1, settings };
    rescale(run_job, stop)?;
    tell(format_args!("the job goes on in {now} partitions; it had {before}"));
    Ok(())
}
