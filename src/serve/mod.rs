//! The server: runs jobs as processes of their own, restarts them by their policies, and tells
//! what they do.
//!
//! ```text
//!  jobs folder ─► ┌ supervisor ───────────────┐ ─spawn─► worker ─► job
//!                 │ life: pure state machine  │ ◄─────── report, last words
//!                 │ state: SQLite, each change │
//!                 └───────────────────────────┘
//! ```
//!
//! One loop has all jobs (`supervisor`); what becomes of a job is decided by a state machine
//! that knows no clock and no process ([`life`]). Workers outlive their server, and the next one
//! finds them again ([`worker`]).

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
