//! Names on the server.

/// What the keys of positions begin with, and no key of a row.
pub(super) const POSITIONS: &str = "seismic:sink:";
