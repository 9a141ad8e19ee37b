//! Every limit of this crate, each with its reason.

use std::ops::RangeInclusive;
use std::time::Duration;

use seismic_queue::RetryPolicy;

/// Written rows become durable at the latest this long after the first of them, unless the option
/// `flush_ms` says otherwise. Four times a second costs a disk little and keeps what a crash writes
/// again small.
pub const FLUSH_EVERY: Duration = Duration::from_millis(250);

/// Longest single wait for rows, so that a stop is seen soon, and the end of a drain, which waits
/// for its sinks. Readers of stores look every few milliseconds anyway.
pub const READ_WAIT: Duration = Duration::from_millis(10);

/// How often a sink that writes nothing for a while looks whether it is to write again: it is held
/// for seconds at least, and an order to stop wakes it.
pub const HELD_LOOK: Duration = Duration::from_millis(50);

/// Longest wait for the next rows of a topic when a sink is compared with it: brokers that restart
/// have answered by then.
pub const COMPARE_PATIENCE: Duration = Duration::from_secs(60);

/// First and longest pause after a failure that may pass. Nothing waits for a sink, so it may try
/// less often than a store; a disk that has space again is still noticed soon.
pub const PAUSES: RangeInclusive<Duration> = Duration::from_millis(50)..=Duration::from_secs(2);

/// How a sink that failed is retried.
pub(crate) fn retry_policy() -> RetryPolicy {
    RetryPolicy { what: "sink", pauses: PAUSES, ..RetryPolicy::default() }
}

/// A CSV file is closed once it is at least this long, in bytes, unless the option `file_bytes`
/// says otherwise: a spreadsheet still opens it. A file is longer by at most one batch.
pub const CSV_FILE_BYTES: u64 = 64 << 20;

/// Longest commit file that is read, in bytes: 4,096 partitions of 80 bytes each, and as much
/// again.
pub const COMMIT_FILE_BYTES: u64 = 640 << 10;

/// After a stop, sinks may still write what is committed for this long; twice as long after it, one
/// that hangs in a call is abandoned.
pub const STOP_PATIENCE: Duration = Duration::from_millis(1_500);

/// Longest wait for a database to take a connection: a network that drops packets answers nothing.
pub const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// A connection to a database is given up when what was sent is not acknowledged for that long. One
/// that waits for its answer for that long asks whether the server still answers anyone.
pub const SILENT_PATIENCE: Duration = Duration::from_secs(30);

/// Longest wait for the end of one statement of a server that answers others: sorting a table of
/// some hundred million rows takes less.
pub const STATEMENT_PATIENCE: Duration = Duration::from_secs(30 * 60);

/// Longest wait for a table that is read as a whole: one of 200,000 rows takes a second.
pub const TABLE_PATIENCE: Duration = Duration::from_secs(60);

/// Longest wait of those who only look at a database, as `seismic status` does for each sink.
pub const LOOK_PATIENCE: Duration = Duration::from_secs(3);

/// Longest wait for the end of a connection that was ended: nothing depends on it.
pub const GOODBYE_PATIENCE: Duration = Duration::from_secs(1);

/// How often whoever waits for the opening of a sink looks for a stop.
pub const STOP_LOOK_EVERY: Duration = Duration::from_millis(10);

/// A connection that nothing was heard from for that long is asked whether it still stands.
pub const KEEPALIVE: Duration = Duration::from_secs(10);

/// Longest wait for the session of a sink that was killed to be gone from its database: one of a
/// machine that is lost goes when the server's keepalives were not answered for 25 s.
pub const TURN_PATIENCE: Duration = Duration::from_secs(30);

/// How often it is looked for.
pub const TURN_EVERY: Duration = Duration::from_millis(50);

/// A sink that failed for what a person must mend is opened again so often: a full partition, a
/// password or a table is mended within minutes, and no one has to start the job again.
pub const OPEN_AGAIN_EVERY: Duration = Duration::from_secs(15);

/// Rows of one transaction that a database may refuse for their content before the sink stops even
/// where such rows are kept apart: then the table does not fit, and each takes a transaction of its
/// own to find.
pub const REFUSED_ROWS: usize = 100;

/// Transactions of each of several connections after which a sink waits for all of them, so that their
/// positions are known to the store: a second of a fast database.
pub const TRANSACTIONS_AHEAD: usize = 64;

/// Rows that a sink may pass over, and the bytes of each one's reason: together they fit one state
/// of a sink in every store. More is no accident of single rows.
pub const SKIPPED_ROWS: usize = 1_000;
/// See [`SKIPPED_ROWS`].
pub const SKIP_REASON_BYTES: usize = 96;

/// Keys of a Redis or HBase sink that a comparison holds in memory, each with its last row: some hundred
/// bytes, and what [`COMPARED_BYTES`] bounds.
pub const KEYS_COMPARED: usize = 1_000_000;

/// Names and values of these keys that a comparison holds in memory, in bytes: lists and sets grow
/// with every row.
pub const COMPARED_BYTES: usize = 1 << 30;

/// Counters that an HBase sink remembers, each some hundred bytes: others are read before they are raised.
pub const COUNTERS_KNOWN: usize = 100_000;

/// Sensors of a map: some hundred MB of memory and a file that no map shows.
pub const MAP_SENSORS: usize = 100_000;

/// Lines that wait for their server at most, in bytes, and one batch more.
pub const LINES_BYTES: usize = 4 << 20;

/// What is read of an answer about documents, in bytes: the refusals of 100,000 of them, or a page
/// of long ones.
pub const DOCUMENTS_ANSWER_BYTES: u64 = 256 << 20;

/// Indices that a sink remembers to be as they should: one of an hour for a year.
pub const INDICES_KNOWN: usize = 10_000;

/// What is read of a server's refusal, in bytes.
pub const ANSWER_BYTES: u64 = 4 << 10;

/// Differences that a comparison keeps; the others are counted.
pub const DIFFERENCES_SHOWN: usize = 10;

/// Windows with several rows that a comparison adds up: about 300 MB.
pub const MERGED_WINDOWS: usize = 1_000_000;
