//! When records may be published: a run never gets ahead of the clock, and a paced one keeps its
//! initial distance to it.

use std::thread;
use std::time::Duration;

use seismic_ingest::limits::{LONGEST_SLEEP, SHORTEST_SLEEP};
use seismic_queue::clock;

use crate::plan::Plan;

/// The clock as a run sees it.
pub(crate) struct Pace {
    /// When the clock was last read, ms since 1970 UTC.
    now_ms: i64,
    /// How far event times stay behind the clock.
    behind_ms: i64,
}

impl Pace {
    pub(crate) fn new(plan: &Plan) -> Self {
        let now_ms = clock::now_ms();
        let behind_ms = if plan.live { (now_ms - plan.start_ms).max(0) } else { 0 };
        Pace { now_ms, behind_ms }
    }

    /// Whether a record of that event time may be published. Reads the clock only when the
    /// last reading does not decide.
    pub(crate) fn is_due(&mut self, event_ms: i64) -> bool {
        if self.wait_ms(event_ms) > 0 {
            self.now_ms = clock::now_ms();
        }
        self.wait_ms(event_ms) <= 0
    }

    /// The last reading of the clock, ms since 1970 UTC.
    pub(crate) fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Sleeps until that event time is due, but not so briefly that every record is a commit of
    /// its own, and not so long that a stop would go unnoticed.
    pub(crate) fn sleep(&self, event_ms: i64) {
        let wait = Duration::from_millis(self.wait_ms(event_ms).max(0).unsigned_abs());
        thread::sleep(wait.clamp(SHORTEST_SLEEP, LONGEST_SLEEP));
    }

    fn wait_ms(&self, event_ms: i64) -> i64 {
        event_ms + self.behind_ms - self.now_ms
    }
}
