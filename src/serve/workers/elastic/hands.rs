//! What has to wait for brokers: how many partitions an input has, savepoints before changes, and
//! those that are not kept. Each question has a thread of its own for as long as it takes, and the
//! loop of the server takes in what it heard.

use std::collections::BTreeSet;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use seismic_queue::{Error, JobStore, View};

use super::change::SAVE_WITHIN_MS;
use super::elsewhere::{Answer, Ran, Silence, Work};
use crate::job::location::Location;
use crate::remedy::in_one_line;

/// Savepoints of changes that are kept.
const KEPT: usize = 3;

/// How often it is looked whether a savepoint is there.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What was heard of a job.
#[derive(Debug)]
pub enum Heard {
    /// Partitions of its input; `None` while nobody answers.
    Partitions(Option<u32>),
    /// What became of the savepoint of that name.
    Saved(String, Result<(), String>),
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

/// Takes a savepoint of a job that runs.
pub fn save(job: &str, location: Location, name: String, ear: &Ear) {
    let none = Heard::Saved(name.clone(), Err("there can be no thread for it".to_owned()));
    let answer = move || {
        let saved = location.open_store().map_err(Into::into);
        let saved = saved.and_then(|store| save_in(&*store, &name));
        Heard::Saved(name, saved.map_err(|error| in_one_line(&error)))
    };
    ask(job, "savepoint", ear, answer, none);
}

/// Deletes the savepoints of changes, but for the newest ones.
pub fn trim(job: &str, location: Location) {
    let name = job.to_owned();
    let work = move || {
        if let Err(error) = trim_in(&location) {
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
    let (name, told) = (job.to_owned(), ear.clone());
    let work = move || {
        // When no one listens, the server is about to end.
        let _ = told.send((name, answer()));
    };
    if let Err(error) = thread::Builder::new().name(what.to_owned()).spawn(work) {
        tracing::error!("job {job}: {what}: {error}");
        let _ = ear.send((job.to_owned(), none));
    }
}

/// Asks for the savepoint, unless a server before has, and waits until all partitions have it.
fn save_in(store: &dyn JobStore, name: &str) -> anyhow::Result<()> {
    match store.request_checkpoint(name) {
        Ok(()) | Err(Error::NameTaken { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let asked = Instant::now();
    while store.checkpoint_requests()?.iter().any(|request| request.name == name) {
        if asked.elapsed() >= Duration::from_millis(SAVE_WITHIN_MS.unsigned_abs()) {
            if store.withdraw_request(name)?.is_none() {
                return Ok(());
            }
            let within_s = SAVE_WITHIN_MS / 1_000;
            anyhow::bail!("not all partitions had taken it after {within_s} s");
        }
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

fn trim_in(location: &Location) -> anyhow::Result<()> {
    let store = location.open_store()?;
    let view = store.view().context("reading the store")?;
    for name in beyond(&view) {
        match store.delete_checkpoint_name(&name) {
            // Somebody was quicker.
            Ok(()) | Err(Error::NameMissing { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Names of savepoints of changes that are not kept.
fn beyond(view: &View) -> Vec<String> {
    let checkpoints = view.partitions.iter().flat_map(|it| &it.checkpoints);
    oldest(checkpoints.flat_map(|it| &it.names).map(String::as_str))
}

/// All but the newest of them; names that a person gave are none of them.
fn oldest<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut ours: Vec<(u64, &str)> = names
        .filter_map(|name| Some((made_s(name)?, name)))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    ours.truncate(ours.len().saturating_sub(KEPT));
    ours.into_iter().map(|(_, name)| name.to_owned()).collect()
}

/// When a savepoint of a change was made, as its name says: `elastic-1764458303-w4-p8`.
fn made_s(name: &str) -> Option<u64> {
    let number = |text: &str| text.parse::<u64>().ok();
    let (at_s, rest) = name.strip_prefix("elastic-")?.split_once("-w")?;
    let (workers, slots) = rest.split_once("-p")?;
    (number(workers).is_some() && number(slots).is_some()).then(|| number(at_s)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_three_are_kept_and_names_of_people_stay() {
        let names = [
            "elastic-9-w3-p6",
            "elastic-10-w4-p8",
            "elastic-quake",
            "elastic-11-w5",
            "before",
            "elastic-8-w3-p3",
            "elastic-9-w3-p6",
            "elastic-11-w5-p10",
            "elastic-12-w6-p12",
        ];
        assert_eq!(oldest(names.into_iter()), ["elastic-8-w3-p3", "elastic-9-w3-p6"]);
        assert_eq!(oldest(names.into_iter().take(4)), [] as [&str; 0]);
    }
}
