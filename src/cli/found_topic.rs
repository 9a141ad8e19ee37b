//! Where a topic is, what its messages are, and where reading it begins.

use seismic_derived::ROWS;
use seismic_pipeline::{DEAD, ROLLUP, StartFrom};
use seismic_queue::{Error, JobStore, Offset, Partition, Queue, Span, Topic};

use crate::cli::exit::Usage;
use crate::cli::json::Content;
use crate::job::location::Location;
use crate::job::repartition::is_first_step;

/// Which of the two places of topics is meant.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Where {
    /// The queue
    Queue,
    /// The job's store
    #[value(name = "store", alias = "home")]
    Store,
}

/// A topic that was found.
pub(crate) struct FoundTopic {
    place: Origin,
    /// What its messages are.
    pub content: Content,
}

enum Origin {
    Queue(Box<dyn Queue>),
    Store(Box<dyn JobStore>),
}

impl FoundTopic {
    /// Looks for it in the job store, then in the queue, or only where it is said to be.
    ///
    /// # Errors
    /// When neither has it, or cannot be read.
    pub(crate) fn of(
        location: &Location,
        topic: &str,
        place: Option<Where>,
    ) -> anyhow::Result<FoundTopic> {
        if place != Some(Where::Queue)
            && let Some((store, content)) = in_store(location, topic, place)?
        {
            return Ok(FoundTopic { place: Origin::Store(store), content });
        }
        let (queue, content) = match seismic_sinks::rows_in(&location.queue, topic)? {
            Some(queue) => (queue, Content::Rows),
            None => (location.open_queue_of(topic)?, Content::Records),
        };
        Ok(FoundTopic { place: Origin::Queue(queue), content })
    }

    /// What to read it with.
    pub(crate) fn queue(&self) -> &dyn Queue {
        match &self.place {
            Origin::Queue(queue) => &**queue,
            Origin::Store(store) => store.topics(),
        }
    }
}

/// The store and what the topic's messages are, if it is one of the store's; an error if it must be
/// and is not.
fn in_store(
    location: &Location,
    topic: &str,
    place: Option<Where>,
) -> anyhow::Result<Option<(Box<dyn JobStore>, Content)>> {
    let store = location.open_store()?;
    let job = match store.view() {
        Ok(view) if is_first_step(&view) && topic == view.job.main_topic() => {
            return Ok(Some((store, Content::Internal)));
        }
        Ok(view) => view.job,
        Err(Error::StoreMissing { .. }) if place.is_none() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let is_of_statement = |topic: &str| job.topics_of(ROWS).any(|it| it == topic);
    let content = if is_of_statement(topic) {
        Content::Json
    } else if topic == job.main_topic() || job.topics_of(ROLLUP).any(|it| it == topic) {
        Content::Rows
    } else if job.topic_of(DEAD) == Some(topic) {
        Content::DeadLetters
    } else if place == Some(Where::Store) {
        let topics: Vec<_> = job.topics().map(String::as_str).collect();
        let text = format!("the store has the topics {}, not {topic}", topics.join(", "));
        return Err(Usage(text).into());
    } else {
        return Ok(None);
    };
    Ok(Some((store, content)))
}

/// The first offset to read of a partition that holds `span`.
pub(crate) fn begin(
    queue: &dyn Queue,
    topic: &Topic,
    partition: Partition,
    span: Span,
    from: StartFrom,
) -> seismic_queue::Result<Offset> {
    match from {
        StartFrom::Earliest => Ok(span.first),
        StartFrom::Latest => Ok(span.end),
        StartFrom::Offset(offset) => Ok(Offset(offset).max(span.first)),
        StartFrom::Time(ms) => queue.offset_at(topic, partition, ms),
    }
}
