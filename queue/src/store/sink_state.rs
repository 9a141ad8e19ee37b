//! State of sinks in the store of their job: positions, and state of their own.

use crate::{Offset, Partition, Result};

/// What the sinks of a job keep in its store. Needs no lease.
pub trait SinkState {
    /// Stores how far a sink has come in the output at that place of the job, so that retention waits
    /// for it.
    ///
    /// # Errors
    /// [`Error::PartitionMissing`](crate::Error::PartitionMissing) where the output has no such
    /// partition.
    fn put_sink_position(
        &self,
        sink: &str,
        output: usize,
        at: &[(Partition, Offset)],
    ) -> Result<()>;

    /// Has retention keep rows of that output which the sink has written already, from these offsets
    /// on, should its server lose them: until it says otherwise, and with no offsets no longer. `false`
    /// where brokers decide how much is kept: then it does nothing.
    ///
    /// # Errors
    /// As [`SinkState::put_sink_position`].
    fn keep_for_sink(
        &self,
        sink: &str,
        output: usize,
        from: &[(Partition, Offset)],
    ) -> Result<bool>;

    /// Stores what a sink must remember besides its position and cannot keep where its rows are. It
    /// replaces what the sink stored under the same key, and is durable when this returns. What it
    /// means is the sink's business.
    ///
    /// # Errors
    /// [`Error::SinkStateTooLarge`](crate::Error::SinkStateTooLarge) beyond
    /// [`limits::SINK_STATE_BYTES`](crate::limits::SINK_STATE_BYTES).
    fn put_sink_state(&self, sink: &str, key: &str, state: &[u8]) -> Result<()>;

    /// What a sink stored last under a key.
    fn sink_state(&self, sink: &str, key: &str) -> Result<Option<Vec<u8>>>;
}
