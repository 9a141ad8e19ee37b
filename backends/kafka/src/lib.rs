//! Apache Kafka as a queue and as the store of jobs, over librdkafka.
//!
//! ```text
//!  client   cluster, admin: topics, spans, times   connection: librdkafka's clients and their logs
//!           native: calls without a safe wrapper   suspension: notices that the process slept
//!  queue    producer (producer_recovery) ──► topics ──► fetcher (a reader) ──► group/member
//!  fetch    record batches straight from the leaders, unless a setting requires librdkafka
//!  group    member, assignment, offsets: the consumer group   transactional_id: names of slots
//!  store    lease: one worker   committer (delivery, partition_state): a transaction per commit
//!           checkpoint_record, checkpoint_log: the checkpoint topic   trim: deletes its head
//!           offset_metadata: metadata of the group's offsets
//!           checkpoint_names: named checkpoints   job_topic: which job owns what
//!  outlet   a topic that sinks write to in transactions, each with a position
//!  security TLS and logins of connections of our own: tls, scram, login, stream   wire: frames
//!  top      address, backend, settings, error_kind, limits, examine (for `doctor`)
//! ```
//!
//! Properties of Kafka that are visible through the seams:
//!
//! * Offsets have gaps: transaction markers and aborted messages take some. A position is how far a
//!   reader has read, not the last message plus one.
//! * Reading is read-committed: messages of open and aborted transactions are not visible. The end
//!   of the log is queried read-uncommitted, so that everything appended before the query is below
//!   it; a reader reaches that end once the transactions before it have ended.
//! * Kafka deletes on its own, segment by segment, by the topic's `retention.ms` and
//!   `retention.bytes`, and has no holds: `hold` has no effect on it, `retain` deletes nothing, and
//!   `set_policy` sets these two. A job whose messages are gone refuses to continue. Topics created
//!   here keep everything until configured otherwise. We trim the checkpoint topic: see
//!   `store/trim.rs`.
//! * How a producer recovers its own state is in `queue/producer.rs`.

mod address;
mod backend;
mod client;
mod error_kind;
mod examine;
pub mod failpoints;
mod fetch;
mod group;
pub mod limits;
pub mod outlet;
mod queue;
mod security;
mod settings;
mod store;
mod wire;

pub use address::ClusterAddress;
pub use backend::BACKEND;
pub use fetch::fuzz;
pub use group::membership::Membership;
pub use queue::KafkaQueue;
pub use store::KafkaStore;

#[cfg(test)]
mod tests;
