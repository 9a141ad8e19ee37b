//! Retention: how much of a topic is kept, and who holds it.

use super::hold::{HeldBack, Hold};
use crate::{Offset, Partition, Result, Topic};

/// Keeps what is needed and deletes the rest.
pub trait Retention {
    /// Notes that `holder` (a job) needs the log from these offsets on. Replaces its earlier hold;
    /// with no offsets, it needs nothing any more.
    fn hold(&self, topic: &Topic, holder: &str, at: &[(Partition, Offset)]) -> Result<()>;

    /// Who holds what of a topic.
    fn holds(&self, topic: &Topic) -> Result<Vec<Hold>>;

    /// What [`Retention::retain`] deletes.
    fn policy(&self, topic: &Topic) -> Result<Policy>;

    /// Sets what [`Retention::retain`] deletes from now on.
    fn set_policy(&self, topic: &Topic, policy: Policy) -> Result<()>;

    /// What the policy would delete if no one held it, by partition. Empty for a backend that has
    /// its own retention.
    fn held(&self, topic: &Topic) -> Result<Vec<HeldBack>>;

    /// Deletes messages before these offsets of a topic that has one reader, which needs them no
    /// more. Where readers hold what they need, this does nothing, and [`Retention::retain`] does
    /// it.
    fn trim(&self, topic: &Topic, below: &[(Partition, Offset)]) -> Result<()>;

    /// Deletes what exceeds the policy, whole blocks from the oldest on, never past a hold unless
    /// `past_holds`.
    fn retain(&self, topic: &Topic, past_holds: bool) -> Result<Vec<Retained>>;
}

/// How much of a topic is kept. `None` = without limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Messages appended longer ago than this are deleted, ms.
    pub max_age_ms: Option<u64>,
    /// Oldest messages are deleted until a partition holds at most this many bytes.
    pub max_bytes: Option<u64>,
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
