//! Descriptions of jobs: the keys of a job file and their values, and the resolved values of a job
//! from file and command line.
//!
//! Names, texts and defaults are those of the options of `seismic run`, which define them once.

mod graph;
mod graph_difference;
mod keys;
mod resolved;
mod resolved_value;
mod schema;
mod statement_values;
mod template;

pub use graph::graph;
pub use graph_difference::difference;
pub use resolved::Resolved;
pub use schema::schema;
pub use template::{Template, template};
