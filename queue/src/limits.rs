//! Every bound of this crate, each with its reason.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Longest message in bytes, key and value together. A foreign 10 MB payload must still fit, so
/// that it becomes a dead letter and not a stopped producer; anything larger is a mistake.
pub const MESSAGE_BYTES: usize = 16 << 20;

/// Producers close a block at this size in bytes. Large enough that the cost of a row vanishes
/// (about 20,000 records of 50 bytes), small enough that a reader holds little.
pub const BLOCK_BYTES: usize = 1 << 20;

/// A batch is fetched up to this many bytes (at least one block, however large): what one slot
/// decodes in about a millisecond of work, so that commits and stops are never far away.
pub const BATCH_BYTES: usize = 2 << 20;

/// Blocks of this many bytes and more are read from the file's pages right into their batch. What
/// that takes to begin is more than copying a shorter one again.
pub const READ_IN_PLACE_BYTES: usize = 64 << 10;

/// A snapshot is stored in chunks of at most this many bytes, so that no single commit is long.
pub const CHUNK_BYTES: usize = 512 << 10;

/// Newest checkpoints kept per partition. They hold the log: recovery can fall back ten times.
pub const CHECKPOINTS_NEWEST: usize = 10;

/// Hours of which the newest checkpoint is kept, where one was made: a day of going back.
pub const CHECKPOINTS_HOURLY: usize = 24;

/// Days of which the newest checkpoint is kept: a mistake is seen within a week.
pub const CHECKPOINTS_DAILY: usize = 7;

/// Names of checkpoints in a store. Each keeps a whole state of every partition until a person
/// deletes it, so there must be an end.
pub const CHECKPOINT_NAMES: usize = 100;

/// How long taking a store waits for a lock: whoever only looks whether it is owned holds it for an
/// instant.
pub const LOCK_WAIT: Duration = Duration::from_millis(200);

/// Producers remembered per partition, newest kept: a retry is recognised as long as fewer than
/// this many other producers have written since.
pub const PRODUCERS_KEPT: usize = 10_000;

/// Longest name of a topic or group: they become file names and keys.
pub const NAME_BYTES: usize = 100;

/// Partitions of a topic: each costs one engine and one row per commit.
pub const PARTITIONS: u32 = 4_096;

/// First pause of a reader that found nothing: what it adds to the latency of a busy log.
pub const READ_PAUSE_MIN: Duration = Duration::from_millis(1);

/// Longest pause of a reader that finds nothing: 200 cheap questions a second keep an idle
/// process below 1 % of a core, and nobody sees five milliseconds.
pub const READ_PAUSE_MAX: Duration = Duration::from_millis(5);

/// Pages of a SQLite queue: a block of a megabyte is a chain of 32 and not of 256, and a small
/// append, which writes about five pages, still writes little.
pub const QUEUE_PAGE_BYTES: usize = 32 << 10;

/// Pages of a SQLite store: many small commits, each of which writes about six pages.
pub const HOME_PAGE_BYTES: usize = 8 << 10;

/// Page cache of each SQLite connection: holds the pages of one large append.
pub const SQLITE_CACHE_BYTES: usize = 16 << 20;

/// Prepared statements kept per SQLite connection: more than we have.
pub const SQLITE_STATEMENTS: usize = 64;

/// With less space than this a disk is as good as full: the WALs of queue and store at their largest.
pub const DISK_FULL_BYTES: u64 = 2 * WAL_BYTES;

/// With less space than this somebody should look.
pub const DISK_LOW_BYTES: u64 = 2 << 30;

/// How long a write waits for another process to let go of a queue file: longer than a checkpoint of
/// the WAL takes and than it needs to get a turn beside a few other producers. Callers try again.
pub const QUEUE_BUSY_WAIT: Duration = Duration::from_secs(1);

/// The same for a store, which has one owner. Its slots may wait one after the other, and a stop must
/// still be possible within five seconds.
pub const HOME_BUSY_WAIT: Duration = Duration::from_millis(300);

/// The WAL goes back into its SQLite file when it has this many bytes: some appends of a megabyte,
/// so that the fsyncs it costs vanish.
pub const WAL_CHECKPOINT_BYTES: usize = 16 << 20;

/// When readers kept the WAL from starting over until it has this many bytes, the writer waits
/// for them.
pub const WAL_BYTES: u64 = 64 << 20;

/// How long the writer then waits for readers, and how long it writes on before the next try.
pub const WAL_WAIT: Duration = Duration::from_millis(200);

/// Blocks that retention deletes in one transaction, so that nobody waits long for it.
pub const RETAIN_BLOCKS: usize = 64;

