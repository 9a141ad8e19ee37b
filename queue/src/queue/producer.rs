//! Appending to a topic.

use crate::{Block, Partition, Result};

/// Appends messages.
///
/// `Ok` means durable, all of it; after an error nothing of the call was appended, or the outcome
/// is unknown. In both cases the same call may be repeated: messages are numbered per producer id
/// and partition, and those already there are recognised and not written twice, whatever the
/// block boundaries were. Offsets of a partition follow the order of calls.
pub trait Producer: Send {
    /// Appends all blocks in one durable act.
    ///
    /// # Errors
    /// [`Error::SequenceGap`](crate::Error::SequenceGap) when messages before `first_sequence`
    /// never arrived.
    fn append(&mut self, appends: &[Append<'_>]) -> Result<Appended>;

    /// Sequence number that the topic expects next from this producer id.
    fn next_sequence(&mut self, partition: Partition) -> Result<u64>;
}

/// Messages to append to one partition.
#[derive(Clone, Copy, Debug)]
pub struct Append<'a> {
    /// Where they go.
    pub partition: Partition,
    /// Number of the block's first message among all that this producer id ever sent to the
    /// partition, from 0, without gaps.
    pub first_sequence: u64,
    /// The messages.
    pub block: &'a Block,
}

/// What became of an [`Append`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Messages written now.
    pub written: u64,
    /// Messages that were there already, from an earlier try.
    pub recognised: u64,
}
