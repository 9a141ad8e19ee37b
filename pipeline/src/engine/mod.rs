//! The computation, separate from what runs it: an operator of one partition is a pure function of
//! (log, journal).
//!
//! This folder has what every kind of job shares: the seam, the journal, and the errors of both.
//! Each kind has a folder of its own.
//!
//! Nothing in this folder knows a clock, IO, threads or randomness; `clippy.toml` bans the calls,
//! and no file here is exempt. The same inputs give the same bits: after a crash, in `verify`, on
//! another machine.

pub(crate) mod alignment;
pub(crate) mod clock_step;
pub(crate) mod journal;
pub(crate) mod kind_note;
pub(crate) mod loss_reader;
pub(crate) mod operator;
pub(crate) mod redistribute_error;
pub(crate) mod repartition;
pub(crate) mod row_reader;
pub(crate) mod semantics_error;
pub(crate) mod snapshot_error;
pub(crate) mod state_reader;
pub(crate) mod windows;
