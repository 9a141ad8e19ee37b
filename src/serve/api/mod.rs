//! The server over HTTP: its jobs for the routes that every job has, and routes of its own.

mod configuration;
mod copy;
mod jobs;
mod roots;
mod routes;

pub use jobs::ServedJobs;
pub use routes::routes;
