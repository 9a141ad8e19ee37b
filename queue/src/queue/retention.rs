//! How much of a topic is kept, and for whom.

use crate::{Offset, Partition, Result, Topic};

/// Keeps what is needed and deletes the rest.
pub trait Retention {
    /// Says that `holder` (a job) needs the log from these offsets on. Replaces what it said before;
    /// with no offsets, it needs nothing any more.
    fn hold(&self, topic: &Topic, holder: &str, at: &[(Partition, Offset)]) -> Result<()>;

    /// Who holds what of a topic.
    fn holds(&self, topic: &Topic) -> Result<Vec<Hold>>;

    /// What [`Retention::retain`] deletes.
    fn policy(&self, topic: &Topic) -> Result<Policy>;

    /// Sets what [`Retention::retain`] deletes from now on.
    fn set_policy(&self, topic: &Topic, policy: Policy) -> Result<()>;

    /// What the policy would let go of if nobody held it, by partition. A backend whose retention is
    /// not ours knows of nothing.
    fn held(&self, topic: &Topic) -> Result<Vec<Held>>;

    /// Deletes what the policy lets go of, whole blocks from the oldest on, never past a hold
    /// unless `past_holds`.
    fn retain(&self, topic: &Topic, past_holds: bool) -> Result<Vec<Retained>>;
}

/// How much of a topic is kept. `None` = without limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Messages appended longer ago than this are let go of, ms.
    pub max_age_ms: Option<u64>,
    /// Oldest messages are let go of until a partition holds at most this many bytes.
    pub max_bytes: Option<u64>,
}

/// A job that needs part of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Name of the job.
    pub holder: String,
    /// Partition held.
    pub partition: Partition,
    /// First offset that is needed.
    pub offset: Offset,
}

/// What retention did to one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retained {
    /// The partition.
    pub partition: Partition,
    /// Messages deleted.
    pub deleted: u64,
    /// Who kept more from being deleted, and from which offset on.
    pub held_by: Option<Hold>,
}

/// What a hold keeps of one partition that the policy lets go of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The hold that needs the oldest message.
    pub hold: Hold,
    /// Bytes that would be gone.
    pub bytes: u64,
    /// Age of the oldest message of them, ms.
    pub age_ms: u64,
}
