//! Positions of a job that another tool changed or the cluster forgot.

use crate::{Offset, Partition};

/// A partition whose committed position is not that of the job's last commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostOffset {
    /// Which.
    pub partition: Partition,
    /// What is committed now; `None`: nothing.
    pub found: Option<Offset>,
    /// Where the last commit of the job has come to.
    pub next: Offset,
}
