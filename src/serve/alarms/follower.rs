//! Follows the topics of one job for alarms on rows and sensors, on a separate thread: an
//! unresponsive broker blocks neither the server nor other jobs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use super::followed::Following;
use super::rows::Matched;
use super::topic_findings::lock;
pub use super::topic_findings::{Places, TopicFindings};
use super::trouble::Trouble;
pub use super::wanted::Wanted;
use crate::serve::limits;
use crate::status::sensors;

/// The thread. Dropping it ends it, when its broker answers.
pub struct Follower {
    wanted: Wanted,
    found: Arc<Mutex<TopicFindings>>,
    is_over: Arc<AtomicBool>,
}

impl Follower {
    /// Follows from these places on; topics without one from their ends.
    ///
    /// # Errors
    /// When there can be no further thread.
    pub fn start(job: &str, wanted: Wanted, places: Places) -> std::io::Result<Follower> {
        let first = TopicFindings {
            rows: vec![Matched::default(); wanted.rows.len()],
            places,
            ..TopicFindings::default()
        };
        let (found, is_over) = (Arc::new(Mutex::new(first)), Arc::new(AtomicBool::new(false)));
        let (job, of_thread) = (job.to_owned(), wanted.clone());
        let (told, over) = (Arc::clone(&found), Arc::clone(&is_over));
        let follow = move || follow_until(&job, &of_thread, &told, &over);
        thread::Builder::new().name("alarm rows".to_owned()).spawn(follow)?;
        Ok(Follower { wanted, found, is_over })
    }

    /// What it follows.
    #[must_use]
    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// What was found, with the rows since the last time.
    #[must_use]
    pub fn take(&self) -> TopicFindings {
        let mut found = lock(&self.found);
        let taken = found.clone();
        found.rows.fill(Matched::default());
        taken
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn follow_until(job: &str, wanted: &Wanted, found: &Mutex<TopicFindings>, is_over: &AtomicBool) {
    let mut names: Vec<&str> = wanted.rows.iter().map(|it| &*it.topic).collect();
    if !wanted.sensors.is_empty() {
        names.push(&wanted.result_topic);
    }
    names.sort_unstable();
    names.dedup();
    let mut topics: Vec<Following> = names.into_iter().map(Following::new).collect();
    let mut of_store = Trouble::of("its store");
    let mut of_clocks = Trouble::of("the clocks of its sensors");
    let (mut store, mut clocks_at) = (None, None::<Instant>);
    while !is_over.load(Ordering::Relaxed) {
        let looks_at_clocks =
            wanted.clocks && clocks_at.is_none_or(|at| at.elapsed() >= limits::CLOCKS_EVERY);
        let is_needed = looks_at_clocks || topics.iter().any(Following::is_due);
        if store.is_none() && is_needed && !of_store.is_fresh() {
            match wanted.location.open_store() {
                Ok(it) => store = Some(it),
                Err(error) => of_store.see(job, &error.into()),
            }
        }
        if let (Some(store), true) = (&store, looks_at_clocks) {
            clocks_at = Some(Instant::now());
            match sensors::wrong_clocks(&wanted.location, &**store) {
                Ok(offsets) => {
                    lock(found).clocks = Some(offsets);
                    of_clocks.is_over();
                }
                Err(error) => of_clocks.see(job, &error),
            }
        }
        let queue = store.as_ref().map(|store| store.topics());
        let (mut has_read, mut has_failed) = (false, false);
        // Each on its own: one that is missing keeps no other one.
        for topic in &mut topics {
            match topic.turn(job, wanted, found, queue) {
                Ok(read) => has_read |= read,
                Err(()) => has_failed = true,
            }
        }
        if has_failed || of_clocks.is_fresh() {
            // Whatever it was, the next try connects again.
            store = None;
        } else if store.is_some() {
            of_store.is_over();
        }
        if !has_read {
            thread::sleep(limits::FOLLOW_EVERY);
        }
    }
}
