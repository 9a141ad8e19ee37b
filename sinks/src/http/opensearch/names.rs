//! Names on the server.

/// The index of positions, one for all sinks of a server.
pub(super) const POSITIONS: &str = "seismic_position";
