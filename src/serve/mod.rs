//! The server: runs jobs as separate processes, restarts them by their policies, and reports their
//! state.
//!
//! ```text
//!  jobs folder ─► ┌ supervisor ───────────────┐ ─spawn─► worker ─► job
//!                 │ life: pure state machine  │ ◄─────── report, last words
//!                 │ state: SQLite, each change │
//!                 └───────────────────────────┘
//! ```
//!
//! One loop owns all jobs (`supervisor`); a state machine without clock and processes decides about
//! each job ([`life`]). Workers outlive their server, and the next one finds them again
//! ([`worker`]).

pub mod alarms;
mod api;
pub mod client;
pub mod config;
pub mod demo;
mod event;
mod handle;
mod jobs_folder;
pub mod life;
pub mod limits;
mod link;
pub mod pressure;
mod recorder;
mod rivals;
mod run;
mod served_job;
mod settings;
pub mod state;
mod supervisor;
pub mod worker;
mod workers;

pub use run::run;
pub use settings::ServeSettings;
