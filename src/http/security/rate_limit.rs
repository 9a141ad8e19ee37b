//! The limit of requests per second.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// A bucket of permits that fills at a steady rate, a second's worth at most.
#[derive(Debug)]
pub struct RateLimit {
    per_s: f64,
    bucket: Mutex<(f64, Instant)>,
}

impl RateLimit {
    /// A full bucket.
    pub fn new(per_s: u32) -> RateLimit {
        let per_s = f64::from(per_s);
        RateLimit { per_s, bucket: Mutex::new((per_s, Instant::now())) }
    }

    /// Takes a permit, if there is one.
    pub fn take(&self) -> bool {
        self.take_at(Instant::now())
    }

    fn take_at(&self, now: Instant) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let (permits, since) = &mut *bucket;
        let gained = now.saturating_duration_since(*since).as_secs_f64() * self.per_s;
        *permits = (*permits + gained).min(self.per_s);
        *since = now;
        let is_allowed = *permits >= 1.0;
        if is_allowed {
            *permits -= 1.0;
        }
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_second_has_so_many_permits_and_no_more() {
        let limit = RateLimit::new(3);
        let now = Instant::now();
        let taken = (0..10).filter(|_| limit.take_at(now)).count();
        assert_eq!(taken, 3);
        let later = now + Duration::from_millis(400);
        assert!(limit.take_at(later) && !limit.take_at(later));
        let much_later = now + Duration::from_secs(60);
        assert_eq!((0..10).filter(|_| limit.take_at(much_later)).count(), 3);
    }
}
