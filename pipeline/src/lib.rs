//! Turns records into windows, commits them exactly once, and proves it.
//!
//! ```text
//!  engine/      the pure core of one partition: no clock, no IO
//!  ├ windows/   message ─► decode ─► clean ─► sensor ─► window ─► output
//!  └ repartition/ message ─► decode ─► one envelope for each record, keyed by sensor
//!  runner/      source ─► slot (poll, apply, hand over) ─► committer thread ─► job store
//!               └ partition task: operator, idle watch, snapshots, replay
//!  operations/  a job at rest: fork, rewind, rescale
//!  verify/      replays log and journal with an operator, and compares with the store
//! ```
//!
//! An operator is a pure function of (log, journal); a slot is the one loop around it. [`run`]
//! spreads the partitions of a job over slots; [`verify::verify`] proves what they committed.

mod engine;
mod error;
pub mod failpoints;
pub mod limits;
mod operations;
mod runner;
#[cfg(feature = "simulation")]
#[doc(hidden)]
pub mod simulation;
pub mod verify;

pub use engine::alignment::Alignment;
pub use engine::clock_step::{ClockStep, StepKind};
pub use engine::journal::{Entry, EntryError, FIRST_KIND};
pub use engine::kind_note::{kind_of, note_of};
pub use engine::loss_reader::LossReason;
pub use engine::operator::{Operator, OperatorKind, RowIdentity, apply_common};
pub use engine::redistribute_error::RedistributeError;
pub use engine::repartition::envelope::{Envelope, RecordPosition};
pub use engine::repartition::kind::{INTERNAL, REPARTITION, Repartition};
pub use engine::repartition::operator::RepartitionOperator;
pub use engine::repartition::pack::InternalRecords;
pub use engine::repartition::state::RepartitionState;
pub use engine::row_reader::{RowKey, RowOrigin, RowReader, Unaccounted};
pub use engine::semantics_error::SemanticsError;
pub use engine::snapshot_error::SnapshotError;
pub use engine::windows::counters::{Counters, RollupCounters};
pub use engine::windows::decode;
pub use engine::windows::engine::Engine;
pub use engine::windows::note::Note;
pub use engine::windows::operator::WindowsOperator;
pub use engine::windows::output::{DEAD, Output, RESULT, ROLLUP};
pub use engine::windows::phases::Phases;
pub use engine::windows::reject_reason::RejectReason;
pub use engine::windows::rules::faults::RuleFault;
pub use engine::windows::rules::stored::RulesError;
pub use engine::windows::rules::{
    Dedupe, ENGINE_VERSION, OLDEST_ENGINE_VERSION, Region, Rules, TimeMode,
};
pub use engine::windows::sensor::health;
pub use error::{Error, Loss, Result};
pub use operations::checkpoint_ref::CheckpointRef;
pub use operations::fork::{fork, is_fork_of};
pub use operations::irregular_clocks::{IrregularClock, irregular_clocks};
pub use operations::newest_losses::notices_of_losses;
pub use operations::rescale::rescale;
pub use operations::rewind::rewind;
pub use operations::sensor_partitions::notices_of_sensors;
pub use runner::first_step::FirstStep;
pub use runner::housekeeping::retention_lag::RetentionLag;
pub use runner::job::JobContext;
pub use runner::metrics::{
    HistogramSnapshot, Metrics, MetricsSnapshot, PartitionMetrics, TimedTotal,
};
pub use runner::notices::notice::{
    ClockSteps, HeldBack, MovedSensors, Notice, RejectedRecords, RejectedSensor, SpreadSensor,
    SpreadSensors,
};
pub use runner::parallelism::Parallelism;
pub use runner::partition_task::idle_watch::IdleWatch;
pub use runner::run::{run, run_behind};
pub use runner::settings::{Finish, OnSpread, PauseToken, Settings, StartFrom};
