//! Detects that this process was suspended, by a signal or with its machine, for longer than its
//! session: then other members own its partitions, and it must not commit for them.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// How often it is looked whether time has passed unseen.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Of this process, watched for as long as this is kept.
pub(crate) struct SuspensionWatch {
    session: Duration,
    /// When the last one ended that was longer than a session.
    woke: Arc<Mutex<Option<Instant>>>,
}

impl SuspensionWatch {
    pub(crate) fn watch(session: Duration) -> SuspensionWatch {
        let woke = Arc::default();
        let watched: Weak<Mutex<Option<Instant>>> = Arc::downgrade(&woke);
        thread::spawn(move || {
            loop {
                let before = Instant::now();
                thread::sleep(LOOK_EVERY);
                let Some(woke) = watched.upgrade() else { return };
                let now = Instant::now();
                if is_too_long(before, now, session) {
                    *woke.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
                }
            }
        });
        SuspensionWatch { session, woke }
    }

    /// Whether what a group has just said may come from a sleep: a process that is awake again
    /// hears of it within a session. What it loses later has another reason.
    pub(crate) fn was_just_too_long(&self) -> bool {
        let woke = self.woke.lock().unwrap_or_else(PoisonError::into_inner).take();
        woke.is_some_and(|woke| !is_too_long(woke, Instant::now(), self.session))
    }
}

fn is_too_long(from: Instant, to: Instant, session: Duration) -> bool {
    to.saturating_duration_since(from) > session
}

#[cfg(test)]
mod tests {
    use super::*;

    fn woken(ago: Duration) -> SuspensionWatch {
        let woke = Instant::now().checked_sub(ago).expect("machines run for longer than a minute");
        SuspensionWatch { session: Duration::from_secs(30), woke: Arc::new(Mutex::new(Some(woke))) }
    }

    #[test]
    fn what_is_lost_on_waking_up_is_lost_by_sleeping_and_told_once() {
        let sleep = woken(Duration::from_secs(1));
        assert!(sleep.was_just_too_long());
        assert!(!sleep.was_just_too_long());
    }

    #[test]
    fn what_is_lost_long_after_waking_up_has_another_reason() {
        assert!(!woken(Duration::from_secs(40)).was_just_too_long());
    }

    #[test]
    fn a_sleep_within_the_session_that_was_asked_for_loses_nothing() {
        let from = Instant::now();
        let to = from + Duration::from_secs(20);
        assert!(!is_too_long(from, to, Duration::from_secs(30)));
        assert!(is_too_long(from, to, Duration::from_secs(10)));
    }
}
