//! The two steps of a job that repartitions its input: their names, and the location of the first
//! one. `run/two_steps.rs` runs both.
//!
//! The first step is a job with a group and a store of its own, whose names are derived from those
//! of the job, so every command finds it. Its store holds the internal topic, which the windows
//! read.

use anyhow::Context as _;
use seismic_derived::StatementKind;
use seismic_pipeline::{INTERNAL, Note, Repartition, RepartitionState};
use seismic_queue::{JobStore, Queue, Result, View};

use super::location::Location;
use crate::backends::Url;

/// Behind the name of a job: the group of its first step, and the internal topic.
const SUFFIX: &str = "-repartition";

/// Group of the first step of a job, and name of its internal topic.
#[must_use]
pub fn first_group(group: &str) -> String {
    format!("{group}{SUFFIX}")
}

/// Topic of dead letters of the first step.
#[must_use]
pub fn first_dead_topic(group: &str) -> String {
    format!("{group}{SUFFIX}-dead")
}

/// The job of whose first step that is the group.
#[must_use]
pub fn job_of_first_step(group: &str) -> &str {
    group.strip_suffix(SUFFIX).unwrap_or(group)
}

impl Location {
    /// Where the first step of the job is, if it has one: beside the job's store.
    #[must_use]
    pub fn first_step(&self) -> Location {
        let store = self.store.as_ref().and_then(beside);
        Location { store, group: first_group(&self.group), ..self.clone() }
    }

    /// Where a topic of the job's stores is: here, or where its first step is.
    #[must_use]
    pub fn of_topic(self, topic: &str) -> Location {
        let is_of_first =
            topic == first_group(&self.group) || topic == first_dead_topic(&self.group);
        if is_of_first { self.first_step() } else { self }
    }
}

/// The store beside another one; `None` for what is no file: there, the default one of the group
/// is.
fn beside(store: &Url) -> Option<Url> {
    let file = store.file()?;
    let part = |part: Option<&std::ffi::OsStr>| part.map(|it| it.to_string_lossy().into_owned());
    let stem = part(file.file_stem()).unwrap_or_default();
    let name = match part(file.extension()) {
        Some(extension) => format!("{stem}{SUFFIX}.{extension}"),
        None => format!("{stem}{SUFFIX}"),
    };
    store.at_file(&file.with_file_name(name)).map(Url)
}

/// The topic that a job repartitions; `None` for a job that does not.
#[must_use]
pub fn repartitioned_topic(view: &View) -> Option<String> {
    let mut notes = view.partitions.iter().filter_map(|part| part.progress.as_ref());
    notes.find_map(|progress| Note::decode(&progress.note).ok())?.rules.repartitioned
}

/// Group of the job whose results the job of a store reads by a statement, if it does.
#[must_use]
pub fn derived_from(view: &View) -> Option<String> {
    let mut notes = view.partitions.iter().filter_map(|part| part.progress.as_ref());
    notes.find_map(|progress| StatementKind::stored(&progress.note).ok())?.definition.input.of
}

/// The queue that a job reads: where its topic is, or the store of its first step.
pub enum InputQueue {
    /// Where the topic of records is.
    Queue(Box<dyn Queue>),
    /// The store of another job, with its topics: that of a first step, with the internal topic, or
    /// that whose results a statement reads.
    Store(Box<dyn JobStore>),
}

impl InputQueue {
    /// Opens it.
    ///
    /// # Errors
    /// When it is not there, or cannot be opened.
    pub fn open(location: &Location, view: &View) -> Result<InputQueue> {
        if let Some(of) = derived_from(view) {
            return Ok(InputQueue::Store(location.of_job(&of).open_store()?));
        }
        match repartitioned_topic(view) {
            Some(_) => Ok(InputQueue::Store(location.first_step().open_store()?)),
            None => location.open_queue_of(&view.job.input().name).map(InputQueue::Queue),
        }
    }

    /// It, for reading.
    #[must_use]
    pub fn queue(&self) -> &dyn Queue {
        match self {
            InputQueue::Queue(queue) => &**queue,
            InputQueue::Store(store) => store.topics(),
        }
    }
}

/// The first step of a job that has one, as it is in its store.
pub struct StoredFirstStep {
    /// Its store.
    pub store: Box<dyn JobStore>,
    /// That as one commit left it.
    pub view: View,
}

impl StoredFirstStep {
    /// That of the job at `location`; `None` when the job does not repartition its input.
    ///
    /// # Errors
    /// When it is missing or cannot be read.
    pub fn of(location: &Location, view: &View) -> anyhow::Result<Option<StoredFirstStep>> {
        if repartitioned_topic(view).is_none() {
            return Ok(None);
        }
        let location = location.first_step();
        let store = location.open_store()?;
        let view = store.view().with_context(|| {
            format!(
                "the first step of the job, which repartitions its input, is {}",
                location.group
            )
        })?;
        Ok(Some(StoredFirstStep { store, view }))
    }

    /// Its kind.
    ///
    /// # Errors
    /// When the store is that of another kind of job.
    pub fn kind(&self) -> anyhow::Result<Repartition> {
        Repartition::of(&self.view.job).with_context(|| {
            let group = &self.view.job.group;
            format!("the store of group {group} is not that of a first step")
        })
    }
}

/// What a first step has counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct RepartitionCounts {
    /// Records read.
    pub read: u64,
    /// Records in the internal topic.
    pub passed: u64,
    /// Messages that cannot be decoded.
    pub unparseable: u64,
    /// Messages with too many records.
    pub too_many_records: u64,
    /// Messages that were deleted before they were read.
    pub lost_messages: u64,
}

impl RepartitionCounts {
    /// Of all partitions.
    ///
    /// # Errors
    /// When a note cannot be read.
    pub fn of(view: &View) -> anyhow::Result<Self> {
        let mut counts = RepartitionCounts::default();
        for progress in view.partitions.iter().filter_map(|part| part.progress.as_ref()) {
            let state = RepartitionState::of_note(&progress.note)?;
            counts.read += state.read;
            counts.passed += state.passed;
            counts.unparseable += state.unparseable;
            counts.too_many_records += state.too_many_records;
            counts.lost_messages += state.lost_messages;
        }
        Ok(counts)
    }

    /// Dead letters of the first step.
    #[must_use]
    pub fn dead_letters(&self) -> u64 {
        self.unparseable + self.too_many_records
    }
}

/// Whether a store is that of a first step.
#[must_use]
pub fn is_first_step(view: &View) -> bool {
    view.job.outputs.first().is_some_and(|output| output.role == INTERNAL)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_first_step_lies_beside_the_store_of_its_job() {
        let location = Location { group: "g".to_owned(), ..Location::default() };
        let first = location.first_step();
        assert_eq!(first.group, "g-repartition");
        assert_eq!(job_of_first_step(&first.group), "g");
        let url = first.store_url().to_string();
        assert_eq!(url, "sqlite:output/queue.g-repartition.home.db");
        let store = Some(Url::of_file(Path::new("a/jobs.db")));
        let first = Location { store, ..location }.first_step();
        assert_eq!(first.store_url().to_string(), "sqlite:a/jobs-repartition.db");
    }
}
