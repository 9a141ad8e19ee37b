//! Storing the positions of one sink.

use super::offsets::GroupOffsets;
use seismic_queue::Topic;

/// The topic whose rows the sink shows, and the group that has its positions.
pub(crate) struct SinkOffsets {
    pub(crate) rows: Topic,
    pub(crate) offsets: GroupOffsets,
}
