//! Turns records into windows, commits them exactly once, and proves it.
//!
//! ```text
//!  engine/      message ─► decode ─► clean ─► sensor ─► window ─► output    pure: no clock, no IO
//!  runner/      source ─► slot (poll, apply, hand over) ─► committer thread ─► job store
//!               └ partition task: engine, idle watch, snapshots, replay
//!  operations/  a job at rest: fork, rewind, rescale
//!  verify/      replays log and journal with the engine, and compares with the store
//! ```
//!
//! The engine is a pure function of (log, journal); a slot is the one loop around it. [`run`] spreads
//! the partitions of a job over slots; [`verify::verify`] proves what they committed.

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

pub use engine::counters::{Counters, RollupCounters};
pub use engine::decode;
pub use engine::journal::{Entry, EntryError, Note};
pub use engine::operator::{Operator, OperatorKind, RowIdentity, apply_common};
pub use engine::output::{DEAD, Output, RESULT, ROLLUP};
pub use engine::redistribute::RedistributeError;
pub use engine::reject_reason::RejectReason;
pub use engine::rules::{Dedupe, ENGINE_VERSION, Region, RuleFault, Rules, RulesError, TimeMode};
pub use engine::sensor_health as health;
pub use engine::snapshot::SnapshotError;
pub use engine::windows::Engine;
pub use engine::windows_operator::WindowsOperator;
pub use error::{Error, Loss, Result};
pub use operations::checkpoint_ref::CheckpointRef;
pub use operations::fork::fork;
pub use operations::rescale::rescale;
pub use operations::rewind::rewind;
pub use runner::idle_watch::IdleWatch;
pub use runner::job::JobContext;
pub use runner::metrics::{Metrics, MetricsSnapshot, PartitionMetrics, TimedTotal};
pub use runner::retention_lag::RetentionLag;
pub use runner::run::run;
pub use runner::settings::{Finish, Settings, StartFrom};
