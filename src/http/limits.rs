//! Every limit of the HTTP side, each with its reason.

use std::time::Duration;

/// Requests per second, probes aside: ten people and a scraper, and too few to be felt by the jobs.
pub const REQUESTS_PER_S: u32 = 100;

/// Connections at a time: a hundred that stay open, and as many that come and go.
pub const CONNECTIONS: usize = 200;

/// Connections beyond those that get an answer; more are closed without a word.
pub const REFUSALS: usize = 32;

/// Streams of events at a time: a hundred pages, which leaves as many connections for requests.
pub const STREAMS: usize = 100;

/// How often numbers are sent to pages.
pub const EVENT_EVERY: Duration = Duration::from_secs(1);

/// Bytes of a request's head: a browser's cookies of other programs on the same host fit.
pub const HEAD_BYTES: usize = 16 << 10;

/// Bytes of a request's body.
pub const BODY_BYTES: usize = 64 << 10;

/// Longest time to agree on keys: a few messages.
pub const TLS_TIME: Duration = Duration::from_secs(10);

/// Longest time for a request's head. It also ends connections that stay open unused.
pub const HEAD_TIME: Duration = Duration::from_secs(30);

/// Longest time from a request's head to the answer.
pub const ANSWER_TIME: Duration = Duration::from_secs(15);

/// Longest time in which a file comes that is uploaded: the largest one at 2 Mbit/s.
pub const UPLOAD_TIME: Duration = Duration::from_secs(270);

/// Files that come at a time: a developer who sends slowly keeps out only those who upload.
pub const UPLOADS: usize = 4;

/// Bytes of a file that are written, or read and sent, at a time.
pub const FILE_PIECE: usize = 256 << 10;

/// Longest life of a connection: no one keeps a place by reading slowly.
pub const CONNECTION_LIFE: Duration = Duration::from_secs(600);

/// How long answers under way may take when the server stops.
pub const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// Threads that look into stores.
pub const BLOCKING_THREADS: usize = 4;

/// What is read from numbers in memory is shared for that long.
pub const METRICS_SHARED: Duration = Duration::from_secs(1);

/// What is read from a store is shared for that long ...
pub const STATUS_SHARED: Duration = Duration::from_secs(1);

/// ... for that long where thousands of messages are read for it ...
pub const SENSORS_SHARED: Duration = Duration::from_secs(5);

/// ... and for that long the newest rows, for charts of several sensors.
pub const ROWS_SHARED: Duration = Duration::from_secs(1);

/// Who asks for sensors gets what was read so long ago at once, while newer ones are read in the
/// background: 100,000 of them take ten seconds.
pub const SENSORS_STALE: Duration = Duration::from_secs(300);

/// Newest rows of each partition among which those of a sensor are looked for.
pub const ROWS_LOOKED_AT: u64 = 5_000;

/// Jobs whose looks into stores are remembered.
pub const JOBS_CACHED: usize = 1_000;

/// Seconds of history in memory: an hour.
pub const HISTORY_POINTS: usize = 3_600;

/// Entries of one page.
pub const PAGE: usize = 1_000;

/// Newest messages of each partition that sensors are examined in.
pub const SENSOR_MESSAGES: u64 = 10_000;

/// How long what a job has read may have waited while it is ready.
pub const READY_LAG_MS: i64 = 10_000;

/// How long an action waits for what it asked for before it says that it continues.
pub const ACTION_WAIT: Duration = Duration::from_secs(10);

/// Refused changes a second that are noted: whoever guesses must not fill the log by it.
pub const REFUSALS_NOTED_PER_S: u32 = 10;
