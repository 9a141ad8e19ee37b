//! A turn for trials that load both cores, so that other tests, which mostly wait, can run in
//! parallel.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use seismic_brokers::name_if_it_waited;

/// Trials on the embedded queue that run at once. With more of them on two cores a fault meets a
/// program that has not begun to work.
const AT_ONCE: usize = 3;

static RUNNING: Mutex<usize> = Mutex::new(0);
static LEFT: Condvar = Condvar::new();

/// A turn, given back when dropped.
pub struct Turn;

impl Turn {
    /// Waits until fewer than [`AT_ONCE`] trials run. Who has a turn must not wait for a broker:
    /// those who have one may wait for a turn.
    pub fn wait() -> Turn {
        let begun = Instant::now();
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |running: &mut usize| *running >= AT_ONCE;
        let mut running = LEFT.wait_while(running, is_full).unwrap_or_else(PoisonError::into_inner);
        *running += 1;
        name_if_it_waited(begun);
        Turn
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        LEFT.notify_one();
    }
}
