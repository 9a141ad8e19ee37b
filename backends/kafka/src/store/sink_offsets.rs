//! Storing the positions of one sink.

use crate::group::offsets::GroupOffsets;
use seismic_queue::Topic;

/// The topic whose rows the sink shows, and the group that has its positions.
pub(super) struct SinkOffsets {
    pub(super) rows: Topic,
    pub(super) offsets: GroupOffsets,
}
