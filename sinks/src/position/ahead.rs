//! A sink that is ahead of its store: it has rows that the store does not have, because an older
//! copy of the store was restored.

use std::collections::{BTreeMap, BTreeSet};

use seismic_queue::{JobStore, Offset, Partition, Span, Url, View};

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

/// Whether the sink of this spec is ahead of the store, by what the sink itself knows; `queue` is
/// where the job's queue is. Sinks of other stores, and those that know nothing, are not, and
/// neither are those that have what the job has made since `view`.
///
/// # Errors
/// When what the sink knows, or the store, cannot be read.
pub fn ahead(
    spec: &SinkSpec,
    (store, view): (&dyn JobStore, &View),
    queue: &Url,
) -> Result<Option<SinkAhead>> {
    let Some(mark) = spec.entry().mark else { return Ok(None) };
    let Some(SinkMark { store_id, topic, next }) = mark(spec, queue)? else { return Ok(None) };
    if store_id != view.id {
        return Ok(None);
    }
    let compare = |view: &View| {
        let topic = topic.as_deref().unwrap_or(view.job.main_topic());
        let output = view.job.outputs.iter().position(|output| output.topic == topic)?;
        of_positions(&spec.shown(), topic, &next, &view.spans_of(output))
    };
    match compare(view) {
        None => Ok(None),
        Some(_) => Ok(compare(&store.view()?)),
    }
}

/// Those of the sinks that the store knows which are ahead of it, by their names there; a sink that
/// cannot be asked is not.
#[must_use]
pub fn all_ahead(
    (store, view): (&dyn JobStore, &View),
    queue: &Url,
) -> BTreeMap<String, SinkAhead> {
    let sinks: BTreeSet<&str> = view.sinks.iter().map(|position| &*position.sink).collect();
    let known = |sink: &str| {
        let spec: SinkSpec = sink.parse().ok()?;
        Some((sink.to_owned(), ahead(&spec, (store, view), queue).ok()??))
    };
    sinks.into_iter().filter_map(known).collect()
}
