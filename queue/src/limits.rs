//! Every limit that all backends share, each with its reason.

use std::ops::RangeInclusive;
use std::time::Duration;

/// How long to wait for a file lock before another process counts as its owner. A child process
/// holds copies of its parent's locks between fork and exec, which takes a while on a busy machine.
pub const LOCK_WAIT: Duration = Duration::from_secs(1);

/// How often such a lock is tried.
pub const LOCK_POLL: Duration = Duration::from_millis(10);

/// Longest message in bytes, key and value together. A foreign 10 MB payload must still fit, so
/// that it becomes a dead letter and not a stopped producer; anything larger is a mistake.
pub const MESSAGE_BYTES: usize = 16 << 20;

/// Producers close a block at this size in bytes. Large enough that the cost of a row vanishes
/// (about 20,000 records of 50 bytes), small enough that a reader holds little.
pub const BLOCK_BYTES: usize = 1 << 20;

/// A batch is fetched up to this many bytes (at least one block, however large): what one slot
/// decodes in about a millisecond of work, so that commits and stops are never far away.
pub const BATCH_BYTES: usize = 2 << 20;

/// A snapshot is stored in chunks of at most this many bytes, so that no single commit is long.
pub const CHUNK_BYTES: usize = 512 << 10;

/// Newest checkpoints kept per partition where a job says nothing else. They hold the log: recovery
/// can fall back ten times.
pub const CHECKPOINTS_NEWEST: usize = 10;

/// How many newest checkpoints a job may have kept. With fewer than two nothing is left to fall back
/// to when the newest is damaged. Each is a whole state, and in Kafka all of them are listed with
/// every new one, so there must be an end.
pub const CHECKPOINTS_KEPT: RangeInclusive<usize> = 2..=100;

/// Hours of which the newest checkpoint is kept, where one was made: a day of going back.
pub const CHECKPOINTS_HOURLY: usize = 24;

/// Days of which the newest checkpoint is kept: a mistake is seen within a week.
pub const CHECKPOINTS_DAILY: usize = 7;

/// Names of checkpoints in a store. Each keeps a whole state of every partition until a person
/// deletes it, so there must be an end.
pub const CHECKPOINT_NAMES: usize = 100;

/// Names of checkpoints in a store that scaling has taken, beside those: the newest three are kept, and
/// some may be left by deletions that failed.
pub const CHECKPOINT_NAMES_OF_SCALING: usize = 12;

/// Longest state of a sink under one key, in bytes. The RocketMQ sink keeps a line of at most 26
/// bytes for each of [`PARTITIONS`], which is 104 KiB; in Kafka it is written twice as long, and
/// must fit a message of 1 MiB.
pub const SINK_STATE_BYTES: usize = 128 << 10;

/// Bytes of a version of a table: 100,000 rows of five columns. It is written in one transaction, for
/// which commits wait some tens of milliseconds.
pub const TABLE_BYTES: usize = 16 << 20;

/// Producers remembered per partition, newest kept: a retry is recognised as long as fewer than
/// this many other producers have written since.
pub const PRODUCERS_KEPT: usize = 10_000;

/// Longest name of a topic or group: they become file names and keys.
pub const NAME_BYTES: usize = 100;

/// Partitions of a topic: each costs one engine and one row per commit.
pub const PARTITIONS: u32 = 4_096;

/// First pause of a reader that found nothing: what it adds to the latency of a busy log.
pub const READ_PAUSE_MIN: Duration = Duration::from_millis(1);

/// Longest pause of a reader that finds nothing: 200 cheap questions a second keep an idle process
/// below 1 % of a core, and no one sees five milliseconds.
pub const READ_PAUSE_MAX: Duration = Duration::from_millis(5);

/// With less space than this a disk is as good as full: the WALs of queue and store at their
/// largest.
pub const DISK_FULL_BYTES: u64 = 128 << 20;

/// With less space than this someone should look.
pub const DISK_LOW_BYTES: u64 = 2 << 30;

/// How long who looks once asks again for what may pass: longer than a broker takes that is
/// restarted cleanly, and no longer than a person waits.
pub const LOOK_PATIENCE: Duration = Duration::from_secs(20);

/// First and longest pause between tries of something that may pass. Whoever is back is found
/// within the longest, and is not troubled by one question in that time.
pub const BACKOFF: RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_millis(500);

/// A sleep wakes up this often to see whether a stop was requested.
pub const NAP: Duration = Duration::from_millis(50);
