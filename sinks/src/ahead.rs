//! A sink that is ahead of its store: it has rows that the store does not have, since an older copy
//! of the store was put back.

use std::fmt;

use seismic_queue::{Offset, Partition, Span, View};

use crate::{Error, Result, SinkSpec};

/// What a sink itself knows of its position, apart from what the store knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkMark {
    /// Id of the store whose rows it has.
    pub store_id: String,
    /// Next row of each partition of the result topic.
    pub next: Vec<Offset>,
}

/// A partition of which a sink has more rows than the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkAhead {
    /// Name of the sink.
    pub sink: String,
    /// The result topic.
    pub topic: String,
    /// Its partition.
    pub partition: Partition,
    /// Next row of the sink.
    pub next: Offset,
    /// Where the rows of the store end.
    pub end: Offset,
}

impl fmt::Display for SinkAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SinkAhead { sink, topic, partition, next, end } = self;
        write!(
            f,
            "{sink} is ahead of its store: it has the rows of {topic}/{partition} up to offset {next}, and \
             the store has them up to {end}, as if an older copy of the store was put back"
        )
    }
}

impl From<SinkAhead> for Error {
    fn from(ahead: SinkAhead) -> Self {
        Error::Ahead(Box::new(ahead))
    }
}

/// The first partition in which `next` is beyond the end of the store's rows.
pub(crate) fn of_positions(
    sink: &str,
    topic: &str,
    next: &[Offset],
    rows: &[Span],
) -> Option<SinkAhead> {
    let mut partitions = (0..).map(Partition).zip(next).zip(rows);
    let ((partition, &next), span) = partitions.find(|((_, next), span)| **next > span.end)?;
    let (sink, topic) = (sink.to_owned(), topic.to_owned());
    Some(SinkAhead { sink, topic, partition, next, end: span.end })
}

/// Whether the sink of this spec is ahead of the store, by what the sink itself knows. Sinks of
/// other stores, and those that know nothing, are not.
///
/// # Errors
/// When what the sink knows cannot be read.
pub fn ahead(spec: &SinkSpec, view: &View) -> Result<Option<SinkAhead>> {
    let Some(mark) = spec.entry().mark else { return Ok(None) };
    let Some(SinkMark { store_id, next }) = mark(spec)? else { return Ok(None) };
    if store_id != view.id {
        return Ok(None);
    }
    let rows: Vec<Span> = view.partitions.iter().map(|part| part.outputs[0].span).collect();
    Ok(of_positions(&spec.to_string(), view.job.main_topic(), &next, &rows))
}

/// Whether one of the sinks that the store knows is ahead of it; a sink that cannot be asked is not.
#[must_use]
pub fn known_ahead(view: &View, sink: &str) -> Option<SinkAhead> {
    let spec: SinkSpec = sink.parse().ok()?;
    ahead(&spec, view).ok()?
}
