//! Bounds of a trial, each with its reason: everything is held in memory at once.

use std::time::Duration;

/// Messages of the input. With what comes of them they take about a gigabyte.
pub const MESSAGES: u64 = 2_000_000;

/// Bytes of these messages: large ones are not more of them.
pub const MESSAGE_BYTES: u64 = 512 << 20;

/// Records in them: so many samples of packed messages are as many as a day of a small network.
pub const RECORDS: u64 = 20_000_000;

/// Bytes of a file of expected rows: a million rows.
pub const EXPECTED_BYTES: u64 = 256 << 20;

/// Differences that are told one by one: who sees these knows enough to look further.
pub const DIFFERENCES_SHOWN: usize = 20;

/// Differences that are kept, for programs.
pub const DIFFERENCES_KEPT: usize = 1_000;

/// Pairs of rows of one key that are compared for the one that is equal: enough for all panes of a
/// window, and few enough that files without sensors and windows are compared in seconds. Beyond
/// that, rows that are the same to the bit are found, and the others are taken in their order.
pub const PAIRS: usize = 4_096;

/// How long the end of a topic is waited for while nothing comes: transactions that are under way
/// end within seconds, and those that hang within hours.
pub const END_PATIENCE: Duration = Duration::from_secs(60);

/// Bytes of messages that are put into the queue at once.
pub const BLOCK_BYTES: usize = 256 << 10;
