//! Apache Kafka as a queue and as the store of jobs, over librdkafka.
//!
//! ```text
//!  queue   producer.rs ──► topics ──► fetcher.rs ──► reader.rs (anyone), member.rs (a worker's slot)
//!          fetch/: messages from the leaders, where nothing asks for librdkafka's own reading
//!          queue.rs, admin.rs, cluster.rs: topics, spans, times   examine.rs: for the doctor
//!  store    owner.rs, slots.rs: a worker   committer.rs (acks.rs, place.rs): one transaction a commit
//!          record.rs, history.rs: the checkpoint topic   mark.rs, offsets.rs: the group's offsets
//!          trim.rs: what of it nobody needs
//!          names.rs: what checkpoints are called   jobs.rs: whose job is what   assignment.rs: who has which partition
//!  all     client.rs, settings.rs: what clients are told   kind.rs: what errors mean   native.rs: unsafe calls
//! ```
//!
//! What is Kafka's own and shows through the seams:
//!
//! * Offsets have gaps: ends of transactions and aborted messages take some. A position is where
//!   reading has come to, not the last message plus one.
//! * Reading is read-committed: what an open or aborted transaction wrote is not seen. The log's
//!   end is asked for read-uncommitted, so that everything appended before the question lies below
//!   it; a reader reaches that end once the transactions before it are over.
//! * Kafka deletes by itself, segment by segment, by the topic's `retention.ms` and
//!   `retention.bytes`, and knows no holds: `hold` says nothing to it, `retain` deletes nothing, and
//!   `set_policy` sets those two. A job whose messages are gone refuses to go on. Topics made here
//!   keep everything until told otherwise. The checkpoint topic is ours to trim: see `trim.rs`.
//! * What a producer remembers of itself is in `producer.rs`.

mod acks;
mod address;
mod admin;
mod assignment;
mod client;
mod cluster;
mod committer;
mod examine;
mod fetch;
mod fetcher;
mod history;
mod jobs;
mod kind;
mod lease;
pub mod limits;
mod mark;
mod member;
mod names;
#[allow(unsafe_code, reason = "calls of librdkafka that have no safe wrapper; this file only")]
mod native;
mod offsets;
mod place;
mod producer;
mod queue;
mod reader;
mod record;
mod settings;
mod sleep;
mod slots;
mod store;
mod tail;
mod trim;

pub use address::{BACKEND, ClusterAddress};
pub use fetch::fuzz;
pub use member::Membership;
pub use queue::KafkaQueue;
pub use store::KafkaStore;

#[cfg(test)]
mod tests;
