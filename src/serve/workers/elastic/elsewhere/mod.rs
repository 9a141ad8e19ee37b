//! Workers of a job on other machines. The first worker, which has the sinks, stays with the server;
//! all others are started and stopped by a command of the operator, or by Kubernetes.
//!
//! ```text
//!  wanted slots ─► plan ─► one piece of work ─► command, kubernetes (a thread that waits) ─► told
//!  workers ◄── ask (HTTP, once a second) ──► answers, which are reports as those of local workers
//! ```
//!
//! What a command or the API server acknowledges is only *told*: it says which workers are asked, and
//! that nothing is left to do. Whether a change has happened, the answers of workers say.

mod ask;
mod command;
mod kubernetes;
mod plan;
mod tend;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

pub use self::ask::{Answer, Silence};
pub use self::command::Ran;
pub use self::plan::{Told, ToldWorker, Work};
use crate::http::model::Worker;
use crate::serve::worker::report::Report;
use crate::status::numbers::JobNumbers;

/// An answer older than this is none any more: some questions in a row were not answered.
const FRESH: Duration = Duration::from_secs(8);

/// What is known of the workers elsewhere of one job.
#[derive(Default)]
pub struct Elsewhere {
    /// The newest answer of each, by its place.
    seen: BTreeMap<usize, Answer>,
    /// Why others do not answer.
    silent: BTreeMap<usize, String>,
    /// Since when each has not answered.
    silent_since: BTreeMap<usize, Instant>,
    /// What those have counted that are gone.
    past: Option<JobNumbers>,
    /// When they were asked last, and whether that is waited for.
    asked: Option<Instant>,
    is_asking: bool,
    /// The work that is being done.
    doing: Option<Work>,
    /// What came of it, until it is taken in.
    heard: Option<Ran>,
    /// When it failed last, and how often in a row.
    failed: Option<(Instant, u32)>,
    /// What was done last.
    last: Option<Ran>,
}

impl Elsewhere {
    /// What a worker has said lately.
    pub fn report(&self, place: usize) -> Option<(&Report, &Worker)> {
        let fresh = self.seen.get(&place).filter(|it| it.at.elapsed() <= FRESH)?;
        Some((&fresh.report, &fresh.worker))
    }

    /// Those that answer.
    pub fn answering(&self) -> impl Iterator<Item = (usize, &Report, &Worker)> {
        let fresh = self.seen.iter().filter(|(_, it)| it.at.elapsed() <= FRESH);
        fresh.map(|(place, it)| (*place, &it.report, &it.worker))
    }

    /// Why a worker does not answer.
    pub fn silence(&self, place: usize) -> Option<&str> {
        self.silent.get(&place).map(String::as_str)
    }

    /// What was done last.
    pub fn last(&self) -> Option<&Ran> {
        self.last.as_ref()
    }

    /// What is being done.
    pub fn doing(&self) -> Option<&Work> {
        self.doing.as_ref()
    }

    /// What those have counted that are gone.
    pub fn past(&self) -> Option<&JobNumbers> {
        self.past.as_ref()
    }

    /// Takes in what came of the work that is being done.
    pub fn has_done(&mut self, work: &Work, ran: Ran) {
        // What an earlier life of the job had begun is none of it.
        if self.doing.as_ref() == Some(work) {
            self.heard = Some(ran);
        }
    }

    /// Takes in what workers have answered.
    pub fn has_heard(&mut self, answers: Vec<(usize, Result<Answer, Silence>)>) {
        self.is_asking = false;
        for (place, answer) in answers {
            match answer {
                Ok(answer) => {
                    self.silent.remove(&place);
                    self.silent_since.remove(&place);
                    let before = self.seen.insert(place, answer);
                    let pid = self.seen.get(&place).map(|it| it.worker.pid);
                    // Another process counts from zero.
                    self.keep(before.filter(|it| Some(it.worker.pid) != pid));
                }
                Err(Silence { why, is_gone }) => {
                    self.silent.insert(place, why);
                    self.silent_since.entry(place).or_insert_with(Instant::now);
                    let is_old = |it: &Answer| is_gone || it.at.elapsed() > FRESH;
                    if self.seen.get(&place).is_some_and(is_old) {
                        let gone = self.seen.remove(&place);
                        self.keep(gone);
                    }
                }
            }
        }
    }

    /// Forgets workers that are not told of any more.
    fn retain(&mut self, places: &BTreeSet<usize>) {
        let gone: Vec<usize> =
            self.seen.keys().filter(|place| !places.contains(place)).copied().collect();
        for place in gone {
            let gone = self.seen.remove(&place);
            self.keep(gone);
        }
        self.silent.retain(|place, _| places.contains(place));
        self.silent_since.retain(|place, _| places.contains(place));
    }

    fn keep(&mut self, gone: Option<Answer>) {
        if let Some(gone) = gone {
            self.past.get_or_insert_default().add(&gone.report.numbers.as_past());
        }
    }
}
