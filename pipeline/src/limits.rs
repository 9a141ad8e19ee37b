//! Every limit of this crate, each with its reason.

use std::time::Duration;

/// Longest sensor id in bytes. Network.station.location.channel codes have about 20; what is longer
/// is garbage, and ids are kept forever.
pub const SENSOR_ID_BYTES: usize = 256;

/// Most records in one packed message. A message is decoded whole before it has any effect, so
/// this bounds what one message can make the engine hold (about 5 MB) and emit.
pub const RECORDS_PER_MESSAGE: usize = 65_536;

/// Longest original kept in a dead letter, in bytes; the rest is named by length and SHA-256.
/// Leaves room below Kafka's default limit of 1 MiB a message.
pub const DEAD_LETTER_BYTES: usize = 900 << 10;

/// Window lengths in ms: from one sample of the fastest digitiser to one day.
pub const WINDOW_MS: std::ops::RangeInclusive<i64> = 1..=86_400_000;

/// Longest roll-up, ms: one day, as for windows; times within it take 4 bytes.
pub const ROLLUP_MS: i64 = 86_400_000;

/// Roll-ups of a job: each costs a sensor 100 bytes, and a topic.
pub const ROLLUPS: usize = 8;

/// Longest window with dedupe, ms: one bit per ms makes 7.5 kB for each open window of a sensor.
pub const DEDUPE_WINDOW_MS: i64 = 60_000;

/// Lateness and future guard in ms: up to 30 days of backfill.
pub const WAIT_MS: std::ops::RangeInclusive<i64> = 0..=30 * 86_400_000;

/// Event times that arithmetic on windows is proved for, ms since 1970 UTC: the years 1 to 9999.
/// Rules must lie within.
pub const EVENT_MS: std::ops::RangeInclusive<i64> = -62_135_596_800_000..=253_402_300_799_999;

/// Longest sampling interval that is distinguished, ms: an hour in µs still fits 32 bits. What
/// steps further was away.
pub const INTERVAL_MS: i64 = 3_600_000;

/// Open windows of one sensor. With the largest wait and the smallest window there could be
/// 2.6 billion; a sensor that needs more than this is rejected by reason and not by exhaustion.
pub const OPEN_WINDOWS_PER_SENSOR: usize = 100_000;

/// Memory kept for second windows of a partition's sensors, about 500 bytes each: two megabytes.
/// Where more have two windows open at once, the rest is asked for and given back.
pub const SPARE_WINDOWS: usize = 4_096;

/// Records of a sensor that wait for a confirmation of their time. Each is confirmed or given up by
/// the third record after it, so there are never that many.
pub const HELD_RECORDS: usize = 8;

/// Longest record that waits, bytes: twenty times what a sensor sends. A longer one is given up.
pub const HELD_RECORD_BYTES: usize = 4 << 10;

/// Bytes of a partition's records that wait; what comes beyond is given up. All of a network of
/// 100,000 sensors may come back after an outage.
pub const HELD_BYTES: u64 = 64 << 20;

/// Windows of a sensor that are open for late records at once; of more, the oldest is closed.
pub const LATE_WINDOWS: usize = 1_000;

/// How far apart a sensor's records may be for its clock to be known to step so far, ms.
pub const STRIDE_MS: i64 = 30 * 86_400_000;

/// Steps of clocks that are kept for the run to tell of: it names a few and counts the others.
pub const STEPS_TOLD: usize = 16;

/// How soon further clock steps are reported; each time later while they continue.
pub const STEPS_TOLD_EVERY: Duration = Duration::from_secs(1);

/// Sensors with irregular clocks that are named to who looks at a job; the others are counted.
pub const IRREGULAR_NAMED: usize = 1_000;

/// Cohorts of sensors to what an idle timeout brings: so finely it is known since when a sensor may
/// be silent. Twice as many at most, and those of earlier sizes.
pub const COHORTS: u64 = 16;

/// Fewest messages of a cohort: a burst after silence must not make one for each sensor.
pub const COHORT_MESSAGES: u64 = 4_096;

/// Output waiting for a commit, in bytes, at which a slot stops reading until the commit is done.
pub const WAITING_BYTES: usize = 16 << 20;

/// Rows of keyed outputs of a job that reads in step, in bytes, at which it commits, and stops
/// reading until the commit before is done. All that it reads goes through there: in larger portions
/// it goes through memory that no cache of a processor or of SQLite holds.
pub const PASSED_ON_BYTES: usize = WAITING_BYTES / 4;

/// Chunks of a snapshot that travel in one commit: 2 MiB delay the rows beside them by a few ms.
pub const CHUNKS_PER_COMMIT: usize = 4;

/// How often a running job looks whether a person asks for a checkpoint: soon enough that no one
/// waits for it, and ten cheap questions a second.
pub const SAVE_ASKED_EVERY: Duration = Duration::from_millis(100);

/// The same where workers share a job: each of them asks the cluster.
pub const SHARED_SAVE_ASKED_EVERY: Duration = Duration::from_secs(1);

/// A hold that keeps this many bytes of a topic beyond its policy is logged as a warning. Less is a
/// checkpoint interval of a busy job.
pub const PINNED_BYTES: u64 = 64 << 20;

/// A hold that keeps messages this much older than the policy allows, ms, is logged too.
pub const PINNED_AGE_MS: u64 = 3_600_000;

