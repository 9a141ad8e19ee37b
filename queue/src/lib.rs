//! Queues that carry bytes and stores that keep progress. Nothing in here is seismic.
//!
//! ```text
//!  Producer ──Block──► topic, partition 0..P ──Batch──► Source / Reader
//!                                                          │
//!                                Commit (rows of outputs, │ progress, journal, snapshot)
//!                                                          ▼
//!                                          Store ── one atomic act ── Committer
//! ```
//!
//! Terms as in Kafka: a *message* has an offset, a *block* is messages stored together, a *batch*
//! is messages fetched together. A [`Queue`] has topics; a [`JobStore`] is the transactional store
//! of one job. A [`Url`] opens both. The program lists its backends once ([`backend`]): a new one
//! is a crate, a line in that list, and the conformance suite.

pub mod backend;
pub mod clock;
mod diagnosis;
mod error;
pub mod failpoints;
pub mod limits;
pub mod message;
mod queue;
mod remedy;
mod store;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod memory;

pub use backend::Url;
pub use backend::checkpoint_retention::Class;
pub use backend::disk::examine_folder;
pub use backend::file_lock::lock_file;
pub use backend::retry::{Retries, RetryPolicy, for_a_while, patiently, patiently_by, sleep};
pub use diagnosis::{Finding, Level};
pub use error::{BackendError, CallFailed, CommitError, Error, Kind, Result};
pub use message::{
    Batch, Block, Entry, Fingerprint, Message, Offset, Partition, Span, Topic, partition_of,
};
pub use queue::{
    Access, Append, AppendTimes, Appended, Before, Diagnose, Event, GroupMember, HeldBack, Hold,
    ImportLog, KnownProducers, Member, Need, NoteChange, OpenTransaction, Policy, Producer, Queue,
    Reader, Retained, Retention, Source, SpanReader, Standing, TransactionBehind,
};
pub use remedy::{HeldTopic, Remedy};
pub use store::{
    Checkpoint, CheckpointInfo, CheckpointNames, CheckpointRequest, Chunk, Commit, Committer,
    FencingToken, Job, JobStore, JournalEntry, KeyedBlock, KeyedCut, LastRow, Lease, LostOffset,
    Manifest, OutputSpec, OutputView, PartitionBy, PartitionCommit, PartitionView, Progress, Proof,
    Recovered, Rewind, ScalingLease, ScalingNote, SharedLease, SinkPosition, SinkState,
    TableVersion, TableVersions, View,
};
