//! Turns records into windows, commits them exactly once, and proves it.
//!
//! ```text
//!  message ─► decode ─► clean ─► sensor ─► window ─► out        pure: no clock, no IO
//!             └──────────────── engine ──────────────┘
//!  source ──► slot (one loop: poll, step, hand over) ──► lane ──► committer       shell
//!             └ part: engine, idle watch, snapshots, replay ┘
//! ```
//!
//! The engine is a pure function of (log, journal); the slot is the one loop around it. `run`
//! takes the store and spreads partitions over slots; `verify` folds the log again and compares.

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
pub use engine::output::{DEAD, Output, RESULT, ROLLUP};
pub use engine::redistribute::RedistributeError;
pub use engine::reject_reason::RejectReason;
pub use engine::rules::{Dedupe, ENGINE_VERSION, Region, RuleFault, Rules, RulesError, TimeMode};
pub use engine::sensor_health as health;
pub use engine::snapshot::SnapshotError;
pub use engine::windows::Engine;
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
