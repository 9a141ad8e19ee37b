//! The shell in pieces, for a simulation that is its own scheduler: slots turn by turn, a lane and
//! a clock of its own making, and the house kept when it says so. No part of the crate's API.

pub use crate::runner::checkpoint_requests::CheckpointRequests;
pub use crate::runner::clock::Clock;
pub use crate::runner::commit_channel::{CommitChannel, Committed};
pub use crate::runner::housekeeping::{hold_log, housekeep_once};
pub use crate::runner::record_budget::RecordBudget;
pub use crate::runner::slot::{Slot, SlotContext};
