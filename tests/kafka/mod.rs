//! The same job on a real Kafka: faults of workers and of brokers, each under load and with a
//! reader throughout. At the end `verify` must find no difference, the independent computation of
//! `truth.rs` must agree, and the reader must have seen exactly the rows that a later reader sees.

mod advertised;
mod checkpoint;
mod clients;
mod failures;
mod group;
mod import;
mod many_partitions;
mod newer;
mod old_store;
mod publish;
mod repartition;
mod second_kind;
pub mod secured;
mod sink;
mod start;
mod status;
mod tables;
mod trial;
