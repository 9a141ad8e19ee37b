//! Carries bytes and remembers progress. Nothing seismic is in here.
//!
//! ```text
//!  Producer ──Block──► topic, partition 0..P ──Batch──► Source / Reader
//!                                                          │
//!                              Commit (rows, dead letters, │ progress, journal, snapshot)
//!                                                          ▼
//!                                          Store ── one atomic act ── Committer
//! ```
//!
//! Words as in Kafka: a *message* is what has an offset, a *block* is messages stored together, a
//! *batch* is messages fetched together. A [`Queue`] is where topics live; a [`JobStore`] is the
//! transactional store of one job. Both are opened by URL, and [`open`] and [`open_store`] are the
//! one list of backends. A new backend is one folder, one line in that list, and the
//! conformance suite.

mod address;
mod batch;
mod block;
#[cfg(any(feature = "kafka", feature = "rocketmq"))]
mod bytes;
mod check;
pub mod clock;
mod disk;
mod error;
pub mod failpoints;
mod finding;
mod follow;
mod kept;
pub mod limits;
mod nameservers;
mod partitioner;
mod patience;
mod pieces;
mod queue;
mod remedy;
mod sole;
mod store;
mod tip;
mod topic;
#[cfg(any(feature = "kafka", feature = "rocketmq"))]
mod unpack;
mod url;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod memory;
#[cfg(feature = "rocketmq")]
pub mod rocketmq;
#[cfg(feature = "sqlite")]
pub mod sqlite;

pub use address::Address;
pub use batch::{Batch, Entry, Message};
pub use block::Block;
pub use disk::examine_folder;
pub use error::{CommitError, Error, Kind, Result};
pub use finding::{Finding, Level};
pub use kept::Class;
pub use nameservers::Nameservers;
pub use partitioner::partition_of;
pub use patience::{patiently, patiently_by, sleep};
pub use queue::{
    Access, Append, AppendTimes, Appended, Event, GroupMember, Held, Hold, Member, Need, Policy,
    Producer, Queue, Reader, Retained, Source,
};
pub use remedy::Remedy;
pub use store::{
    Asked, Checkpoint, CheckpointInfo, Chunk, Commit, Committer, FencingToken, Job, JobStore,
    JournalEntry, Lease, Manifest, PartitionCommit, PartitionView, Progress, Recovered, Rewind,
    SinkPosition, View, is_note,
};
pub use topic::{Offset, Partition, Span, Topic};
pub use url::Url;

/// Opens the queue that `url` names, creating an embedded one that is not there yet.
///
/// # Errors
/// [`Error::Url`] for a scheme this build does not have, and whatever the backend says of a file
/// that is corrupt, foreign or newer than this program.
pub fn open(url: &Url) -> Result<Box<dyn Queue>> {
    match url {
        Url::Memory(name) => Ok(Box::new(memory::Memory::named(name))),
        #[cfg(feature = "kafka")]
        Url::Kafka(address) => Ok(Box::new(kafka::KafkaQueue::open(address)?)),
        #[cfg(not(feature = "kafka"))]
        Url::Kafka(_) => Err(Error::url(url, "this build has no kafka backend")),
        #[cfg(feature = "sqlite")]
        Url::Sqlite(path) => Ok(Box::new(sqlite::SqliteQueue::open(path)?)),
        #[cfg(not(feature = "sqlite"))]
        Url::Sqlite(_) => Err(Error::url(url, "this build has no sqlite backend")),
        #[cfg(feature = "rocketmq")]
        Url::RocketMq(nameservers) => Ok(Box::new(rocketmq::RocketQueue::open(nameservers)?)),
        #[cfg(not(feature = "rocketmq"))]
        Url::RocketMq(_) => Err(Error::url(url, "this build has no rocketmq backend")),
    }
}

/// Deletes the store that `url` names, when nobody owns it. What it holds in a queue stays held. A store
/// in a cluster ends with its group, and its results stay.
///
/// # Errors
/// [`Error::Owned`], [`Error::StoreMissing`]; and as [`open_store`].
pub fn delete_store(url: &Url) -> Result<()> {
    match url {
        #[cfg(feature = "sqlite")]
        Url::Sqlite(path) => sqlite::SqliteStore::delete(path),
        #[cfg(feature = "kafka")]
        Url::Kafka(address) => kafka::KafkaStore::delete(address),
        _ => Err(Error::url(url, "only stores in files and clusters can be deleted from here")),
    }
}

/// Opens the store that `url` names, for looking in; [`JobStore::acquire`] takes it for a job.
///
/// # Errors
/// As [`open`].
pub fn open_store(url: &Url) -> Result<Box<dyn JobStore>> {
    match url {
        Url::Memory(name) => Ok(Box::new(memory::MemoryStore::named(name))),
        #[cfg(feature = "kafka")]
        Url::Kafka(address) => Ok(Box::new(kafka::KafkaStore::open(address)?)),
        #[cfg(not(feature = "kafka"))]
        Url::Kafka(_) => Err(Error::url(url, "this build has no kafka backend")),
        #[cfg(feature = "sqlite")]
        Url::Sqlite(path) => Ok(Box::new(sqlite::SqliteStore::open(path)?)),
        #[cfg(not(feature = "sqlite"))]
        Url::Sqlite(_) => Err(Error::url(url, "this build has no sqlite backend")),
        Url::RocketMq(_) => {
            Err(Error::url(url, "RocketMQ has no transactions, so it cannot be a store"))
        }
    }
}
