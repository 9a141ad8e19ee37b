//! The proof of a job of any kind: its operators are run again over the log and the journal, and
//! what they emit is compared with the topics.
//!
//! Outputs that follow the input are compared message by message and in order. Rows of a keyed
//! output stand among those of other tasks, in an order that nobody promises, so they are compared as
//! a set by the identity that each carries: input partition, offset, index, and number among the rows
//! of that record. Rows of messages beyond the positions of the view are newer, and are passed over.

use std::collections::BTreeMap;

use seismic_queue::{JobStore, Offset, OutputView, Partition, PartitionCommit, Queue, View};

use super::topic_reader::{Next, next_batch};
use crate::engine::journal::Entry;
use crate::engine::operator::{Operator, OperatorKind, RowIdentity};
use crate::{Error, Result};

/// A keyed row as it should be: where it goes and what it is.
type Keyed = BTreeMap<(usize, RowIdentity), (Partition, Vec<u8>)>;

/// Proves a job of `kind`, which began under its present semantics and whose log and outputs are
/// whole. Gives the differences, as sentences.
///
/// # Errors
/// When something cannot be read or used.
pub fn verify_kind(
    queue: &dyn Queue,
    store: &dyn JobStore,
    kind: &dyn OperatorKind,
) -> Result<Vec<String>> {
    let view = store.view()?;
    let mut differences = Vec::new();
    let mut keyed = Keyed::new();
    for partition in view.job.input().all() {
        let Some(emitted) = emit_again(queue, store, kind, (&view, partition), &mut differences)?
        else {
            continue;
        };
        let part = &view.partitions[partition.0 as usize];
        for (place, output) in view.job.outputs.iter().enumerate() {
            if output.is_keyed() {
                continue;
            }
            let expected = emitted.outputs.get(place).into_iter().flat_map(|it| it.messages());
            let expected: Vec<_> = expected.map(|(_, value)| value.to_vec()).collect();
            let found = read(store, &output.topic, partition, &part.outputs[place])?;
            if expected != found {
                let (topic, expected, found) = (&output.topic, expected.len(), found.len());
                differences.push(format!(
                    "{topic}/{partition} holds {found} rows, which are not the {expected} expected"
                ));
            }
        }
        for block in &emitted.keyed {
            for (_, value) in block.rows.messages() {
                match kind.identity(block.output, value) {
                    Some(identity) => {
                        let row = (block.partition, value.to_vec());
                        keyed.insert((block.output, identity), row);
                    }
                    None => {
                        differences.push(format!("a row of output {} names nothing", block.output))
                    }
                }
            }
        }
    }
    compare_keyed(store, kind, &view, keyed, &mut differences)?;
    Ok(differences)
}

/// All that a partition emitted up to its committed position; `None` when it has not begun.
fn emit_again(
    queue: &dyn Queue,
    store: &dyn JobStore,
    kind: &dyn OperatorKind,
    (view, partition): (&View, Partition),
    differences: &mut Vec<String>,
) -> Result<Option<PartitionCommit>> {
    let (part, job) = (&view.partitions[partition.0 as usize], &view.job);
    let Some(progress) = &part.progress else { return Ok(None) };
    let mut entries = Vec::new();
    for entry in store.journal(partition, part.journal.clone())? {
        let sequence = entry.sequence;
        let decoded = Entry::decode(&entry.bytes);
        let damaged = |source| Error::Entry { partition, sequence, source };
        entries.push((entry.at, sequence, decoded.map_err(damaged)?));
    }
    let Some((start, _, Entry::Start { .. })) = entries.first() else {
        return Err(Error::NoBeginning { partition });
    };
    let mut operator = kind.start(&job.input().name, partition, *start);
    let mut entries = entries.into_iter().peekable();
    let mut apply_until = |operator: &mut dyn Operator, at: Offset| -> Result<()> {
        while let Some((at, sequence, entry)) = entries.next_if(|(entry_at, ..)| *entry_at <= at) {
            operator.pass(at);
            let damaged = |source| Error::Entry { partition, sequence, source };
            operator.apply_entry(&entry).map_err(damaged)?;
        }
        Ok(())
    };
    let mut reader = queue.reader(job.input(), &[(partition, operator.position())])?;
    let (mut spare, until) = (Vec::new(), progress.next);
    while operator.position() < until {
        let Next::Batch(batch) = next_batch(&mut *reader, &mut spare, &job.input().name, until)?
        else {
            break;
        };
        for message in batch.messages().take_while(|message| message.offset < until) {
            apply_until(&mut *operator, message.offset)?;
            if message.offset >= operator.position() {
                operator.apply_message(message);
            }
        }
        spare.push(batch);
    }
    apply_until(&mut *operator, until)?;
    if let Err((ours, noted)) = operator.check_note(&progress.note) {
        differences.push(format!("partition {partition} counted {noted}, not {ours}"));
    }
    let mut emitted = PartitionCommit::new(partition);
    operator.move_output(&mut emitted);
    Ok(Some(emitted))
}

fn compare_keyed(
    store: &dyn JobStore,
    kind: &dyn OperatorKind,
    view: &View,
    mut expected: Keyed,
    differences: &mut Vec<String>,
) -> Result<()> {
    for (place, output) in view.job.outputs.iter().enumerate() {
        for (partition, of_it) in (0..).map(Partition).zip(&view.keyed[place]) {
            for value in read(store, &output.topic, partition, of_it)? {
                let at = format!("{}/{partition}", output.topic);
                let Some(identity) = kind.identity(place, &value) else {
                    differences.push(format!("a row of {at} names nothing"));
                    continue;
                };
                if is_newer(view, &identity) {
                    continue;
                }
                match expected.remove(&(place, identity)) {
                    Some((to, row)) if to == partition && row == value => {}
                    Some(_) => differences.push(format!("{identity:?} in {at} is another row")),
                    None => {
                        differences.push(format!("{identity:?} in {at} is there twice or wrong"))
                    }
                }
            }
        }
    }
    for ((place, identity), (partition, _)) in expected {
        let topic = &view.job.outputs[place].topic;
        differences.push(format!("{identity:?} is missing in {topic}/{partition}"));
    }
    Ok(())
}

/// Whether a row is of a message beyond the positions of the view.
fn is_newer(view: &View, identity: &RowIdentity) -> bool {
    let part = view.partitions.get(identity.partition.0 as usize);
    let progress = part.and_then(|part| part.progress.as_ref());
    progress.is_none_or(|progress| identity.offset >= progress.next)
}

/// Values of one partition of an output, up to the end that the view says.
fn read(
    store: &dyn JobStore,
    topic: &str,
    partition: Partition,
    view: &OutputView,
) -> Result<Vec<Vec<u8>>> {
    let topics = store.topics();
    let (mut values, mut at) = (Vec::new(), view.span.first);
    let mut reader = topics.reader(&topics.topic(topic)?, &[(partition, at)])?;
    let mut spare = Vec::new();
    while at < view.span.end {
        let Next::Batch(batch) = next_batch(&mut *reader, &mut spare, topic, view.span.end)? else {
            break;
        };
        let messages = batch.messages().take_while(|message| message.offset < view.span.end);
        values.extend(messages.map(|message| message.value.to_vec()));
        at = batch.next();
        spare.push(batch);
    }
    Ok(values)
}
