//! Rows with an event time: how it is read, which of them are late, and what is wrong with that in a
//! definition.

pub mod check;
pub mod clocks;
mod format;
pub mod input;
