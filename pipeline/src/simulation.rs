//! The parts of the runner, for a simulation with its own scheduler: it steps slots, provides its
//! own committer and clock, and decides when housekeeping runs. Not part of the API of the crate.

pub use crate::runner::clock::Clock;
pub use crate::runner::commit::channel::{CommitChannel, Committed};
pub use crate::runner::housekeeping::checkpoint_requests::CheckpointRequests;
pub use crate::runner::housekeeping::{hold_log, housekeep_once};
pub use crate::runner::notices::loss_watch::LossWatch;
pub use crate::runner::notices::spread_watch::SpreadWatch;
pub use crate::runner::pool::{Place, SlotPool};
pub use crate::runner::record_budget::RecordBudget;
pub use crate::runner::slot::Slot;
pub use crate::runner::slot::slot_context::SlotContext;
