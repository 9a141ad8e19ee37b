//! Outputs of a job: named topics in its store, written by its commits alone.

use super::LastRow;
use crate::{Block, Partition, Span};

/// One output of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputSpec {
    /// What the job calls it. The store gives it no meaning.
    pub role: String,
    /// Its topic, in the store.
    pub topic: String,
    /// Which partition a row goes to.
    pub partition_by: PartitionBy,
}

/// Which partition of an output a row goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionBy {
    /// That of the input that it was made of: the topic has as many partitions as the input, and
    /// each is written by one task alone.
    Input,
    /// Any: the job chooses it by the row's key, and tasks write to each other's partitions.
    Key {
        /// How many the topic has.
        partitions: u32,
    },
}

impl OutputSpec {
    /// An output that follows the partitions of the input.
    pub fn by_input(role: impl Into<String>, topic: impl Into<String>) -> Self {
        let (role, topic) = (role.into(), topic.into());
        OutputSpec { role, topic, partition_by: PartitionBy::Input }
    }

    /// An output whose rows go to one of `partitions` by their key.
    pub fn by_key(role: impl Into<String>, topic: impl Into<String>, partitions: u32) -> Self {
        let (role, topic) = (role.into(), topic.into());
        OutputSpec { role, topic, partition_by: PartitionBy::Key { partitions } }
    }

    /// Whether rows go to a partition by their key.
    #[must_use]
    pub fn is_keyed(&self) -> bool {
        matches!(self.partition_by, PartitionBy::Key { .. })
    }
}

/// Rows of one commit for one partition of a keyed output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedBlock {
    /// Place of the output in the job.
    pub output: usize,
    /// Partition of the output's topic.
    pub partition: Partition,
    /// The rows.
    pub rows: Block,
}

/// How many rows of one task a rewind takes out of one partition of a keyed output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyedCut {
    /// Place of the output in the job.
    pub output: usize,
    /// Partition of the output's topic.
    pub partition: Partition,
    /// How many: the last ones that the task wrote there.
    pub rows: u64,
}

/// One partition of an output, as a commit left it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputView {
    /// Offsets that are there.
    pub span: Span,
    /// Offsets that rewinds took out: nothing is there, nor will be.
    pub cuts: Vec<Span>,
    /// What the newest commit noted of it, where a topic may be restored without the positions.
    pub last: Option<LastRow>,
}

impl OutputView {
    /// Whether a rewind took out the message of that offset.
    #[must_use]
    pub fn is_cut(&self, offset: crate::Offset) -> bool {
        self.cuts.iter().any(|cut| cut.first <= offset && offset < cut.end)
    }
}
