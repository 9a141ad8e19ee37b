//! A sink that is ahead of its store: it has rows that the store does not have, since an older copy
//! of the store was put back.

use seismic_queue::{Offset, Partition, Span, View};

use crate::position::mark::{SinkAhead, SinkMark};
use crate::{Error, Result, SinkSpec};

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
    Ok(of_positions(&spec.shown(), view.job.main_topic(), &next, &rows))
}

/// Whether one of the sinks that the store knows is ahead of it; a sink that cannot be asked is not.
#[must_use]
pub fn known_ahead(view: &View, sink: &str) -> Option<SinkAhead> {
    let spec: SinkSpec = sink.parse().ok()?;
    ahead(&spec, view).ok()?
}
