//! Recent losses of a job, read from its store, for commands that inspect it from outside.
//!
//! The newest dead letters of each partition are compared with the newest rows, over the part of
//! the input that both cover. So losses of long ago are not reported again.

use seismic_queue::{JobStore, Offset, Partition, Span, View};

use crate::engine::loss_reader::LossReason;
use crate::engine::operator::OperatorKind;
use crate::runner::notices::losses::Losses;
use crate::runner::notices::notice::Notice;
use crate::verify::TopicReader;
use crate::{Result, limits};

/// What is lost, by reason.
///
/// # Errors
/// When the store cannot be read.
pub fn notices_of_losses(
    kind: &dyn OperatorKind,
    store: &dyn JobStore,
    view: &View,
) -> Result<Vec<Notice>> {
    let Some(reader) = kind.loss_reader() else { return Ok(Vec::new()) };
    let (rows_place, letters_place) = (reader.rows_place(), reader.letters_place());
    let (mut losses, mut counted) = (Losses::default(), 0);
    for (partition, part) in view.job.input().all().zip(&view.partitions) {
        let outputs = part.outputs.get(rows_place).zip(part.outputs.get(letters_place));
        let Some((rows, letters)) = outputs else { continue };
        let topic = &view.job.outputs[letters_place].topic;
        let at = (partition, newest(letters.span, limits::LETTERS_COMPARED));
        let letters: Newest<(LossReason, String)> = read(store, topic, at, |value| {
            let (reason, at) = reader.letter(value)?;
            Some((at, (reason, reader.example(value))))
        })?;
        if letters.values.is_empty() {
            continue;
        }
        let topic = &view.job.outputs[rows_place].topic;
        let at = (partition, newest(rows.span, limits::ROWS_COMPARED));
        let rows: Newest<u64> = read(store, topic, at, |value| {
            let (records, at) = reader.row(value)?;
            Some((at, records))
        })?;
        // Both reach back to here.
        let from = letters.reaches_back_to().max(rows.reaches_back_to());
        for (_, key, (reason, example)) in letters.values.into_iter().filter(|it| it.0 >= from) {
            counted += 1;
            losses.add_letter(&key, reason, 1, || example);
        }
        for (_, key, records) in rows.values.iter().filter(|it| it.0 >= from) {
            counted += records;
            losses.add_row(key, *records);
        }
    }
    Ok(losses.judge(counted, |_| 0).into_iter().map(Notice::Rejected).collect())
}

fn newest(span: Span, most: u64) -> (Span, bool) {
    let first = Offset(span.end.0.saturating_sub(most).max(span.first.0));
    (Span { first, ..span }, first == Offset(0))
}

/// The newest values of a topic, each with the offset of the input at which it was written, and its
/// key.
struct Newest<T> {
    values: Vec<(Offset, Vec<u8>, T)>,
    /// Whether these are all.
    is_whole: bool,
}

impl<T> Newest<T> {
    /// All of what is whole, and of what is cut its first value on.
    fn reaches_back_to(&self) -> Offset {
        match self.values.first() {
            Some((first, ..)) if !self.is_whole => *first,
            _ => Offset(0),
        }
    }
}

fn read<T>(
    store: &dyn JobStore,
    topic: &str,
    (partition, (span, is_whole)): (Partition, (Span, bool)),
    decode: impl Fn(&[u8]) -> Option<(Offset, T)>,
) -> Result<Newest<T>> {
    let mut values = Vec::new();
    let mut reader = TopicReader::open(store, topic, partition, span)?;
    while reader.read_messages(|message| {
        if let Some((at, value)) = decode(message.value) {
            values.push((at, message.key.to_vec(), value));
        }
    })? {}
    Ok(Newest { values, is_whole })
}
