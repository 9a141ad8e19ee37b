//! How a sink starts: it recovers, and its position is compared with the store. It never skips rows
//! or guesses.

use seismic_queue::{Error as QueueError, Fingerprint, JobStore, Offset, Partition, Reader, Span};
use seismic_queue::{OutputView, Topic};

use crate::position::ahead;
use crate::{Error, Result, Sink, SkippedRows};

/// A sink that has recovered, and where it continues.
pub(super) struct Begun {
    /// Name of the result topic.
    pub(super) topic: String,
    /// Next row of each partition.
    pub(super) start: Vec<Offset>,
    pub(super) reader: Box<dyn Reader>,
    pub(super) skipped: SkippedRows,
}

/// Lets a sink of the output at that place recover, and compares what it says with the store.
pub(super) fn begin(store: &dyn JobStore, sink: &mut dyn Sink, output: usize) -> Result<Begun> {
    let view = store.view()?;
    let topic = store.topics().topic(&view.job.outputs[output].topic)?;
    let spans = store.topics().spans(&topic)?;
    let mut start = sink.recover(&spans)?;
    // Another process may have written for this sink meanwhile, rows that were not there before.
    let spans = store.topics().spans(&topic)?;
    assert_eq!(start.len(), spans.len(), "a sink answers for every partition");
    for (partition, (&at, span)) in topic.all().zip(start.iter().zip(&spans)) {
        check_start(&topic, partition, at, span)?;
    }
    if let Some(ahead) = ahead::of_positions(sink.name(), &topic.name, &start, &spans) {
        return Err(ahead.into());
    }
    let mut skipped = SkippedRows::of(store, sink.name())?;
    if sink.keeps_position() {
        for (partition, first) in take_back(sink, &mut start, &view.output(output))? {
            skipped.take_back(store, sink.name(), partition, first)?;
        }
    }
    check_last_rows(store, &topic, sink)?;
    let reader = store.topics().reader(&topic, &named(&start))?;
    if sink.keeps_position() {
        // Before anything is shown: retention must not take rows that a new sink begins with.
        store.put_sink_position(sink.name(), output, &named(&start))?;
    }
    tracing::info!(sink = sink.name(), at = in_words(&start), "sink starts");
    Ok(Begun { topic: topic.name, start, reader, skipped })
}

/// Has a sink remove the rows that a rewind took back, and refuses one that cannot. One that has
/// none continues where such rows were, or after what came next. Returns from where each was taken
/// back.
fn take_back(
    sink: &mut dyn Sink,
    start: &mut [Offset],
    outputs: &[&OutputView],
) -> Result<Vec<(Partition, Offset)>> {
    let mut taken = Vec::new();
    for ((partition, at), part) in (0..).map(Partition).zip(start).zip(outputs) {
        let is_within = |cut: &&Span| cut.first < *at && *at <= cut.end;
        let Some(cut) = part.cuts.iter().find(is_within) else { continue };
        if !sink.take_back(partition, cut.first)? {
            let sink = sink.name().to_owned();
            return Err(Error::TakenBack { sink, partition, at: *at });
        }
        tracing::warn!(
            sink = sink.name(), %partition, from = %cut.first, until = %at,
            "the sink has removed the rows that a rewind took back"
        );
        *at = cut.first;
        taken.push((partition, cut.first));
    }
    Ok(taken)
}

/// Refuses to begin where the topic has no rows, instead of skipping or guessing.
fn check_start(topic: &Topic, partition: Partition, at: Offset, span: &Span) -> Result<()> {
    if at < span.first {
        let (topic, first) = (topic.name.clone(), span.first);
        return Err(QueueError::OffsetGone { topic, partition, wanted: at, first }.into());
    }
    Ok(())
}

/// Whether the store has the rows that the sink had last. Rows that retention deleted, or a rewind
/// removed, say nothing.
fn check_last_rows(store: &dyn JobStore, topic: &Topic, sink: &dyn Sink) -> Result<()> {
    for (partition, last) in topic.all().zip(sink.last_rows()) {
        let Some(last) = last else { continue };
        let found = Fingerprint::find(store.topics(), topic, partition, last.offset)?;
        if found.is_some_and(|found| found != last) {
            let (sink, topic, offset) = (sink.name().to_owned(), topic.name.clone(), last.offset);
            return Err(Error::OtherRows { sink, topic, partition, offset });
        }
    }
    Ok(())
}

pub(super) fn named(offsets: &[Offset]) -> Vec<(Partition, Offset)> {
    (0..).map(Partition).zip(offsets.iter().copied()).collect()
}

/// Positions as people read them: that of each partition, in order.
fn in_words(offsets: &[Offset]) -> String {
    offsets.iter().map(Offset::to_string).collect::<Vec<_>>().join(", ")
}
