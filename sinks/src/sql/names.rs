//! Names that all databases of SQL have in common.

/// The table of positions, beside that of the rows.
pub(super) const POSITIONS: &str = "seismic_position";

/// The table of rows that were refused, beside that of the rows.
pub(super) const DEAD_LETTERS: &str = "seismic_dead_letter";
