//! How many records of a window were rejected. A row reports them, so that a reader can tell when a
//! peak was cut off.
//!
//! A rejected record opens no window, moves no clock and makes no sensor known. It is counted in
//! its window if that is open. If it is not open yet, the sensor keeps the count of one such
//! window, the newest, until that window opens. A closed window within the allowed lateness has a
//! separate count (`sensor/late_panes.rs`). Records whose event time cannot be used belong to no
//! window. A window with only rejected records has no row.

use seismic_proto::{SeismicAggRecord, state};

use crate::engine::windows::reject_reason::RejectReason;

/// Records of one window or span that were rejected, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RejectCounts {
    /// For their quality, position or phase.
    pub rejected: u64,
    /// For an amplitude out of range, or none at all (NaN, infinite).
    pub clipped: u64,
    /// Repeats of another record, where the job dedupes.
    pub repeated: u64,
}

impl RejectCounts {
    /// One record; `None` for a reason that is not about a record of a window.
    #[must_use]
    pub fn one(reason: RejectReason) -> Option<Self> {
        let mut counts = RejectCounts::default();
        match reason {
            RejectReason::BadQuality
            | RejectReason::BadPosition
            | RejectReason::OutOfRegion
            | RejectReason::BadPhase => counts.rejected = 1,
            RejectReason::AmplitudeOutOfRange => counts.clipped = 1,
            RejectReason::Duplicate => counts.repeated = 1,
            RejectReason::Unparseable
            | RejectReason::TooManyRecords
            | RejectReason::EmptySensor
            | RejectReason::LongSensor
            | RejectReason::BadTime
            | RejectReason::FutureTimestamp
            | RejectReason::Misplaced
            | RejectReason::SensorLimit
            | RejectReason::Late
            | RejectReason::WindowLimit
            | RejectReason::ClockJump => return None,
        }
        Some(counts)
    }

    /// Adds others. A stored state may claim any number, so this does not overflow.
    pub fn add(&mut self, other: &RejectCounts) {
        self.rejected = self.rejected.saturating_add(other.rejected);
        self.clipped = self.clipped.saturating_add(other.clipped);
        self.repeated = self.repeated.saturating_add(other.repeated);
    }

    /// Whether there were none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == RejectCounts::default()
    }

    /// Fills the fields of a row.
    pub fn fill(&self, row: &mut SeismicAggRecord) {
        let narrow = |count| i64::try_from(count).unwrap_or(i64::MAX);
        row.rejected_count = narrow(self.rejected);
        row.clipped_count = narrow(self.clipped);
        row.repeat_count = narrow(self.repeated);
    }
}

/// What was rejected of a window that is not open yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingRejects {
    /// Start of the window, ms since 1970 UTC.
    pub start_ms: i64,
    /// Its records so far.
    pub counts: RejectCounts,
}

impl From<&PendingRejects> for state::PendingRejects {
    fn from(pending: &PendingRejects) -> Self {
        let RejectCounts { rejected, clipped, repeated } = pending.counts;
        state::PendingRejects { start_ms: pending.start_ms, rejected, clipped, repeats: repeated }
    }
}

/// What cannot be is for the sensor to say.
impl From<&state::PendingRejects> for PendingRejects {
    fn from(stored: &state::PendingRejects) -> Self {
        let &state::PendingRejects { start_ms, rejected, clipped, repeats: repeated } = stored;
        PendingRejects { start_ms, counts: RejectCounts { rejected, clipped, repeated } }
    }
}
