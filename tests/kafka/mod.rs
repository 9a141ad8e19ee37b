//! The same job on a real Kafka: faults of workers and of brokers, each under load and with a reader
//! throughout. At the end `verify` must find nothing, the plain reckoning of `truth.rs` must agree,
//! and the reader must have seen exactly what one sees who comes later.

mod advertised;
mod checkpoint;
mod clients;
mod group;
mod held_back;
mod import;
mod kill_points;
mod newer;
mod old_store;
mod outage;
mod poison;
mod publish;
mod refusals;
mod repartition;
mod second_kind;
pub mod secured;
mod session;
mod silence;
mod sink;
mod start;
mod status;
mod trial;
mod trim;
mod widen;
mod wire;
mod worker;
