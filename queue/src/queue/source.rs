//! Reading partitions as a member of a job.

use std::time::Duration;

use crate::{Batch, Event, FencingToken, Offset, Partition, Result};

/// Reads partitions as a member of a job, for one slot.
///
/// Order within a partition is the log's; nothing is skipped and nothing comes twice after
/// [`Source::start`]. Partitions take turns, so none starves. No method has a default, so that a
/// wrapper cannot forget to forward one.
pub trait Source: Send {
    /// Waits up to `wait` for something to say. Batches are filled into memory taken from `spare`.
    ///
    /// # Errors
    /// [`Error::OffsetGone`](crate::Error::OffsetGone) when retention deleted what is next.
    fn poll(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event>;

    /// Answers [`Event::Assigned`]: read on from these offsets. May be called again to go back, and
    /// where one process has all partitions, for those that another of its sources has released.
    /// Others stay where they are.
    fn start(&mut self, at: &[(Partition, Offset)]) -> Result<()>;

    /// Answers [`Event::Revoked`], after the last commit for these partitions is settled. Nothing
    /// of them comes any more.
    fn release(&mut self, partitions: &[Partition]) -> Result<()>;

    /// Fetches no more of these partitions, which stay assigned, until [`Source::resume`]. What was
    /// fetched before may still come.
    fn pause(&mut self, partitions: &[Partition]) -> Result<()>;

    /// Fetches these again. Everything before these offsets has come, and nothing after them.
    fn resume(&mut self, at: &[(Partition, Offset)]) -> Result<()>;

    /// The log's end of each of these partitions, asked now and in one request where that is
    /// possible: everything appended before the call lies below it. In their order.
    fn ends(&mut self, partitions: &[Partition]) -> Vec<Result<Offset>>;

    /// Age of the oldest append that may have its time already and is not visible yet, asked now
    /// and without waiting. Zero where messages become visible at the moment of their time.
    fn in_flight(&mut self) -> Result<Duration>;

    /// What a commit must show to prove that this source still owns its partitions.
    fn fencing_token(&self) -> FencingToken;

    /// Whether the partitions were taken away already; [`Event::Lost`] says so too, but later.
    fn is_lost(&mut self) -> bool;
}

/// One slot of one worker, among several workers that share a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name of the group.
    pub group: String,
    /// Name of the slot: whoever has it next takes over from whoever had it before.
    pub slot: String,
    /// Whether a person gave it that name. Then the group keeps its partitions for it while it is
    /// gone for less than a session; else they go to others as soon as it leaves.
    pub is_named: bool,
    /// How many slots its worker has, which begin together.
    pub slots: usize,
    /// Whether one member of the group reads all partitions, and the others wait for its end.
    pub takes_all: bool,
}

/// A slot at work, as the group that shares a job sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// Name of the slot, or what the client calls itself.
    pub slot: String,
    /// What the group calls it: another one each time that it joins, unless the slot was named.
    pub member: String,
    /// Where it connects from.
    pub host: String,
    /// What it has of the job's input; nothing while the group moves partitions.
    pub partitions: Vec<Partition>,
}
