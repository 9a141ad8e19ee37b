//! Names on the server.

/// The table of positions, one for all sinks of a namespace.
pub(super) const POSITIONS: &str = "seismic_position";
/// Its only family.
pub(super) const POSITION_FAMILY: &str = "p";
/// The column with how far a counter has counted, beside its values.
pub(super) const COUNTED: &str = "seismic_position";
