//! What has to wait for brokers: how many partitions an input has, savepoints before changes, and
//! those that are not kept. Each question has a thread of its own for as long as it takes, and the
//! loop of the server takes in what it heard.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use super::elsewhere::{Answer, Ran, Silence, Work};
use super::lease::answered::Answered;
use super::others::Ours;
use super::savepoints;
use crate::job::location::Location;
use crate::remedy::in_one_line;

/// What was heard of a job.
#[derive(Debug)]
pub enum Heard {
    /// Partitions of its input; `None` while nobody answers.
    Partitions(Option<u32>),
    /// When it was asked, and which partitions of the input workers of others hold.
    Others(Instant, BTreeSet<u32>),
    /// What became of the savepoint of that name.
    Saved(String, Result<(), String>),
    /// What came of a step of the lease.
    Lease(Answered),
    /// What came of work for workers elsewhere.
    Acted(Work, Ran),
    /// What workers elsewhere have said, each at its place.
    Answers(Vec<(usize, Result<Answer, Silence>)>),
}

/// Where it is said, with the name of the job.
pub type Ear = Sender<(String, Heard)>;

/// Asks for the partitions of the input.
pub fn ask_partitions(job: &str, location: Location, topic: String, ear: &Ear) {
    let answer = move || {
        let asked = location.open_queue_of(&topic).and_then(|queue| queue.topic(&topic));
        if let Err(error) = &asked {
            tracing::debug!("partitions of topic {topic} are not known: {error}");
        }
        Heard::Partitions(asked.ok().map(|topic| topic.partitions))
    };
    ask(job, "partitions", ear, answer, Heard::Partitions(None));
}

/// Asks which partitions workers of others hold.
pub fn ask_others(job: &str, location: Location, ours: Ours, ear: &Ear) {
    let asked = Instant::now();
    let answer = move || {
        let members = location.open_store().and_then(|store| store.members());
        if let Err(error) = &members {
            tracing::debug!("who has partitions is not known: {error}");
        }
        let members = members.ok().flatten().unwrap_or_default();
        Heard::Others(asked, ours.held_by_others(&members))
    };
    ask(job, "members", ear, answer, Heard::Others(asked, BTreeSet::new()));
}

/// Takes a savepoint of a job that runs. Its note is written when that was said: no change waits for it.
pub fn save(
    job: &str,
    location: Location,
    (name, within): (String, Duration),
    folder: PathBuf,
    ear: &Ear,
) {
    let none = Heard::Saved(name.clone(), Err("there can be no thread for it".to_owned()));
    let work = move |tell: &dyn Fn(Heard)| {
        let saved = savepoints::save(&location, &name, within);
        let outcome = saved.as_ref().map(drop).map_err(in_one_line);
        tell(Heard::Saved(name.clone(), outcome));
        let noted = saved.ok().map(|store| savepoints::note(&location, &*store, &name, &folder));
        // The savepoint is there without it.
        if let Some(Err(error)) = noted {
            tracing::warn!("the note of savepoint {name} cannot be written: {error:#}");
        }
    };
    on_a_thread(job, "savepoint", ear, work, none);
}

/// Deletes the savepoints of changes, but for the newest ones.
pub fn trim(job: &str, location: Location, folder: PathBuf) {
    let name = job.to_owned();
    let work = move || {
        if let Err(error) = savepoints::trim(&location, &folder) {
            tracing::warn!("job {name}: old savepoints of scaling stay: {error:#}");
        }
    };
    if let Err(error) = thread::Builder::new().name("trim".to_owned()).spawn(work) {
        tracing::warn!("job {job}: old savepoints of scaling stay: {error}");
    }
}

/// Asks on a thread of its own; without one, `none` is what was heard.
pub fn ask(
    job: &str,
    what: &str,
    ear: &Ear,
    answer: impl FnOnce() -> Heard + Send + 'static,
    none: Heard,
) {
    on_a_thread(job, what, ear, move |tell: &dyn Fn(Heard)| tell(answer()), none);
}

fn on_a_thread(
    job: &str,
    what: &str,
    ear: &Ear,
    work: impl FnOnce(&dyn Fn(Heard)) + Send + 'static,
    none: Heard,
) {
    let (name, told) = (job.to_owned(), ear.clone());
    let work = move || {
        work(&|heard| {
            // When no one listens, the server is about to end.
            let _ = told.send((name.clone(), heard));
        });
    };
    if let Err(error) = thread::Builder::new().name(what.to_owned()).spawn(work) {
        tracing::error!("job {job}: {what}: {error}");
        let _ = ear.send((job.to_owned(), none));
    }
}
