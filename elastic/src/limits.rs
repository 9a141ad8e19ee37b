//! Every limit of this crate, each with its reason.

/// Workers of one job: each is a member of a consumer group, and beyond this a group does not settle.
pub const WORKERS: u32 = 1_024;

/// Slots of all workers: as many as a job file may ask for.
pub const PARALLELISM: u32 = 1 << 20;

/// Samples without which nothing is decided: fewer are no evidence, as the guide has it.
pub const SAMPLES: usize = 3;

/// Intervals after which a sample is stale, and a gap between two of them ends the evidence.
pub const STALE_INTERVALS: i64 = 3;

/// Intervals in the time that a rule must hold for: it bounds what the state keeps.
pub const INTERVALS_OF_A_RULE: u32 = 120;

/// How many times as long evidence for going down is as for going up.
pub const DOWN_TIMES: u32 = 3;

/// How often the band is widened, at most: further out, nothing would be done any more.
pub const WIDENINGS: u32 = 2;

/// Samples in the state: the longest evidence there is, and room for two gaps.
pub const POINTS: usize = (INTERVALS_OF_A_RULE * DOWN_TIMES * (WIDENINGS + 1)) as usize + 16;

/// Records/s above which a number is no measurement: all seismometers of the world send less.
pub const RATE: f64 = 1e15;

/// A share above this is no measurement; between 1 and this it is one that was rounded or taken over
/// a slightly shorter time, and counts as 1.
pub const SHARE: f64 = 1.5;

/// Costs of changes that are remembered; the largest counts, so that one quick change does not
/// shorten the pause after a slow one.
pub const COSTS: usize = 5;

/// What a change costs until one is measured, ms: the bound that a change has to keep.
pub const COST_MS: u64 = 3_000;

/// Longest pause after changes that failed, ms.
pub const COOL_DOWN_MS: u64 = HOUR_MS;

/// Changes that are remembered: more than a day may have.
pub const CHANGES: usize = 64;

/// Changes within a day, as the goal has it.
pub const CHANGES_A_DAY: usize = 20;

/// Of those, how many are kept for going up. With the limits of the guide, five lead from the lowest
/// parallelism to the highest.
pub const KEPT_FOR_UP: usize = 6;

/// Reversals within an hour that are flapping.
pub const REVERSALS: usize = 3;

/// Time without flapping after which the band narrows by one step, ms.
pub const NARROW_MS: u64 = 6 * HOUR_MS;

/// Time without any record after which that counts as quiet, ms: a network that sends nothing at all
/// is usually one that is cut off, and a broker that is replaced is back by then.
pub const SILENCE_MS: u64 = 15 * 60_000;

/// Time without usable metrics after which that is an alert, ms.
pub const BLIND_MS: u64 = 5 * 60_000;

/// Lag that is only what lies between two readings, in seconds of what arrives.
pub const SHORT_LAG_S: f64 = 2.0;

/// Growth of the lag, as a share of what is read, below which it is noise.
pub const GROWTH_SHARE: f64 = 0.02;

/// Busy share below which throughput says nothing about capacity.
pub const LEARN_BUSY: f64 = 0.1;

/// Entries of a schedule.
pub const FLOORS: usize = 48;

/// An hour, ms.
pub const HOUR_MS: u64 = 3_600_000;

/// A day, ms.
pub const DAY_MS: u64 = 24 * HOUR_MS;
