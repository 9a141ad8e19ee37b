//! Carries bytes and remembers progress. Nothing seismic is in here.
//!
//! ```text
//!  Producer ──Block──► topic, partition 0..P ──Batch──► Source / Reader
//!                                                          │
//!                                Commit (rows of outputs, │ progress, journal, snapshot)
//!                                                          ▼
//!                                          Store ── one atomic act ── Committer
//! ```
//!
//! Words as in Kafka: a *message* is what has an offset, a *block* is messages stored together, a
//! *batch* is messages fetched together. A [`Queue`] is where topics live; a [`JobStore`] is the
//! transactional store of one job. Both are opened by URL, and [`open`] and [`open_store`] are the
//! one list of backends. A new backend is one folder, one line in that list, and the
//! conformance suite.

pub mod backend;
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

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod memory;
#[cfg(feature = "rocketmq")]
pub mod rocketmq;
#[cfg(feature = "sqlite")]
pub mod sqlite;

pub use backend::Url;
pub use batch::{Batch, Entry, Message};
pub use block::Block;
pub use disk::examine_folder;
pub use error::{BackendError, CallFailed, CommitError, Error, Kind, Result};
pub use finding::{Finding, Level};
pub use kept::Class;
pub use partitioner::partition_of;
pub use patience::{patiently, patiently_by, sleep};
pub use queue::{
    Access, Append, AppendTimes, Appended, Event, GroupMember, Held, Hold, Member, Need, Policy,
    Producer, Queue, Reader, Retained, Source,
};
pub use remedy::{HeldTopic, Remedy};
pub use store::{
    Asked, Checkpoint, CheckpointInfo, Chunk, Commit, Committer, FencingToken, Job, JobStore,
    JournalEntry, KeyedBlock, KeyedCut, Lease, Manifest, OutputSpec, OutputView, PartitionBy,
    PartitionCommit, PartitionView, Progress, Proof, Recovered, Rewind, SinkPosition, View,
};
pub use topic::{Offset, Partition, Span, Topic};
