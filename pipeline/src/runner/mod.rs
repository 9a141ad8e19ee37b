//! The runner: one job while it runs.
//!
//! ```text
//!  source ──► slot (one loop: poll, apply, hand over) ──► committer thread ──► job store
//!             └ partition task: engine, idle watch, snapshots, replay
//!  between slots of one process: the pool, in which partitions move
//!  beside the slots: housekeeping (holds, retention, checkpoint requests) and the file watch
//! ```

pub(crate) mod clock;
pub(crate) mod commit;
pub(crate) mod first_step;
pub(crate) mod housekeeping;
pub(crate) mod job;
pub(crate) mod metrics;
pub(crate) mod notices;
pub(crate) mod parallelism;
pub(crate) mod partition_task;
pub(crate) mod pool;
pub(crate) mod received;
pub(crate) mod record_budget;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod settings;
pub(crate) mod slot;
pub(crate) mod start;
