//! How long to wait before something that failed is tried again: twice as long each time, within
//! [`BACKOFF`](seismic_queue::limits::BACKOFF).

use std::time::{Duration, Instant};

/// When to try again.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    wait: Duration,
    until: Option<Instant>,
}

impl Backoff {
    /// It failed.
    pub(super) fn start(&mut self, now: Instant) {
        let wait = (self.wait * 2)
            .clamp(*seismic_queue::limits::BACKOFF.start(), *seismic_queue::limits::BACKOFF.end());
        (self.wait, self.until) = (wait, Some(now + wait));
    }

    /// It works.
    pub(super) fn reset(&mut self) {
        *self = Backoff::default();
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
    fn rests_grow_up_to_a_bound_and_begin_anew_after_success() {
        let (mut rest, now) = (Backoff::default(), Instant::now());
        assert!(rest.is_over(now));
        let mut waits = Vec::new();
        for _ in 0..12 {
            rest.start(now);
            assert!(!rest.is_over(now));
            assert!(rest.is_over(now + rest.wait));
            waits.push(rest.wait);
        }
        assert!(waits.is_sorted());
        assert_eq!(
            (waits[0], waits[11]),
            (*seismic_queue::limits::BACKOFF.start(), *seismic_queue::limits::BACKOFF.end())
        );
        rest.reset();
        assert!(rest.is_over(now));
        rest.start(now);
        assert_eq!(rest.wait, waits[0]);
    }
}
