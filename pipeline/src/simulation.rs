//! The shell in pieces, for a simulation with its own scheduler: it steps slots, brings its own
//! committer and clock, and decides when housekeeping runs. No part of the crate's API.

pub use crate::runner::clock::Clock;
pub use crate::runner::commit::channel::{CommitChannel, Committed};
pub use crate::runner::housekeeping::checkpoint_requests::CheckpointRequests;
pub use crate::runner::housekeeping::{hold_log, housekeep_once};
pub use crate::runner::notices::loss_watch::LossWatch;
pub use crate::runner::notices::spread_watch::SpreadWatch;
pub use crate::runner::record_budget::RecordBudget;
pub use crate::runner::slot::Slot;
pub use crate::runner::slot::slot_context::SlotContext;
