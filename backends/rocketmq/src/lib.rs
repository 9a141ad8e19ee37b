//! A queue in Apache RocketMQ, by a client of our own for its classic remoting protocol.
//!
//! ```text
//!  RocketQueue ─► Client ─► Connection ─► nameserver: routes
//!       │                        └──────► broker: sends, pulls, offsets
//!       ├─► RocketProducer   one send in flight per queue, its own tail read back when in doubt
//!       ├─► TopicWriter      for a sink that records where each of its messages went
//!       └─► TopicReader      one pull in flight per partition; a reader, or the source of a slot
//! ```
//!
//! A partition is a queue of a broker (`topic_route.rs`). A key is the property `KEYS`, an append
//! time is the broker's store time. The seam asks for things that RocketMQ cannot do:
//!
//! * **Atomic appends.** A batch may leave a prefix; the message is the unit. A repeated append is
//!   recognised by reading the tail of the partition (`producer_recovery.rs`); a send of a dead
//!   producer that arrives later is skipped by readers (`repeats/`).
//! * **Holds and policies.** Retention is up to the broker; a hold only reports the name of the
//!   group, so that RocketMQ's tools show the lag.
//! * **An id of a topic.** The id is derived from the name and the places of the queues: a topic
//!   that was deleted and recreated in the same way has the same id but fewer messages, which a job
//!   that had read further notices.
//! * **A store.** There are no transactions; a job's store is elsewhere.

mod backend;
mod client;
mod connection;
mod cursor;
mod error;
mod examine;
mod limits;
mod nameservers;
mod producer;
mod producer_recovery;
#[doc(hidden)]
pub mod protocol;
mod queue;
mod reader;
mod repeats;
mod rights;
mod source;
mod tls;
mod topic;
mod topic_route;
mod topic_writer;

pub use backend::BACKEND;
pub use cursor::Keeps;
pub use error::Error;
pub use nameservers::Nameservers;
pub use protocol::properties::Properties;
pub use queue::RocketQueue;
pub use topic_writer::{AppendOutcome, Out, TopicWriter};
