//! Checks while a job runs that its files, its input topic and its output topics have not been
//! replaced.
#![allow(clippy::disallowed_methods, reason = "shell: waiting is its job")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::runner::job::JobContext;
use crate::{Result, failpoints};

/// How often. A job may commit into a deleted file for that long, and what it committed then is
/// done again by the next run.
const EVERY: Duration = Duration::from_millis(500);

/// Looks until `is_over`, and stops the job when a file of its queue or store, or a topic that it
/// reads or writes, is another one.
///
/// # Errors
/// What became of it.
pub(crate) fn stay_in_place(
    job: JobContext<'_>,
    stop: &AtomicBool,
    is_over: &AtomicBool,
) -> Result<()> {
    while !is_over.load(Ordering::Relaxed) {
        failpoints::pass(failpoints::LOOK)?;
        let looked = job
            .store
            .topics()
            .check_place()
            .and_then(|()| job.queue.check_place())
            .and_then(|()| job.job.inputs.iter().try_for_each(|it| job.queue.check_topic(it)))
            .and_then(|()| job.lease.check_outputs());
        if looked.is_err() {
            stop.store(true, Ordering::Relaxed);
            return Ok(looked?);
        }
        thread::park_timeout(EVERY);
    }
    Ok(())
}
