//! The subject of an examination.

use seismic_sinks::SinkSpec;

use crate::job::location::Location;

/// What to examine.
pub struct Subject {
    /// Where the job reads and keeps its state.
    pub location: Location,
    /// The topic that it reads.
    pub topic: String,
    /// Its sinks.
    pub sinks: Vec<SinkSpec>,
}
