//! Records the history of all jobs, one point per second.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::state::history::History;
use super::supervisor::Supervisor;
use crate::http::history::History as Points;

/// How often it writes.
const EVERY: Duration = Duration::from_secs(1);

/// Writes the history.
pub struct Recorder {
    history: History,
    points: BTreeMap<String, (i64, Points)>,
    written: Option<Instant>,
    is_failing: bool,
}

impl Recorder {
    /// Has written nothing yet.
    #[must_use]
    pub fn new(history: History) -> Recorder {
        Recorder { history, points: BTreeMap::new(), written: None, is_failing: false }
    }

    /// Writes what each worker has reported since the last time, if it is time.
    pub fn record(&mut self, server: &Supervisor) {
        if self.written.is_some_and(|at| at.elapsed() < EVERY) {
            return;
        }
        self.written = Some(Instant::now());
        let mut points = Vec::new();
        for job in server.jobs() {
            let Some((at_ms, numbers)) = server.numbers_of(job.name()) else { continue };
            let (seen_ms, of_job) = self.points.entry(job.name().to_owned()).or_default();
            if *seen_ms != at_ms {
                *seen_ms = at_ms;
                points.push((job.name().to_owned(), of_job.add(&numbers)));
            }
        }
        self.points.retain(|name, _| server.job(name).is_some());
        match self.history.add(&points) {
            Ok(()) => self.is_failing = false,
            Err(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::error!("the history cannot be written: {error:#}");
                }
            }
        }
    }
}
