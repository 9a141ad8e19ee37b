//! Every bound of this crate, each with its reason.

use std::time::Duration;

/// Written rows become durable at the latest this long after the first of them. Four times a
/// second costs a disk little and keeps what a crash writes again small.
pub const SYNC_EVERY: Duration = Duration::from_millis(250);

/// Longest single wait for rows, so that a stop is seen soon, and the end of a drain, which waits for
/// its sinks. Readers of stores look every few milliseconds anyway.
pub const READ_WAIT: Duration = Duration::from_millis(10);

/// First pause after a failure that may pass.
pub const PAUSE_MIN: Duration = Duration::from_millis(50);

/// Longest pause after failures that may pass: a disk that has space again is noticed soon.
pub const PAUSE_MAX: Duration = Duration::from_secs(2);

/// A CSV file is closed once it is at least this long, in bytes: a spreadsheet still opens it.
/// A file is longer by at most one batch.
pub const CSV_FILE_BYTES: u64 = 64 << 20;

/// Longest mark that is read, in bytes: 4,096 partitions of 21 bytes each, and as much again.
pub const MARK_BYTES: u64 = 256 << 10;
