//! What others read of windows: rows for a proof, dead letters for losses, and sensors in a state.

pub(crate) mod loss_reader;
mod proved;
pub(crate) mod row_reader;
pub(crate) mod state_reader;
