//! The shell in pieces, for a simulation that is its own scheduler: slots turn by turn, a lane and
//! a clock of its own making, and the house kept when it says so. No part of the crate's API.

pub use crate::clock::Clock;
pub use crate::keep::{hold_log, keep_once};
pub use crate::lane::{Committed, Lane};
pub use crate::run::Budget;
pub use crate::saves::Saves;
pub use crate::slot::{Slot, SlotJob};
