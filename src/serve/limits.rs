//! Every bound of the server, each with its reason.

use std::time::Duration;

/// A worker that ran this long ran well: pauses between restarts begin anew.
pub const RAN_WELL: Duration = Duration::from_secs(60);

/// How long a worker may take to make its last commits; on a broker it may have to wait for what
/// became of one. What is not committed then is read again by the next start.
pub const STOP_PATIENCE: Duration = Duration::from_secs(60);

/// How often a worker is asked what it does: the finest step of the history.
pub const REPORT_EVERY: Duration = Duration::from_secs(1);

/// How long a worker may take to answer. It answers from memory; a machine that swaps may need this.
pub const ANSWER_PATIENCE: Duration = Duration::from_secs(5);

/// A worker that has not answered this long is in trouble.
pub const SILENCE: Duration = Duration::from_secs(15);

/// Longest line of the protocol between server and worker, in bytes: a report of 1,000 partitions
/// is 200 KiB.
pub const LINE_BYTES: u64 = 4 << 20;

/// State changes kept for each job: ten restarts an hour for a day.
pub const TRANSITIONS: usize = 1_000;

/// Jobs of one server: each is a process with threads for its partitions.
pub const JOBS: usize = 200;

/// Bytes of the logs of one worker before the file is replaced.
pub const LOG_BYTES: u64 = 16 << 20;

/// Log files kept for each job, the one being written included.
pub const LOG_FILES: usize = 5;

/// Rows of one-second history: an hour.
pub const HISTORY_S: i64 = 3_600;

/// Rows of one-minute history: a week.
pub const HISTORY_MIN: i64 = 7 * 24 * 60;
