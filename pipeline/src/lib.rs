//! Turns records into windows, commits them exactly once, and proves it.
//!
//! ```text
//!  message ─► decode ─► clean ─► sensor ─► window ─► out        pure: no clock, no IO
//!             └──────────────── engine ──────────────┘
//!  source ──► slot (one loop: poll, step, hand over) ──► lane ──► committer       shell
//!             └ part: engine, idle watch, snapshots, replay ┘
//! ```
//!
//! The engine is a pure function of (log, journal); the slot is the one loop around it. `run`
//! takes the store and spreads partitions over slots; `verify` folds the log again and compares.

mod begin;
mod checkpoint_ref;
mod clean;
mod clock;
mod counters;
mod deal;
pub mod decode;
mod engine;
mod error;
pub mod failpoints;
mod fork;
pub mod health;
mod idle;
mod idlers;
mod interval;
mod journal;
mod keep;
mod lane;
pub mod limits;
mod out;
mod part;
mod pinned;
mod reason;
mod replay;
mod rewind;
mod rolling;
mod rollup;
mod roster;
mod row;
mod rules;
mod run;
mod saves;
mod sensor;
mod settings;
#[cfg(feature = "simulation")]
#[doc(hidden)]
pub mod simulation;
mod slot;
mod snapshot;
mod sums;
pub mod verify;
mod watch;
mod widen;
mod window;

pub use checkpoint_ref::CheckpointRef;
pub use counters::{Counters, Rolled};
pub use deal::Undealt;
pub use engine::Engine;
pub use error::{Error, Loss, Result};
pub use fork::fork;
pub use idle::IdleWatch;
pub use journal::{Entry, EntryError, Note};
pub use out::Out;
pub use pinned::Pinned;
pub use reason::Reason;
pub use rewind::rewind;
pub use rules::{Dedupe, ENGINE_VERSION, Region, Rules, RulesError, Time};
pub use run::{Progress, RunJob, run};
pub use settings::{Finish, From, Settings};
pub use snapshot::SnapshotError;
pub use widen::widen;
