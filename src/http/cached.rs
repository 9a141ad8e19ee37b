//! A value that is computed at most once per interval and shared by all callers in between.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::limits;

/// A value with its age.
#[derive(Debug)]
pub struct Cached<T> {
    most: Duration,
    made: Mutex<Option<(Instant, T)>>,
    /// Whether a newer value is made in the background.
    is_refreshing: AtomicBool,
    /// Held while a value is made.
    making: Mutex<()>,
}

impl<T: Clone> Cached<T> {
    /// Nothing yet; a value is used again until it is older than `most`.
    pub fn new(most: Duration) -> Cached<T> {
        Cached {
            most,
            made: Mutex::new(None),
            is_refreshing: AtomicBool::new(false),
            making: Mutex::new(()),
        }
    }

    /// The value, made by `make` if there is none that is new enough. Others who ask meanwhile wait
    /// for it. A failure is not kept.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn get<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        if let Some(value) = self.newer_than(self.most) {
            return Ok(value);
        }
        let _making = lock(&self.making);
        // Someone else may have made it meanwhile.
        if let Some(value) = self.newer_than(self.most) {
            return Ok(value);
        }
        let value = make()?;
        *lock(&self.made) = Some((Instant::now(), value.clone()));
        Ok(value)
    }

    fn newer_than(&self, most: Duration) -> Option<T> {
        let made = lock(&self.made);
        let (at, value) = made.as_ref()?;
        (at.elapsed() < most).then(|| value.clone())
    }
}

impl<T: Clone + Send + 'static> Cached<T> {
    /// As [`Cached::get`], but a value that is older, and not older than `stale`, is given at once
    /// while a newer one is made in the background, one at a time. So no one waits for what takes
    /// long, but who comes when there is none, or none that is new enough.
    ///
    /// # Errors
    /// Those of `make`. One in the background leaves the value as it is; the next who asks retries.
    pub fn get_or_stale<E: 'static>(
        self: &Arc<Self>,
        stale: Duration,
        make: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        if let Some(value) = self.newer_than(self.most) {
            return Ok(value);
        }
        let Some(old) = self.newer_than(stale) else { return self.get(make) };
        if !self.is_refreshing.swap(true, Ordering::AcqRel) {
            let refreshed = Refresh(Arc::clone(self));
            // Where there can be no further thread, the old value stays a little longer.
            let _ = thread::Builder::new().name("refresh".to_owned()).spawn(move || {
                let _ = refreshed.0.get(make);
            });
        }
        Ok(old)
    }
}

/// A value that is made in the background. Dropping it, also in a panic, lets others do so.
struct Refresh<T>(Arc<Cached<T>>);

impl<T> Drop for Refresh<T> {
    fn drop(&mut self) {
        self.0.is_refreshing.store(false, Ordering::Release);
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A value for each job, made and shared apart from those of others.
#[derive(Debug)]
pub struct CachedByJob<T> {
    most: Duration,
    all: Mutex<BTreeMap<String, Arc<Cached<T>>>>,
}

impl<T: Clone> CachedByJob<T> {
    /// As [`Cached::new`].
    pub fn new(most: Duration) -> CachedByJob<T> {
        CachedByJob { most, all: Mutex::default() }
    }

    /// That of a job.
    pub fn of(&self, job: &str) -> Arc<Cached<T>> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= limits::JOBS_CACHED && !all.contains_key(job) {
            all.clear();
        }
        let one = all.entry(job.to_owned()).or_insert_with(|| Arc::new(Cached::new(self.most)));
        Arc::clone(one)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_value_is_made_once_and_again_when_it_is_old() {
        let cached = Cached::new(Duration::from_secs(3_600));
        assert_eq!(cached.get(|| Err::<u8, _>("no")), Err("no"));
        assert_eq!(cached.get(|| Ok::<_, ()>(1)), Ok(1));
        assert_eq!(cached.get(|| Ok::<_, ()>(2)), Ok(1));
        let old = Cached::new(Duration::ZERO);
        assert_eq!((old.get(|| Ok::<_, ()>(1)), old.get(|| Ok::<_, ()>(2))), (Ok(1), Ok(2)));
    }

    #[test]
    fn an_old_value_is_given_while_one_newer_one_is_made() {
        // Whatever is there is old at once, and may be given for an hour.
        let (cached, stale) = (Arc::new(Cached::new(Duration::ZERO)), Duration::from_secs(3_600));
        assert_eq!(cached.get_or_stale(stale, || Ok::<_, ()>(1)), Ok(1));
        let (begun, has_begun) = channel();
        let (release, released) = channel::<()>();
        let (ended, has_ended) = channel();
        let made = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&made);
        let slow = move || {
            count.fetch_add(1, Ordering::Relaxed);
            begun.send(()).unwrap();
            released.recv().unwrap();
            ended.send(()).unwrap();
            Ok::<_, ()>(2)
        };
        assert_eq!(cached.get_or_stale(stale, slow), Ok(1));
        has_begun.recv().unwrap();
        // It is held, and whoever asks meanwhile has the old one, and makes no other.
        for _ in 0..10 {
            let count = Arc::clone(&made);
            let other = move || {
                count.fetch_add(1, Ordering::Relaxed);
                Ok::<_, ()>(3)
            };
            assert_eq!(cached.get_or_stale(stale, other), Ok(1));
        }
        assert_eq!(made.load(Ordering::Relaxed), 1);
        release.send(()).unwrap();
        has_ended.recv().unwrap();
        while cached.is_refreshing.load(Ordering::Acquire) {
            thread::yield_now();
        }
        assert_eq!(cached.newer_than(stale), Some(2));
        // What fails, or panics, leaves the value, and the next one retries.
        assert_eq!(cached.get_or_stale(stale, || Err::<i32, _>("no")), Ok(2));
        while cached.is_refreshing.load(Ordering::Acquire) {
            thread::yield_now();
        }
        assert_eq!(cached.newer_than(stale), Some(2));
        // None that is new enough is waited for.
        assert_eq!(cached.get_or_stale(Duration::ZERO, || Ok::<_, ()>(4)), Ok(4));
    }
}
