//! Every limit of the server, each with its reason.

use std::time::Duration;

/// A worker that ran this long ran well: the backoff between restarts is reset.
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

/// Versions kept for each job: one a day for years.
pub const VERSIONS: u64 = 1_000;

/// Entries kept of the audit log: a hundred a day for years, in about 20 MB.
pub const AUDIT: u64 = 100_000;

/// Entries kept of what the guards refused: who guesses tokens makes ten a second of them, and these
/// tell that and when.
pub const AUDIT_REFUSALS: u64 = 1_000;

/// Characters kept of the name of a job in an entry: the path of a request can be as long as its
/// head.
pub const AUDIT_JOB: usize = 64;

/// Tokens that count at a time: each request is compared with all, which takes some microseconds.
pub const TOKENS: usize = 500;

/// Tokens kept that were withdrawn, the newest: their names are not used again.
pub const REVOKED_TOKENS: usize = 2_000;

/// Requests for tokens that wait at a time: a team asks for fewer in a month, and whoever fills them up
/// is seen by the admin at once.
pub const TOKEN_REQUESTS: usize = 50;

/// Requests for tokens a second, whoever asks: two people do not meet, and whoever wants more is none.
pub const TOKEN_REQUESTS_PER_S: u32 = 2;

/// How long a request for a token waits: what nobody looks at in a month nobody wants any more.
pub const TOKEN_REQUEST_WAITS: Duration = Duration::from_secs(30 * 86_400);

/// Requests for tokens kept that were decided, the newest.
pub const TOKEN_REQUESTS_DONE: usize = 200;

/// Characters of the name of a token.
pub const TOKEN_NAME: usize = 64;

/// How often it is stored when tokens were used: nobody asks more exactly, and each write is synced.
pub const TOKENS_USED_EVERY: Duration = Duration::from_secs(60);

/// Longest comment, in bytes.
pub const COMMENT_BYTES: usize = 1_000;

/// Bytes of one resource: as long as a table may be.
pub const RESOURCE_BYTES: u64 = 64 << 20;

/// Resources of one server: each job has a few.
pub const RESOURCES: u64 = 1_000;

/// Bytes of all contents of resources, also those that only versions have: sixteen of the largest.
pub const RESOURCES_BYTES: u64 = 1 << 30;

/// Resources that one test reads.
pub const TRIAL_INPUTS: usize = 16;

/// Bytes of all of them, packed or not: a few hundred thousand records, which take seconds. `seismic test` takes
/// more where somebody has time.
pub const TRIAL_BYTES: u64 = 64 << 20;

/// How long a test may take: the answer to its request is waited for a little longer.
pub const TRIAL_TIME: Duration = Duration::from_secs(12);

/// How often it is looked whether it is over.
pub const TRIAL_LOOK: Duration = Duration::from_millis(10);

/// Memory of its process: what the largest test takes that ends in its time.
pub const TRIAL_MEMORY: u64 = 1 << 30;

/// Rows of each topic, and dead letters, that are shown of it.
pub const TRIAL_ROWS: usize = 200;

/// Bytes of what it says: all rows, dead letters and differences that are shown, each of a kilobyte or two.
pub const TRIAL_SAID_BYTES: u64 = 8 << 20;

/// Jobs that have pinned a resource which are named.
pub const PINNED_BY: usize = 20;

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

/// How often the rows of a quiet topic are looked for, for alarms on them: a person notices no less.
pub const FOLLOW_EVERY: Duration = Duration::from_millis(200);

/// Pause before topics that could not be followed are retried.
pub const FOLLOW_AGAIN: Duration = Duration::from_secs(1);

/// How long topics may not be followed before that is said: those of a job that has just begun are made
/// with its first commit.
pub const FOLLOW_PATIENCE: Duration = Duration::from_secs(10);

/// How often it is said that messages of a followed topic are no rows: all of them may be none.
pub const REFUSED_EVERY: Duration = Duration::from_secs(60);

/// Rows of each partition before its end in which the newest one of a sensor is looked for.
pub const ROWS_BEFORE: u64 = 5_000;

/// How often the clocks of sensors are looked at: messages are read for it, and clocks drift slowly.
pub const CLOCKS_EVERY: Duration = Duration::from_secs(60);

/// How often it is stored how far rows are followed: as much of them is looked at again after a death.
pub const PLACES_EVERY: Duration = Duration::from_secs(5);

/// Fewer records in a minute say nothing about the share of dead letters.
pub const JUDGED_RECORDS: u64 = 100;

/// Samples kept of the scaling of each job, with their decisions: a day of one every 5 s.
pub const ELASTIC_ENTRIES: u64 = 17_280;

/// How often it is asked how many partitions the input of a job that is scaled has.
pub const PARTITIONS_EVERY: Duration = Duration::from_secs(60);

/// The same while it is not known.
pub const PARTITIONS_AGAIN: Duration = Duration::from_secs(2);

/// How much longer than its interval a sample waits for reports that are on their way.
pub const SAMPLE_WAITS: Duration = Duration::from_millis(1_500);

/// Alarms kept, of all jobs.
pub const ALARMS: usize = 10_000;

/// Deliveries kept that were given up, to be shown.
pub const UNDELIVERED: usize = 1_000;

/// Deliveries that may wait for one target: one that is back gets these, and no others gave way to it.
pub const WAITING: u64 = 1_000;

/// Changes of alarms that are kept while they cannot be stored, as on a full disk.
pub const UNSTORED: usize = 1_000;

/// How long a target may take.
pub const DELIVERY_TIME: Duration = Duration::from_secs(10);

/// How often a delivery is tried, over about an hour.
pub const DELIVERY_TRIES: u32 = 12;

/// Pause after the first try; it doubles with each further one ...
pub const DELIVERY_PAUSE: Duration = Duration::from_secs(2);

/// ... up to this.
pub const DELIVERY_PAUSE_MOST: Duration = Duration::from_secs(600);

/// How often deliveries that are due are looked for.
pub const DELIVER_EVERY: Duration = Duration::from_secs(1);

/// How often disks are looked at.
pub const DISK_EVERY: Duration = Duration::from_secs(10);

/// Free space of a disk below which there is an alarm, bytes.
pub const DISK_FREE_BYTES: u64 = 1 << 30;

/// The same in percent.
pub const DISK_FREE_PERCENT: u64 = 5;
