//! Time as an input of slots, so that a simulation can control it.
#![allow(clippy::disallowed_methods, reason = "shell: the clock is read here")]

use std::thread;
use std::time::{Duration, Instant};

/// A clock that never goes back. It is not the wall clock, which does.
pub trait Clock: Sync {
    /// Time since a moment of its own.
    fn now(&self) -> Duration;

    /// Waits.
    fn sleep(&self, time: Duration);
}

/// The machine's monotonic clock.
pub(crate) struct Monotonic(Instant);

impl Monotonic {
    pub fn start() -> Self {
        Monotonic(Instant::now())
    }
}

impl Clock for Monotonic {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, time: Duration) {
        thread::sleep(time);
    }
}
