//! Every limit of this crate, each with its reason.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Sensors of a network: what one pipeline partition takes, at about 150 bytes each.
pub const SENSORS: RangeInclusive<u32> = 1..=1_000_000;

/// Records of one run: numbering their times stays exact far beyond this.
pub const RECORDS: RangeInclusive<u64> = 1..=1_000_000_000_000;

/// Records per second of a paced run, 0 aside: from one in 1000 s to more than any queue takes.
pub const RATE: RangeInclusive<f64> = 0.001..=100_000_000.0;

/// Event times of a run, ms since 1970 UTC: 1901-01-01 to 2149-01-01. A late record is up to
/// two minutes older than its sensor's newest and must still be after 1900; far-future records
/// begin in 2150 and must lie ahead of all others.
pub const EVENT_MS: RangeInclusive<i64> = -2_177_452_800_000..=5_648_745_600_000;

/// The years of [`EVENT_MS`].
pub const EVENT_YEARS: (u16, u16) = (1901, 2149);

/// Times of far-future records, ms since 1970 UTC: 2150-01-01 to 2199-01-01. Ahead of any clock
/// that appends them, and still within the years that pipelines accept.
pub const FUTURE_MS: RangeInclusive<i64> = 5_680_281_600_000..=7_226_582_400_000;

/// How far a late record lies before its sensor's newest, ms. Beyond any usual lateness.
pub const LATE_MS: RangeInclusive<i64> = 60_000..=120_000;

/// A duplicate follows its original at once, but only when slots are closer than this, so that
/// no pipeline has closed the window for idleness in between. Idle timeouts are 2 s and more.
pub const DUPLICATE_GAP_MS: f64 = 500.0;

/// A pack of a paced run waits no longer than this for more records.
pub const PACK_WAIT: Duration = Duration::from_millis(100);

/// Messages longer than this are passed over when looking: decoding one costs up to 70 times it.
pub const TAIL_MESSAGE_BYTES: usize = 1 << 20;
