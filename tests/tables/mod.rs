//! Tables of PostgreSQL, MariaDB, Redis, HBase and documents over HTTP that a job with a statement looks
//! things up in: real servers, the real program.

pub mod database;
pub mod examples;

mod kills;
mod reading;
mod refresh;
mod servers;
