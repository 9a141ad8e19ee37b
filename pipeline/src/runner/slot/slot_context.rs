//! What a slot needs from its job.

use std::sync::atomic::AtomicBool;

use seismic_queue::{Offset, Partition, Queue, Span, Topic};

use crate::Result;
use crate::engine::operator::OperatorKind;
use crate::runner::clock::Clock;
use crate::runner::first_step::FirstStep;
use crate::runner::housekeeping::checkpoint_requests::CheckpointRequests;
use crate::runner::metrics::Metrics;
use crate::runner::notices::loss_watch::LossWatch;
use crate::runner::notices::spread_watch::SpreadWatch;
use crate::runner::record_budget::RecordBudget;
use crate::runner::settings::Settings;
use crate::runner::slot::shared_job::SharedJob;
use crate::runner::slot::sources::OpenFurther;

/// What a slot needs from its job.
pub struct SlotContext<'a> {
    /// What is read.
    pub inputs: &'a [Topic],
    /// Where it is read again, in the order of the journal, by a partition with several inputs.
    pub queue: &'a dyn Queue,
    /// Opens the sources of further inputs.
    pub open: OpenFurther<'a>,
    /// What kind of job it is.
    pub kind: &'a dyn OperatorKind,
    /// How the job runs.
    pub settings: &'a Settings,
    /// What a bounded run may still read.
    pub budget: &'a RecordBudget,
    /// Told of what is done.
    pub metrics: &'a Metrics,
    /// Set when the job is to stop.
    pub stop: &'a AtomicBool,
    /// Checkpoints that people ask for.
    pub checkpoint_requests: &'a CheckpointRequests,
    /// Finds sensors that are spread over partitions.
    pub spread: &'a SpreadWatch,
    /// Remembers which losses were reported, and when.
    pub losses: &'a LossWatch,
    /// The only time there is.
    pub clock: &'a dyn Clock,
    /// Where a partition that was never committed begins in each input.
    pub begin_at: &'a (dyn Fn(Partition) -> Result<Vec<Offset>> + Sync),
    /// What the log of each partition of an input still has.
    pub spans: &'a (dyn Fn(&Topic) -> Result<Vec<Span>> + Sync),
    /// Of a job that several workers share.
    pub shared: Option<&'a SharedJob<'a>>,
    /// The step before this one, of a job that repartitions its input.
    pub first_step: Option<&'a FirstStep<'a>>,
}
