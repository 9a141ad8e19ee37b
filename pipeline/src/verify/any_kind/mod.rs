//! The proof of a job of any kind: its operators are run again over the logs and the journal, and
//! what they emit is compared with the topics, and their state with the retained checkpoints.
//!
//! Outputs that follow the input are compared message by message and in order. Rows of a keyed
//! output stand among those of other tasks, in an order that nobody promises, so they are compared
//! as a set by the identity that each carries: input, partition, offset, index, and number among
//! the rows of that record. Rows of messages beyond the positions of the view are newer, and are
//! passed over.
//!
//! Where the head of a log is gone, a partition is proved from its oldest checkpoint that the logs
//! still reach. What it had written before is then not compared.

mod expected;
mod fold;
mod keyed;

use std::sync::atomic::AtomicBool;

use seismic_queue::{JobStore, Offset, OutputView, Partition, Queue, View};

use self::expected::{Expected, digest};
use self::fold::{Fold, Folded};
use super::topic_reader::{Next, next_batch};
use crate::Result;
use crate::engine::operator::OperatorKind;

/// What a proof of a job of any kind says.
#[derive(Clone, Debug, Default)]
pub struct KindReport {
    /// Each partition that has progress.
    pub partitions: Vec<KindProved>,
    /// What differs, as sentences.
    pub differences: Vec<String>,
}

/// What was proved of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindProved {
    /// The partition.
    pub partition: Partition,
    /// Offsets of each input that were run again: from here ...
    pub from: Vec<Offset>,
    /// ... up to here, the committed position.
    pub to: Vec<Offset>,
    /// Whether that is all since the job began.
    pub is_complete: bool,
    /// Messages that were applied again.
    pub messages: u64,
    /// Rows compared.
    pub rows: u64,
    /// Retained checkpoints that are the state at their position.
    pub checkpoints: u64,
}

/// Proves a job of `kind`, which has its present semantics since it began.
///
/// # Errors
/// When something cannot be read or used. Differences are no errors: they are the report.
pub fn verify_kind(
    queue: &dyn Queue,
    store: &dyn JobStore,
    kind: &dyn OperatorKind,
) -> Result<KindReport> {
    let (view, stop) = (store.view()?, AtomicBool::new(true));
    for input in &view.job.inputs {
        input.is_still(&queue.topic(&input.name)?, &queue.name())?;
    }
    let (mut report, mut expected) = (KindReport::default(), Expected::new(&view.job));
    for partition in view.job.input().all() {
        let fold = Fold { queue, store, kind, view: &view, partition, stop: &stop };
        let Some(folded) = fold.run(&mut expected, &mut report.differences)? else { continue };
        let rows =
            compare_followed(store, (&view, partition), &folded, &mut expected, &mut report)?;
        report.partitions.push(KindProved { rows, ..folded.proved });
    }
    keyed::compare(store, kind, &view, expected, &mut report)?;
    Ok(report)
}

/// Compares the outputs that follow the input; gives the number of rows.
fn compare_followed(
    store: &dyn JobStore,
    (view, partition): (&View, Partition),
    folded: &Folded,
    expected: &mut Expected,
    report: &mut KindReport,
) -> Result<u64> {
    let part = &view.partitions[partition.0 as usize];
    let mut rows = 0;
    for (place, output) in view.job.outputs.iter().enumerate().filter(|(_, it)| !it.is_keyed()) {
        let expected = std::mem::take(&mut expected.followed[place]);
        let view = &part.outputs[place];
        let (mut found, topic) = (Vec::new(), &output.topic);
        read(store, topic, partition, view, |value| found.push(digest(value)))?;
        rows += expected.len() as u64;
        // Retention may have deleted the oldest rows, and what was written before is not proved.
        let is_whole = folded.proved.is_complete && view.span.first == Offset(0);
        let is_same = if is_whole {
            expected == found
        } else {
            expected.ends_with(&found) || found.ends_with(&expected)
        };
        if !is_same {
            let (expected, found) = (expected.len(), found.len());
            report.differences.push(format!(
                "{topic}/{partition} holds {found} rows, which are not the {expected} expected"
            ));
        }
    }
    Ok(rows)
}

/// Reads one partition of an output, up to the end that the view says.
fn read(
    store: &dyn JobStore,
    topic: &str,
    partition: Partition,
    view: &OutputView,
    mut take: impl FnMut(&[u8]),
) -> Result<()> {
    let topics = store.topics();
    let mut at = view.span.first;
    let mut reader = topics.reader(&topics.topic(topic)?, &[(partition, at)])?;
    let mut spare = Vec::new();
    while at < view.span.end {
        let Next::Batch(batch) = next_batch(&mut *reader, &mut spare, topic, view.span.end)? else {
            break;
        };
        let messages = batch.messages().take_while(|message| message.offset < view.span.end);
        messages.for_each(|message| take(message.value));
        at = batch.next();
        spare.push(batch);
    }
    Ok(())
}
