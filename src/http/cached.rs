//! A value that is made at most once in a while, and shared by all who ask meanwhile.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::limits;

/// A value with its age.
#[derive(Debug)]
pub struct Cached<T> {
    most: Duration,
    made: Mutex<Option<(Instant, T)>>,
}

impl<T: Clone> Cached<T> {
    /// Nothing yet; a value is used again until it is older than `most`.
    pub fn new(most: Duration) -> Cached<T> {
        Cached { most, made: Mutex::new(None) }
    }

    /// The value, made by `make` if there is none that is new enough. Others who ask meanwhile wait
    /// for it. A failure is not kept.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn get<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, value)) = &*made
            && at.elapsed() < self.most
        {
            return Ok(value.clone());
        }
        let value = make()?;
        *made = Some((Instant::now(), value.clone()));
        Ok(value)
    }
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
}