/// How often the same hold is logged again.
pub const PINNED_TOLD_EVERY: Duration = Duration::from_secs(600);

/// Partitions that `verify` proves at once. Much of a proof waits for answers of brokers or a disk;
/// each has the state of a partition in memory, as the slots of a job have that of all.
pub const PROVED_AT_ONCE: usize = 4;

/// What its threads may have told before it is heard: few, since each says how far it is once a
/// batch.
pub const PROVED_TOLD: usize = 64;

/// How often it is looked how many slots are wanted. Whoever says so wakes who looks.
pub const SLOTS_LOOKED_AT_EVERY: Duration = Duration::from_secs(1);

/// How often a source is asked for the log's end.
pub const END_ASKED_EVERY: Duration = Duration::from_millis(250);

/// How far a repartition reads one partition ahead of the slowest, ms of append time, whatever
/// event times say: a backlog is published within that, partition by partition, and what was
/// appended later than that was measured later.
pub const AHEAD_OF_SLOWEST_MS: i64 = 60_000;

/// Bytes of a message of an internal topic that holds several records: about a hundred of them,
/// which leaves a fiftieth of what a message costs to each. Whoever looks at the newest messages of
/// a topic reads no more for that than of packs of foreign producers. A longer one is refused, so it
/// may only grow while topics hold some.
pub const PACK_BYTES: usize = 4 << 10;

/// Longest record that shares such a message, bytes: three times what a sensor sends. Longer ones
/// save nothing.
pub const PACKED_RECORD_BYTES: usize = 1 << 10;

/// How often the first step of a job that repartitions its input is asked how far it is.
pub const FIRST_STEP_ASKED_EVERY: Duration = Duration::from_millis(100);

/// How often a worker that has done its part of a bounded run asks how far the others are.
pub const OTHERS_ASKED_EVERY: Duration = Duration::from_millis(250);

/// Longest single wait for the outcome of a commit, after which the slot looks at its stop again.
pub const OUTCOME_WAIT: Duration = Duration::from_millis(500);

/// After a stop was asked for, how long a last commit is still retried. Stopping must be over in
/// 5 s, and a try that finds a file busy takes a while itself.
pub const STOP_PATIENCE: Duration = Duration::from_millis(1_500);

/// What a run of one of several inputs counts for, bytes: so much output that waits makes a commit
/// due, so that an input that takes turns with another cannot fill the memory with its turns.
pub const RUN_BYTES: usize = 64;

/// How often it is asked whether a sensor's records in several partitions lie close together.
pub const SPREAD_ASKED_EVERY: Duration = Duration::from_millis(250);

/// Sensors in several partitions that are looked at until it is known whether they are spread. A
/// producer without keys spreads all of them, and a few names are enough to find it.
pub const SPREAD_CANDIDATES: usize = 1_000;

/// Sensors named in one notice; the others are counted.
pub const NAMED_IN_NOTICE: usize = 3;

/// A transaction of the input that is open for that long hangs: that of a producer that works takes
/// moments.
pub const HELD_BACK: std::time::Duration = std::time::Duration::from_secs(5);

/// How often a running job repeats a notice that still holds.
pub const NOTICE_AGAIN_EVERY: Duration = Duration::from_secs(60);

/// How long a sensor in several partitions is watched before it is said to have moved: while a
/// backlog is read, one partition may be far behind another.
pub const MOVED_AFTER: Duration = Duration::from_secs(10);

/// Sensors compared over partitions by who looks at a job's state: what is beyond is not looked at.
pub const SENSORS_COMPARED: usize = 2_000_000;

/// Newest rows of each partition that are compared when sensors seem to have moved.
pub const ROWS_COMPARED: u64 = 2_000;

/// Keys of rows held at once when `verify` compares those of spread sensors over all partitions:
/// about
/// 64 MiB. Where there are more rows, the topics are read several times.
pub const SPREAD_KEYS: usize = 1 << 20;

/// Spread sensors that a report names; all are counted.
pub const SPREAD_NAMED: usize = 100;

/// A run warns when a sensor or the job loses more than this share of its records to one reason,
/// in percent.
pub const LOST_PERCENT: u64 = 5;

/// Fewest records that are no chance.
pub const FEWEST_LOST: u64 = 10;

/// The same where nothing else came: a station that sends a record every ten seconds is heard, too.
pub const FEWEST_LOST_OF_ALL: u64 = 3;

/// Dead letters and rows of one commit and partition that are counted one by one; of more, every
/// n-th is: some microseconds for each commit.
pub const LOSSES_SAMPLED: usize = 512;

/// Sensors of which losses are counted, 100 bytes each; others count for the job.
pub const LOSING_SENSORS: usize = 10_000;

/// How often it is asked what is lost.
pub const LOSSES_JUDGED_EVERY: Duration = Duration::from_secs(2);

/// After this the count begins again, so that what was well before does not hide what is lost now.
pub const LOSSES_COUNTED_FOR: Duration = Duration::from_secs(60);

/// Newest dead letters and rows of each partition that are compared by who looks at a job from
/// outside.
pub const LETTERS_COMPARED: u64 = 500;

/// How long a running job waits for a topic of a further input that nobody knows any more when it is opened
/// again. RocketMQ's brokers tell nameservers of their topics every 30 s.
pub const TOPIC_KNOWN_AGAIN: Duration = Duration::from_secs(60);
