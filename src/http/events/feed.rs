//! Produces the events of all jobs while there are subscribers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::Subscription;
use super::event::Event;
use crate::http::history::point;
use crate::http::model::JobEntry;
use crate::http::{ApiError, Caller, Jobs, limits};
use crate::status::numbers::JobNumbers;
use crate::time::now_ms;

/// The events of these jobs.
pub struct Feed {
    jobs: Arc<dyn Jobs>,
    newest: watch::Sender<Arc<Event>>,
    /// Whether the thread is there that makes them.
    is_made: Mutex<bool>,
}

impl Feed {
    /// Nothing is made yet.
    pub fn new(jobs: Arc<dyn Jobs>) -> Feed {
        Feed { jobs, newest: watch::Sender::new(Arc::default()), is_made: Mutex::new(false) }
    }

    /// Events from now on of what the caller reaches, `most` of them, or without end with 0.
    ///
    /// # Errors
    /// `too_many_requests` when as many follow as may.
    pub fn subscribe(
        self: &Arc<Self>,
        most: u64,
        caller: &Caller,
    ) -> Result<Subscription, ApiError> {
        let mut is_made = self.is_made();
        if self.newest.receiver_count() >= limits::STREAMS {
            let why = format!(
                "{} pages follow already: close some, or ask for /api/v1/jobs now and then",
                limits::STREAMS
            );
            return Err(ApiError::new("too_many_requests", why));
        }
        let mut newest = self.newest.subscribe();
        if *is_made {
            // The one of this second, at once.
            newest.mark_changed();
        } else {
            let feed = Arc::clone(self);
            let make = move || feed.make_while_followed();
            let started = thread::Builder::new().name("http events".to_owned()).spawn(make);
            started.map_err(|error| ApiError::unavailable(&error.into()))?;
            *is_made = true;
        }
        Ok(Subscription { newest, most, caller: caller.clone() })
    }

    fn make_while_followed(&self) {
        let mut last = BTreeMap::new();
        loop {
            self.newest.send_replace(Arc::new(event(self.jobs.jobs(), &mut last)));
            thread::sleep(limits::EVENT_EVERY);
            let mut is_made = self.is_made();
            if self.newest.receiver_count() == 0 {
                *is_made = false;
                return;
            }
        }
    }

    fn is_made(&self) -> MutexGuard<'_, bool> {
        self.is_made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The event of this second, and what the next one needs of it.
fn event(jobs: Vec<JobEntry>, last: &mut BTreeMap<String, JobNumbers>) -> Event {
    let shown =
        jobs.iter().map(|job| (job.name.clone(), shown(job, last.get(&job.name)).to_string()));
    let event = Event::new(now_ms(), shown.collect());
    *last = jobs.into_iter().map(|job| (job.name, job.numbers)).collect();
    event
}

/// What a page shows of a job all the time: neither partitions nor histograms.
fn shown(job: &JobEntry, last: Option<&JobNumbers>) -> Value {
    let numbers = &job.numbers;
    json!({
        "name": job.name,
        "group": job.group,
        "state": job.state,
        "since_ms": job.since_ms,
        "why": job.why,
        "last_error": job.last_error,
        "restarts": job.restarts,
        "is_archived": job.is_archived,
        "sensors": numbers.sensors,
        "open_windows": numbers.open_windows,
        "counts": numbers.counts,
        "sinks": numbers.sinks,
        "appended": numbers.appended(),
        "rollups": numbers.rollup_rows(),
        "point": point(last, numbers),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_with_rates_since_the_last_one() {
        let job = |at_ms, records_read| JobEntry {
            name: "co\nast".to_owned(),
            numbers: JobNumbers { at_ms, records_read, ..JobNumbers::default() },
            ..JobEntry::default()
        };
        let mut last = BTreeMap::new();
        event(vec![job(1_000, 500)], &mut last);
        let text = event(vec![job(3_000, 900)], &mut last).text_for(&Caller::local("anna"));
        let text = std::str::from_utf8(&text).unwrap();
        let data = text.strip_prefix("event: jobs\ndata: ").unwrap().strip_suffix("\n\n").unwrap();
        assert!(!data.contains('\n'));
        let event: Value = serde_json::from_str(data).unwrap();
        assert_eq!(event["jobs"][0]["point"]["records_per_s"], 200.0);
        assert_eq!(event["jobs"][0]["name"], "co\nast");
    }
}
