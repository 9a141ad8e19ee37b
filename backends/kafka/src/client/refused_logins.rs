//! Logins that brokers refuse to a client that was let in before.
//!
//! A broker learns who may log in as it learns of topics: from the controllers, after it has started.
//! One that has just come back may refuse a right password for a moment, and so may one that cannot
//! look it up. Whoever was let in by the cluster therefore tries again for a while. A password that was
//! changed meanwhile is said then.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use rdkafka::error::RDKafkaErrorCode as Code;

use crate::limits;

/// Refusals of a cluster's brokers, one after the other.
#[derive(Debug, Default)]
pub(crate) struct RefusedLogins(Mutex<Option<Row>>);

/// Refusals with no long time between two of them.
#[derive(Clone, Copy, Debug)]
struct Row {
    first: Instant,
    last: Instant,
}

/// Whether it says that a login was refused.
pub(crate) fn is_refused_login(code: Code) -> bool {
    matches!(code, Code::Authentication | Code::SaslAuthenticationFailed)
}

impl RefusedLogins {
    /// Notes a refusal; whether those of this row may still pass.
    pub(crate) fn may_pass(&self, now: Instant) -> bool {
        let mut row = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let goes_on =
            row.filter(|row| now.saturating_duration_since(row.last) < limits::REFUSED_LOGINS_GAP);
        let first = goes_on.map_or(now, |row| row.first);
        *row = Some(Row { first, last: now });
        now.saturating_duration_since(first) < limits::REFUSED_LOGINS
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_row_of_refusals_passes_for_its_limit_and_begins_again_after_a_gap() {
        let (logins, began) = (RefusedLogins::default(), Instant::now());
        let step = limits::REFUSED_LOGINS_GAP / 2;
        let mut now = began;
        while now - began < limits::REFUSED_LOGINS {
            assert!(logins.may_pass(now), "after {:?}", now - began);
            now += step;
        }
        assert!(!logins.may_pass(now), "it was refused all the time");
        assert!(!logins.may_pass(now + Duration::from_secs(1)));
        let later = now + Duration::from_secs(1) + limits::REFUSED_LOGINS_GAP;
        assert!(logins.may_pass(later), "it was let in, and is refused again");
    }
}
