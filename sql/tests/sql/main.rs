//! Statements over tables in memory: what they answer, what is refused, and where they end.

#![allow(clippy::unwrap_used, reason = "tests may")]
#![allow(clippy::disallowed_methods, reason = "tests start programs and look at the clock")]

mod attacks;
mod bounds;
mod differential;
mod functions;
mod lists;
mod refusals;
mod statements;
mod traps;
