//! Rescaling a job whose input got more partitions since it was drained.

use seismic_pipeline::{Error, JobContext, OperatorKind, Settings, rescale};
use seismic_queue::{Error as QueueError, Job, JobStore, Queue, patiently, patiently_by};

use crate::job::notify::Notify;
use crate::job::stop::StopToken;

/// Adds partitions to the job that its input has and the job does not, if there are any.
///
/// # Errors
/// As [`rescale`] and [`JobStore::rescale`].
pub fn accept(
    (queue, store): (&dyn Queue, &dyn JobStore),
    (job, kind): (&Job, &dyn OperatorKind),
    settings: &Settings,
    stop: &StopToken,
    notify: &Notify,
) -> anyhow::Result<()> {
    let before = match patiently(stop.flag(), || store.view()) {
        Err(QueueError::StoreMissing { .. }) => return Ok(()),
        view => view?.job.partitions(),
    };
    let now = job.partitions();
    if before >= now {
        return Ok(());
    }
    let lease = patiently(stop.flag(), || store.rescale(job))?;
    let run_job = JobContext { queue, store, lease: &*lease, job, slots: 1, kind, settings };
    patiently_by(Error::kind, stop.flag(), || rescale(run_job, stop.flag()))?;
    notify(&format_args!("the job continues with {now} partitions; it had {before}"));
    Ok(())
}
