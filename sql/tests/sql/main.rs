//! Statements over tables in memory: what they answer, what is refused, and where they end.

#![allow(clippy::unwrap_used, reason = "tests may")]
#![allow(clippy::disallowed_methods, reason = "tests write files for other programs")]

mod attacks;
mod bounds;
mod differential;
mod duckdb;
mod functions;
mod lists;
mod refusals;
mod row_by_row;
mod statements;
mod traps;
