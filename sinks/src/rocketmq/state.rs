//! What only the store can remember of the sink: the place of the last row that is known to be in each
//! queue, and the epoch taken last.

use std::sync::Arc;

use seismic_queue::{JobStore, Offset, Partition};

use crate::{Error, Result};

/// Noted positions lie this far up, beyond any row, so that they hold nothing of the result topic.
const BEYOND: u64 = 1 << 62;

/// The store's notes of one sink.
pub(super) struct State {
    store: Arc<dyn JobStore>,
    /// Name of the sink.
    sink: String,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("State").field(&self.store.name()).field(&self.sink).finish()
    }
}

impl State {
    pub(super) fn of(store: &Arc<dyn JobStore>, sink: &str, _topic: &str) -> Self {
        State { store: Arc::clone(store), sink: sink.to_owned() }
    }

    /// Row of the result topic that the sink has not made durable yet, as the store knows it.
    pub(super) fn position(&self, partition: Partition) -> Result<Option<Offset>> {
        self.look(&self.sink, partition)
    }

    /// Place in the queue of the last row that was known to be there.
    pub(super) fn last(&self, partition: Partition) -> Result<Option<Offset>> {
        let noted = self.look(&self.last_name(), partition)?;
        Ok(noted.and_then(|at| at.0.checked_sub(BEYOND)).map(Offset))
    }

    /// Notes where the last row of each queue is.
    pub(super) fn put_last_rows(&self, last: &[(Partition, Offset)]) -> Result<()> {
        let beyond = |&(partition, at): &(Partition, Offset)| (partition, Offset(at.0 + BEYOND));
        let last: Vec<_> = last.iter().map(beyond).collect();
        Ok(self.store.put_sink_position(&self.last_name(), &last)?)
    }

    /// A new epoch: above `seen`, above all taken before, and noted before it is used.
    ///
    /// # Errors
    /// [`Error::Overtaken`] when another writer took a newer one than `ours`.
    pub(super) fn next_epoch(
        &self,
        partition: Partition,
        seen: u64,
        ours: Option<u64>,
    ) -> Result<u64> {
        let noted = self.look(&self.epoch_name(), partition)?;
        let noted = noted.map_or(0, |at| at.0.saturating_sub(BEYOND));
        if let Some(ours) = ours.filter(|&ours| ours < noted) {
            let sink = self.sink.clone();
            return Err(Error::Overtaken { sink, ours, theirs: noted });
        }
        let epoch = noted.max(seen) + 1;
        self.store.put_sink_position(&self.epoch_name(), &[(partition, Offset(epoch + BEYOND))])?;
        Ok(epoch)
    }

    fn last_name(&self) -> String {
        format!("{}#last", self.sink)
    }

    fn epoch_name(&self) -> String {
        format!("{}#epoch", self.sink)
    }

    fn look(&self, sink: &str, partition: Partition) -> Result<Option<Offset>> {
        let sinks = self.store.view()?.sinks;
        let its = sinks.into_iter().find(|at| at.sink == sink && at.partition == partition);
        Ok(its.map(|at| at.next))
    }
}
