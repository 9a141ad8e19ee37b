//! When a failed call is retried, for a loop that does not block on it. The pauses are those of the
//! default [`RetryPolicy`].

use std::time::Instant;

use seismic_queue::{Retries, RetryPolicy};

/// When to retry.
#[derive(Debug)]
pub(super) struct Backoff {
    retries: Retries,
    until: Option<Instant>,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff { retries: Retries::new(RetryPolicy::default()), until: None }
    }
}

impl Backoff {
    /// It failed.
    pub(super) fn start(&mut self, now: Instant) {
        self.until = Some(now + self.retries.failed());
    }

    /// It works.
    pub(super) fn reset(&mut self) {
        self.retries.has_recovered();
        self.until = None;
    }

    /// Whether it may be tried.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now >= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_not_over_before_the_pause_is_and_starts_over_after_success() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        assert!(backoff.is_over(now));
        for _ in 0..12 {
            backoff.start(now);
            assert!(!backoff.is_over(now));
        }
        let (first, longest) = seismic_queue::limits::BACKOFF.into_inner();
        assert!(!backoff.is_over(now + first) && backoff.is_over(now + longest));
        backoff.reset();
        assert!(backoff.is_over(now));
        backoff.start(now);
        assert!(backoff.is_over(now + first));
    }
}
