//! Trying again what may pass, with bounded backoff.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::{Error, Kind, Result, limits};

/// Does `act` until it works, fails for good, or `stop` is set after a failure that may pass; then
/// its last error is given. A person sees one warning, not one per try.
///
/// # Errors
/// What `act` says.
pub fn patiently<T>(stop: &AtomicBool, act: impl FnMut() -> Result<T>) -> Result<T> {
    patiently_by(Error::kind, stop, act)
}

/// As [`patiently`], for errors of which `kind` says what to do.
///
/// # Errors
/// What `act` says.
pub fn patiently_by<T, E: Display>(
    kind: impl Fn(&E) -> Kind,
    stop: &AtomicBool,
    mut act: impl FnMut() -> std::result::Result<T, E>,
) -> std::result::Result<T, E> {
    let mut wait = *limits::BACKOFF.start();
    let mut is_warned = false;
    loop {
        let error = match act() {
            Err(error) if kind(&error) == Kind::Retry => error,
            outcome => return outcome,
        };
        if stop.load(Ordering::Relaxed) {
            return Err(error);
        }
        if !is_warned {
            tracing::warn!("{error}; retrying");
            is_warned = true;
        }
        sleep(wait, stop);
        wait = (wait * 2).min(*limits::BACKOFF.end());
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
}
