//! The subject of an examination.

use seismic_derived::{DimensionDefinition, FunctionDefinition};
use seismic_sinks::SinkSpec;

use crate::dimension::TableSpec;
use crate::dimension::function::FunctionSpec;
use crate::job::location::Location;

/// What to examine.
pub struct Subject {
    /// Where the job reads and keeps its state.
    pub location: Location,
    /// The topic that it reads.
    pub topic: String,
    /// The other one that it reads, of a join.
    pub joined: Option<String>,
    /// The job whose results that is; `None`: it is a topic of the queue.
    pub of: Option<String>,
    /// Its sinks.
    pub sinks: Vec<SinkSpec>,
    /// The tables that it looks things up in.
    pub tables: Vec<(DimensionDefinition, TableSpec)>,
    /// Its own functions.
    pub functions: Vec<(FunctionDefinition, FunctionSpec)>,
}
