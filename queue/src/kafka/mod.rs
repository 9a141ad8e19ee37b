//! Apache Kafka as a queue, over librdkafka.
//!
//! ```text
//!  producer.rs ──► topics ──► fetcher.rs ──► reader.rs (anyone) / sole.rs (a slot that keeps its partitions)
//!  queue.rs: topics, spans, times        settings.rs: what clients are told      native.rs: unsafe calls
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
//!   keep everything until told otherwise.
//! * What a producer remembers of itself is in `producer.rs`.

mod admin;
mod client;
mod committer;
mod fetcher;
mod history;
mod home;
mod jobs;
mod kind;
mod mark;
mod member;
#[allow(unsafe_code, reason = "calls of librdkafka that have no safe wrapper; this file only")]
mod native;
mod offsets;
mod owner;
mod producer;
mod queue;
mod reader;
mod record;
mod settings;
mod slots;
mod tail;

pub use home::KafkaHome;
pub(crate) use kind::kind;
pub use member::Membership;
pub use queue::KafkaQueue;

#[cfg(test)]
mod tests;
