//! The seam of a sink: something that shows the rows of a result topic.

use seismic_queue::{Batch, Offset, Span};

use crate::Result;

/// Takes committed rows in order and remembers, where the rows are, how far it has come.
///
/// * **Order.** [`Sink::recover`] comes first. Then batches of each partition come in offset order,
///   each from where the one before ended; partitions take turns.
/// * **Durability.** What was written before a [`Sink::sync`] that returned `Ok` is there, once,
///   after any crash. What was written after it may be there or not; the next
///   [`Sink::recover`] removes it or counts it in, so that writing on from the answer shows every
///   row exactly once. A sink that cannot promise this says so, and
///   [`Sink::keeps_position`] is `false`.
/// * **Retries.** After an error of kind `Retry` nothing of that call was kept and the same call may
///   be repeated. After any other error the sink is dropped; a new one recovers.
/// * **Threads.** One thread at a time; calls block, for as long as they must: the job does not wait.
pub trait Sink: Send {
    /// What to call it in messages and positions: the same whenever the same place is opened.
    fn name(&self) -> &str;

    /// Repairs what a crash left and says where each partition goes on, in order of partitions.
    /// `rows` is what the result topic holds now, so that a new sink can choose where to begin.
    ///
    /// # Errors
    /// When rows it had made durable are missing, or when it holds rows of another store.
    fn recover(&mut self, rows: &[Span]) -> Result<Vec<Offset>>;

    /// Takes the rows of a batch.
    ///
    /// # Errors
    /// [`Error::Row`](crate::Error::Row) when a message is not a row: nothing of the batch is kept.
    fn write(&mut self, rows: &Batch) -> Result<()>;

    /// Makes everything written so far durable, together with the position after it.
    ///
    /// # Errors
    /// See the trait; an error while flushing to the disk is never one that may be retried.
    fn sync(&mut self) -> Result<()>;

    /// Whether [`Sink::recover`] finds the position again. If so, retention waits for this sink.
    fn keeps_position(&self) -> bool {
        true
    }
}
