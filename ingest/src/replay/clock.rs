//! The clock of a replay, as a seam: tests use one that does not wait.

use std::thread;
use std::time::{Duration, Instant};

/// Measures how long a replay has run, and waits.
pub(crate) trait Clock {
    /// Time since the start.
    fn elapsed(&self) -> Duration;

    /// Waits about that long.
    fn sleep(&mut self, time: Duration);
}

/// The real clock.
pub(crate) struct Monotonic(Instant);

impl Monotonic {
    pub(crate) fn start() -> Self {
        Monotonic(Instant::now())
    }
}

impl Clock for Monotonic {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&mut self, time: Duration) {
        thread::sleep(time);
    }
}