/// First and longest pause between tries of something that may pass. Whoever is back is found within
/// the longest, and is not troubled by one question in that time.
pub const BACKOFF: RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_millis(500);

/// A sleep wakes up this often to see whether it was told to stop.
pub const NAP: Duration = Duration::from_millis(50);

/// How long opening a cluster waits for any broker: a start must not hang on a wrong address.
pub const KAFKA_OPEN_WAIT: Duration = Duration::from_secs(10);

/// A question to a Kafka cluster is asked again for this long when what failed may pass: one
/// question that was not answered in time is no reason to give up.
pub const KAFKA_PATIENCE: Duration = Duration::from_secs(30);

/// After so long a question that is asked again and again is worth a word.
pub const KAFKA_SILENCE: Duration = Duration::from_secs(3);

/// How long a question to a cluster may take. Longer than an election; callers try again.
pub const KAFKA_WAIT: Duration = Duration::from_secs(8);

/// How long a running slot waits for the end of a log: its commits and a stop wait as long.
pub const KAFKA_END_WAIT: Duration = Duration::from_secs(1);

/// How long a commit waits for a broker that gave librdkafka its messages. One that is gone would stop
/// the job; after this, and once more, what it gave is read again from another one. The doctor waits as
/// long for a broker's settings.
pub const KAFKA_BROKER_WAIT: Duration = Duration::from_secs(2);

/// Messages that topics of a store must take: dead letters of 900 KiB and chunks of 512 KiB with
/// what comes around them. It is Kafka's own default.
pub const KAFKA_OUTPUT_BYTES: usize = 1_048_588;

/// Longest message of a commit, as its client counts it: below [`KAFKA_OUTPUT_BYTES`], since that
/// counts a whole batch.
pub const KAFKA_COMMITTED_BYTES: usize = 1_000_000;

/// How long one call waits for appended messages to be durable before it says that the cluster is
/// busy. The messages stay on their way; the same call goes on waiting for them.
pub const KAFKA_APPEND_WAIT: Duration = Duration::from_secs(2);

/// How often a producer notes in the cluster how far it has come: what a repeated run reads again
/// to find where it was.
pub const KAFKA_NOTE_EVERY: Duration = Duration::from_secs(1);

/// How long reading back a job waits for a transaction of a worker that is gone: brokers end it
/// after [`KAFKA_TRANSACTION_TIMEOUT`], and look for such every 10 s.
pub const KAFKA_SETTLE_WAIT: Duration = Duration::from_secs(25);

/// Brokers abort a transaction that takes longer. Shorter than a session, so that whoever takes over
/// a partition finds nothing open.
pub const KAFKA_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(6);

/// How long a message of a transaction is tried. Below the transaction's own.
pub const KAFKA_MESSAGE_TIMEOUT: Duration = Duration::from_secs(4);

/// How long one call of a transaction waits for its answer.
pub const KAFKA_TRANSACTION_WAIT: Duration = Duration::from_secs(8);

/// A member that says nothing for so long is taken for gone and its partitions go to others.
pub const KAFKA_SESSION_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of messages asked of one partition at once: a batch of ours is filled by two.
pub const KAFKA_PARTITION_BYTES: i32 = 1 << 20;

/// Bytes of messages asked of one broker at once. Two such answers of each broker are held at most; more
/// is not faster.
pub const KAFKA_ANSWER_BYTES: i32 = 2 << 20;

/// Longest answer that is read: one batch is given whatever was asked for. As long as librdkafka takes
/// (`receive.message.max.bytes`).
pub const KAFKA_FRAME_BYTES: usize = 100_000_000;

/// An answer's memory grows by at most this many bytes ahead of what has arrived.
pub const KAFKA_READ_AHEAD_BYTES: usize = 1 << 20;

/// Memory that was needed for more than this is not kept for the next answer: one with a long message
/// comes rarely.
pub const KAFKA_SPARE_BYTES: usize = 4 << 20;

/// Longest batch once it is unpacked: some messages of the longest that there are, and what a batch of a
/// megabyte may be that hardly says anything.
pub const KAFKA_UNPACKED_BYTES: usize = 64 << 20;

/// How often a wait for sent messages looks whether they have arrived: well below what a broker takes
/// for that, and a thousandth of a core.
pub const KAFKA_LISTEN: Duration = Duration::from_micros(300);

/// A transactional id that was fenced so often, one time after the other, belongs to someone else;
/// less often it was a transaction that took too long.
pub const KAFKA_FENCED_TIMES: u32 = 3;

/// How many partitions are asked for at once. Each takes a client of its own for a few ms.
pub const KAFKA_ASKED_AT_ONCE: usize = 8;
