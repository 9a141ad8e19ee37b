//! A worker: the process in which one served job runs, or only its sinks.
//!
//! ```text
//!  server ──order.json──► worker ──────────► job
//!         ◄──worker.json── │  pid, start time, secret
//!         ◄──socket──────► │  one line asked, one line answered
//!         ◄──last words─── ┘
//! ```
//!
//! All of it is in one folder that only its user can read. A worker has its own session and writes
//! its logs to files, so that it continues when its server dies.

pub mod folder;
pub mod identity;
pub mod limit;
pub mod listen;
pub mod logs;
pub mod order;
pub mod protocol;
pub mod report;
pub mod run;
pub mod sinks;
pub mod throttle;
pub mod trial;
