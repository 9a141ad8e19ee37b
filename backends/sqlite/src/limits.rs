//! Every limit of the SQLite backend, each with its reason.

use std::time::Duration;

/// Blocks of this many bytes and more are read from the file's pages right into their batch. What
/// that takes to begin is more than copying a shorter one again.
pub const READ_IN_PLACE_BYTES: usize = 64 << 10;

/// Blocks of this many bytes and more are written right into the file's pages, for the same reason.
pub const WRITE_IN_PLACE_BYTES: usize = 64 << 10;

/// Pages of a SQLite queue: a block of a megabyte is a chain of 32 and not of 256, and a small
/// append, which writes about five pages, still writes little.
pub const QUEUE_PAGE_BYTES: usize = 32 << 10;

/// Pages of a SQLite store: many small commits, each of which writes about six pages.
/// One whose job copies its input into an output, as keyed ones do, has those of a queue.
pub const STORE_PAGE_BYTES: usize = 8 << 10;

/// Page cache of each SQLite connection: holds the pages of one large append.
pub const CACHE_BYTES: usize = 16 << 20;

/// Prepared statements kept per SQLite connection: more than we have.
pub const STATEMENTS: usize = 64;

/// How long a write waits for another process to released a queue file: longer than a checkpoint of
/// the WAL takes and than it needs to get a turn beside a few other producers. Callers retry.
pub const QUEUE_BUSY_WAIT: Duration = Duration::from_secs(1);

/// The same for a store, which has one owner. Its slots may wait one after the other, and a stop must
/// still be possible within five seconds.
pub const STORE_BUSY_WAIT: Duration = Duration::from_millis(300);

/// The WAL goes back into its SQLite file when it has this many bytes: some appends of a megabyte,
/// so that the fsyncs it costs vanish.
pub const WAL_CHECKPOINT_BYTES: usize = 16 << 20;

/// How long a file has to have less in it than before, unchanged, until it is taken for another one: a
/// checkpoint that is under way writes all the time. Below what is between two looks of one job.
pub const DOUBT: Duration = Duration::from_millis(400);

/// When readers kept the WAL from starting over until it has this many bytes, the writer waits
/// for them.
pub const WAL_BYTES: u64 = 64 << 20;

/// How long the writer then waits for readers, and how long it writes on before the next try.
pub const WAL_WAIT: Duration = Duration::from_millis(200);

/// Blocks that retention, or the deletion of a topic, deletes in one transaction, so that no one waits
/// long for it.
pub const RETAIN_BLOCKS: usize = 64;

/// How long making a file waits for others that make the same one: many times what making takes.
pub const MAKE_WAIT: Duration = Duration::from_secs(10);

/// Pause between tries of making a file: about what making takes.
pub const MAKE_PAUSE: Duration = Duration::from_millis(10);
