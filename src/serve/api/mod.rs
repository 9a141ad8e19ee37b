//! The server over HTTP: its jobs for the routes that every job has, and routes of its own.

mod approvals;
mod archive;
mod asking;
mod audit;
mod autoscale;
mod configuration;
mod copy;
mod drafts;
mod editor;
mod jobs;
mod looked;
mod promotion;
mod resources;
mod roots;
mod routes;
mod submission;
mod token_requests;
mod tokens;
mod topic_rights;
mod trial;
mod versions;

pub use audit::StateAuditor;
pub use jobs::ServedJobs;
pub use routes::routes;
