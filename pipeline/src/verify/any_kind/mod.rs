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
mod output_reader;
mod report;

use std::sync::atomic::AtomicBool;

use seismic_queue::{JobStore, Offset, Partition, Queue, View};

pub use self::report::{KindProved, KindReport};

use self::expected::{Expected, digest};
use self::fold::{Fold, Folded};
use self::output_reader::read;
use crate::Result;
use crate::engine::operator::OperatorKind;

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
        // What was written before the proof begins is not proved, and retention may have deleted
        // the oldest rows. Only one of the two explains that a side begins later.
        let is_begun = folded.proved.is_complete;
        let is_kept = view.span.first == Offset(0);
        let is_same = match (is_begun, is_kept) {
            (true, true) => expected == found,
            (false, true) => found.ends_with(&expected),
            (true, false) => expected.ends_with(&found),
            (false, false) => expected.ends_with(&found) || found.ends_with(&expected),
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
