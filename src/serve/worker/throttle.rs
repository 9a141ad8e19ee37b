//! Throttling of a worker: it reads all the time, part of the time, or not at all.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::job::JobObserver;

/// How long a slowed worker reads ...
const READS: Duration = Duration::from_millis(250);

/// ... and then does not: long enough for others to notice, and shorter than any silence that
/// closes windows. A pause is no silence anyway: nothing is closed while one lasts.
const RESTS: Duration = Duration::from_millis(750);

/// What a worker knows of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Told {
    is_paused: bool,
    is_slowed: bool,
}

/// Has the job of a worker read as much as it is allowed.
#[derive(Clone)]
pub struct Throttle {
    job: JobObserver,
    told: Arc<(Mutex<Told>, Condvar)>,
}

impl Throttle {
    /// Of a job that reads all of the time, or nothing. Its thread ends with the process.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(job: JobObserver, is_paused: bool) -> io::Result<Throttle> {
        let told = Mutex::new(Told { is_paused, is_slowed: false });
        let throttle = Throttle { job, told: Arc::new((told, Condvar::new())) };
        let of_thread = throttle.clone();
        let slow = move || of_thread.slow_for_ever();
        thread::Builder::new().name("throttle".to_owned()).spawn(slow)?;
        Ok(throttle)
    }

    /// Has it read nothing, or read again.
    pub fn pause(&self, is_paused: bool) {
        self.tell(|told| told.is_paused = is_paused);
    }

    /// Has it read a part of the time, or all of it.
    pub fn slow(&self, is_slowed: bool) {
        self.tell(|told| told.is_slowed = is_slowed);
    }

    /// Whether it is to read nothing. That it rests is no pause.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        lock(&self.told.0).is_paused
    }

    /// Whether it is to read a part of the time.
    #[must_use]
    pub fn is_slowed(&self) -> bool {
        lock(&self.told.0).is_slowed
    }

    fn tell(&self, change: impl FnOnce(&mut Told)) {
        let mut told = lock(&self.told.0);
        change(&mut told);
        self.job.pause(told.is_paused);
        self.told.1.notify_all();
    }

    fn slow_for_ever(&self) {
        let mut told = lock(&self.told.0);
        loop {
            let slowed = Told { is_paused: false, is_slowed: true };
            if *told != slowed {
                told = self.told.1.wait(told).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            // Whoever tells it something else sets what holds then.
            for (rests, span) in [(true, RESTS), (false, READS)] {
                if *told == slowed {
                    self.job.pause(rests);
                    let waited = self.told.1.wait_timeout(told, span);
                    told = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }
}

fn lock(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}
