//! Bounds of reading tables, each with its reason.

use std::ops::RangeInclusive;
use std::time::Duration;

/// How long what was read of a table is good, unless the job says otherwise.
pub const TTL: Duration = Duration::from_secs(60);

/// What a job may say instead. Each reading may be a new version, which is stored and an entry in the
/// journal of every partition.
pub const TTLS: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(7 * 24 * 3600);

/// First pause after a reading that failed; the following ones are twice as long each, up to the
/// time that a reading is good.
pub const RETRY: Duration = Duration::from_secs(1);

/// Longest message of a failure that is kept, bytes.
pub const WORDS: usize = 1_000;

/// How long a bounded run tries to read a table for the first time, where the failure may pass: a
/// server that is started again takes as long.
pub const FIRST_PATIENCE: Duration = Duration::from_secs(30);

/// How long messages of a topic are waited for at a time.
pub const READ_WAIT: Duration = Duration::from_millis(100);

/// How long the end of a topic is waited for while nothing comes: an unfinished transaction may hold it
/// back, and what is behind it is read the next time.
pub const END_PATIENCE: Duration = Duration::from_secs(5);

/// How often a reading is looked at, and whether the job stops.
pub const LOOK_EVERY: Duration = Duration::from_millis(20);
