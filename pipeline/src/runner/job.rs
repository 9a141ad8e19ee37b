//! One job as the runner and the operations see it: its input, its store and its settings.

use seismic_queue::{Job, JobStore, Lease, Queue};

use crate::engine::operator::OperatorKind;
use crate::runner::settings::Settings;

/// What a job reads and where it keeps what it made of it.
#[derive(Clone, Copy)]
pub struct JobContext<'a> {
    /// Where the input topic lives.
    pub queue: &'a dyn Queue,
    /// The job's transactional store.
    pub store: &'a dyn JobStore,
    /// The right to commit to it.
    pub lease: &'a dyn Lease,
    /// Names of the job.
    pub job: &'a Job,
    /// Threads that read and step; at most one per partition is used.
    pub slots: usize,
    /// What kind of job it is.
    pub kind: &'a dyn OperatorKind,
    /// How it runs.
    pub settings: &'a Settings,
}
