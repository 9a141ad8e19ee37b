//! The retry policy for transient errors: the same everywhere, with bounded pauses.

use std::error::Error as StdError;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Error, Kind, Result, limits};

/// How what may pass is retried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// What fails and works again, for people: `the store`.
    pub what: &'static str,
    /// First and longest pause; each is twice as long as the one before.
    pub pauses: RangeInclusive<Duration>,
    /// For how long after a stop it is still tried.
    pub after_stop: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        RetryPolicy { what: "it", pauses: limits::BACKOFF, after_stop: Duration::ZERO }
    }
}

impl RetryPolicy {
    /// Does `act` until it works, fails for good, or `stop` is set for long enough; then its last
    /// error is returned. `kind` says what an error means. A person sees one warning and not one
    /// per try, and another one when it works again.
    ///
    /// # Errors
    /// What `act` returns.
    pub fn run<T, E: StdError>(
        &self,
        stop: &AtomicBool,
        kind: impl Fn(&E) -> Kind,
        mut act: impl FnMut() -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let mut retries = Retries::new(self.clone());
        let mut stopped: Option<Instant> = None;
        loop {
            let error = match act() {
                Err(error) if kind(&error) == Kind::Retry => error,
                outcome => {
                    if outcome.is_ok() && retries.has_recovered() {
                        tracing::warn!("{} works again", self.what);
                    }
                    return outcome;
                }
            };
            let is_stopped = stop.load(Ordering::Relaxed);
            if is_stopped && stopped.get_or_insert_with(Instant::now).elapsed() >= self.after_stop {
                return Err(error);
            }
            if !retries.is_failing() {
                let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
                tracing::warn!("{error}{cause}; nothing is lost, retrying");
            }
            let pause = retries.failed();
            match is_stopped {
                true => thread::sleep(limits::NAP),
                false => sleep(pause, stop),
            }
        }
    }
}

/// The failures in a row of what a policy has retried, for loops that do more than try.
#[derive(Debug)]
pub struct Retries {
    policy: RetryPolicy,
    /// `None` while it works.
    last_pause: Option<Duration>,
}

impl Retries {
    /// Nothing has failed yet.
    #[must_use]
    pub fn new(policy: RetryPolicy) -> Self {
        Retries { policy, last_pause: None }
    }

    /// Whether it has failed and not worked since.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.last_pause.is_some()
    }

    /// It failed: how long to wait before the next try.
    pub fn failed(&mut self) -> Duration {
        let (first, longest) = (*self.policy.pauses.start(), *self.policy.pauses.end());
        let pause = self.last_pause.map_or(first, |last| (last * 2).min(longest));
        self.last_pause = Some(pause);
        pause
    }

    /// It worked: whether it had failed before.
    pub fn has_recovered(&mut self) -> bool {
        self.last_pause.take().is_some()
    }
}

/// Does `act` by the default policy: until it works, fails for good, or `stop` is set.
///
/// # Errors
/// What `act` returns.
pub fn patiently<T>(stop: &AtomicBool, act: impl FnMut() -> Result<T>) -> Result<T> {
    patiently_by(Error::kind, stop, act)
}

/// As [`patiently`], for errors of which `kind` says what they mean.
///
/// # Errors
/// What `act` returns.
pub fn patiently_by<T, E: StdError>(
    kind: impl Fn(&E) -> Kind,
    stop: &AtomicBool,
    act: impl FnMut() -> std::result::Result<T, E>,
) -> std::result::Result<T, E> {
    RetryPolicy::default().run(stop, kind, act)
}

/// Does `act` until it works or fails for good, but not for longer than [`limits::LOOK_PATIENCE`]:
/// for who looks once, perhaps in the moment in which a broker is restarted.
///
/// # Errors
/// What `act` returned last.
pub fn for_a_while<T>(mut act: impl FnMut() -> Result<T>) -> Result<T> {
    let (begun, mut retries) = (Instant::now(), Retries::new(RetryPolicy::default()));
    loop {
        match act() {
            Err(error)
                if error.kind() == Kind::Retry && begun.elapsed() < limits::LOOK_PATIENCE =>
            {
                thread::sleep(retries.failed());
            }
            outcome => return outcome,
        }
    }
}

/// Sleeps, but wakes up for a stop.
pub fn sleep(mut time: Duration, stop: &AtomicBool) {
    while !time.is_zero() && !stop.load(Ordering::Relaxed) {
        let nap = time.min(limits::NAP);
        thread::sleep(nap);
        time -= nap;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy() -> Error {
        Error::Busy { at: "here".into(), doing: "testing" }
    }

    #[test]
    fn what_passes_is_tried_until_it_has_passed() {
        let mut tries = 0;
        let outcome = patiently(&AtomicBool::new(false), || {
            tries += 1;
            if tries < 4 { Err(busy()) } else { Ok(tries) }
        });
        assert_eq!(outcome.unwrap(), 4);
    }

    #[test]
    fn a_stop_ends_the_trying_and_other_errors_are_not_tried_again() {
        let outcome: Result<()> = patiently(&AtomicBool::new(true), || Err(busy()));
        assert_eq!(outcome.unwrap_err().kind(), Kind::Retry);
        let mut tries = 0;
        let outcome: Result<()> = patiently(&AtomicBool::new(false), || {
            tries += 1;
            Err(Error::StoreMissing { at: "here".into() })
        });
        assert!(outcome.is_err() && tries == 1);
    }

    #[test]
    fn a_policy_may_try_for_a_while_after_a_stop() {
        let after_stop = Duration::from_secs(3_600);
        let policy = RetryPolicy { after_stop, ..RetryPolicy::default() };
        let mut tries = 0;
        let outcome = policy.run(&AtomicBool::new(true), Error::kind, || {
            tries += 1;
            if tries < 3 { Err(busy()) } else { Ok(tries) }
        });
        assert_eq!(outcome.unwrap(), 3);
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_start_over_after_success() {
        let mut retries = Retries::new(RetryPolicy::default());
        let pauses: Vec<_> = (0..12).map(|_| retries.failed()).collect();
        assert!(pauses.is_sorted() && retries.is_failing());
        let ends = (*limits::BACKOFF.start(), *limits::BACKOFF.end());
        assert_eq!((pauses[0], pauses[11]), ends);
        assert!(retries.has_recovered() && !retries.has_recovered());
        assert_eq!(retries.failed(), ends.0);
    }
}
