//! The seam of a sink: something that shows the rows of a result topic.

use seismic_queue::{Fingerprint, Offset, Partition, Span};

use crate::{Result, Rows};

/// Takes committed rows in order, and keeps its position where the rows are.
///
/// * **Order.** [`Sink::recover`] comes first. Then the rows of each partition come in offset
///   order, each call from where the one before ended; partitions take turns.
/// * **Durability.** What was written before a [`Sink::sync`] that returned `Ok` is there, once,
///   after any crash. What was written after it may be there or not; the next
///   [`Sink::recover`] removes it or counts it in, so that writing on from its answer shows every
///   row exactly once. A sink that cannot promise this returns `false` from
///   [`Sink::keeps_position`].
/// * **Retries.** After an error of kind `Retry` nothing of that call was kept and the same call
///   may be repeated. After any other error the sink is dropped; a new one recovers. After
///   [`Error::RowRefused`](crate::Error::RowRefused) it may instead recover itself, and continues
///   without that row.
/// * **Threads.** One thread at a time. Calls block for as long as they must: the job does not
///   wait.
pub trait Sink: Send {
    /// Its name in messages and positions: the same whenever the same place is opened.
    fn name(&self) -> &str;

    /// Repairs what a crash left and returns the next row of each partition, in order of
    /// partitions. `rows` is what the result topic holds now, so that a new sink can choose where
    /// to begin.
    ///
    /// # Errors
    /// When rows that it had made durable are missing, or when it holds rows of another store.
    fn recover(&mut self, rows: &[Span]) -> Result<Vec<Offset>>;

    /// After [`Sink::recover`]: the last row that it has of each partition, in order of partitions,
    /// as far as it knows. The store must have the same rows there, or it was restored to an older
    /// state.
    fn last_rows(&self) -> Vec<Option<Fingerprint>> {
        Vec::new()
    }

    /// After [`Sink::recover`]: removes the rows of a partition from `first` on, which a rewind
    /// took back, and begins there again; `false` where it cannot remove rows.
    ///
    /// # Errors
    /// When that fails; then nothing was removed.
    fn take_back(&mut self, _partition: Partition, _first: Offset) -> Result<bool> {
        Ok(false)
    }

    /// Writes rows. There may be many calls between two [`Sink::sync`]s.
    ///
    /// # Errors
    /// Of kind `Data` when a row cannot be stored there.
    fn write(&mut self, rows: &Rows<'_>) -> Result<()>;

    /// After [`Sink::recover`]: a partition and the end of rows that are there and that the store
    /// has not shown yet. A sink whose store was restored to an older state compares them as they
    /// are recreated, when its target allows that.
    fn ahead(&self) -> Option<(Partition, Offset)> {
        None
    }

    /// Makes everything written so far durable, together with the position after it.
    ///
    /// # Errors
    /// See the trait; an error while flushing to the disk must never be of kind `Retry`.
    fn sync(&mut self) -> Result<()>;

    /// Whether [`Sink::recover`] finds the position again. If so, retention waits for this sink.
    fn keeps_position(&self) -> bool {
        true
    }
}
