//! Values of a record that a pipeline accepts by default. The load generator respects them, and
//! violates them on purpose.

use std::ops::{Range, RangeInclusive};

/// Amplitudes, gal.
pub const AMPLITUDE: RangeInclusive<f32> = -100.0..=200.0;

/// Event times, ms since 1970 UTC: the years 1900 to 2199.
pub const EVENT_MS: Range<i64> = -2_208_988_800_000..7_258_118_400_000;

/// How far an event time may be ahead of its append time, ms.
pub const MAX_AHEAD_MS: i64 = 5_000;
