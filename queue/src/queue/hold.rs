//! Holds: the part of a topic that jobs and sinks still need.

use crate::{Offset, Partition};

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

/// What a hold keeps of one partition beyond the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldBack {
    /// The hold that needs the oldest message.
    pub hold: Hold,
    /// Bytes that would be gone.
    pub bytes: u64,
    /// Age of the oldest message of them, ms.
    pub age_ms: u64,
}
