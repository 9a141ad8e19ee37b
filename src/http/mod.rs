//! Jobs over HTTP: metrics, probes, and an API to inspect and control them.
//!
//! ```text
//!  Jobs (the seam) ◄── OneJob: `seismic run --http`
//!     ▲            ◄── whoever runs many jobs
//!     │
//!  routes: /metrics /healthz /readyz /api/v1/…      one table, from which the OpenAPI is made, too
//!     ▲
//!  server: tokio on a thread of its own ── guards: host, origin, token, rate, size, time
//! ```
//!
//! The pipeline never calls this module or waits for it: numbers are read from the same atomics
//! whether there are clients or not, and everything that blocks (reading a store) runs on a few
//! threads of the server, once per job and second.
//!
//! # To serve other jobs
//! Implement [`Jobs`] over plain data ([`model`], and
//! [`JobNumbers`](crate::status::numbers::JobNumbers), which workers can send as JSON), and start
//! a server with it:
//!
//! ```text
//! let jobs: Arc<dyn Jobs> = Arc::new(MyJobs::new());
//! let mut routes = http::routes(&jobs);                  // probes, metrics, API
//! routes.push(Route::post("/api/v1/jobs", "Submit a job").handled(move |call| …));
//! let server = Server::start(&settings, routes)?;        // binds, then returns
//! …
//! server.stop();                                         // answers what is under way, then ends
//! ```
//!
//! Methods of [`Jobs`] may block for a while; they are called from the server's blocking threads,
//! several at a time. [`Jobs::jobs`] is called for each scrape and must be quick. An action passes
//! the guards only with the header required for writes. [`OneJob`] is a complete example.

pub mod api;
mod api_error;
mod cached;
mod events;
pub mod history;
mod jobs;
pub mod limits;
mod metrics;
pub mod model;
mod mutation;
mod one_job;
mod openapi;
mod page;
mod probes;
mod route;
mod schemas;
mod security;
mod server;
mod settings;
mod upload;

pub use api::routes;
pub use api_error::ApiError;
pub use jobs::{Action, JobTopics, Jobs};
pub use mutation::{Auditor, Mutation};
pub use one_job::OneJob;
pub use openapi::openapi;
pub use route::{Call, Param, Reply, Route};
pub use security::{
    Caller, KnownToken, RateLimit, Right, Role, Roles, Scope, Token, TokenBook, TokenFacts,
    TopicScope,
};
pub use server::{AccessSettings, Server, Team, TlsFiles};
pub use settings::HttpSettings;
pub use upload::{FileContent, Upload, UploadFile, Uploaded};
