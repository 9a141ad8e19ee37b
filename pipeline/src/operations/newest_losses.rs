//! What a job lost lately, from what it has stored: for whoever looks at it from outside.
//!
//! The newest dead letters of each partition are compared with the newest rows, over the part of
//! the input that both reach back to. So what was lost long ago, and is over, is not told again.

use seismic_proto::{Message as _, SeismicAggRecord, SeismicDeadLetter};
use seismic_queue::{Block, JobStore, Offset, Partition, Span, View};

use crate::engine::windows::output::DEAD;
use crate::engine::windows::reject_reason::RejectReason;
use crate::runner::notices::losses::Losses;
use crate::runner::notices::notice::Notice;
use crate::verify::TopicReader;
use crate::{Result, limits};

/// What is lost, by reason.
///
/// # Errors
/// When the store cannot be read.
pub fn notices_of_losses(store: &dyn JobStore, view: &View) -> Result<Vec<Notice>> {
    let Some(dead_topic) = view.job.topic_of(DEAD) else { return Ok(Vec::new()) };
    let (mut losses, mut counted) = (Losses::default(), 0);
    for (partition, part) in view.job.input().all().zip(&view.partitions) {
        let [rows, letters, ..] = &part.outputs[..] else { continue };
        let at = (partition, newest(letters.span, limits::LETTERS_COMPARED));
        let (letters, is_whole) = read_letters(store, dead_topic, at)?;
        let Some((first, ..)) = letters.first() else { continue };
        let at = (partition, newest(rows.span, limits::ROWS_COMPARED));
        let (rows, are_whole) = read_rows(store, view.job.main_topic(), at)?;
        // Both reach back to here: all of what is whole, and of what is cut its first value on.
        let from_letters = if is_whole { 0 } else { *first };
        let from_rows = match rows.first() {
            Some((first, _)) if !are_whole => *first,
            _ => 0,
        };
        let from = from_letters.max(from_rows);
        for (_, key, letter) in letters.iter().filter(|(offset, ..)| *offset >= from) {
            counted += 1;
            if let Some(reason) = RejectReason::named(&letter.reason) {
                losses.letter(&String::from_utf8_lossy(key), reason, letter, 1);
            }
        }
        let mut block = Block::default();
        for (_, row) in rows.iter().filter(|(offset, _)| *offset >= from) {
            counted += row.record_count.max(0) as u64;
            // A row that was stored fits a block.
            let _ = block.push(row.sensor_id.as_bytes(), &row.encode_to_vec());
        }
        losses.rows_all(&block);
    }
    Ok(losses.judge(counted, |_| 0).into_iter().map(Notice::Rejected).collect())
}

fn newest(span: Span, most: u64) -> (Span, bool) {
    let first = Offset(span.end.0.saturating_sub(most).max(span.first.0));
    (Span { first, ..span }, first == Offset(0))
}

type Letter = (i64, Vec<u8>, SeismicDeadLetter);

/// Dead letters by the offset of the input, with their keys, and whether those are all.
fn read_letters(
    store: &dyn JobStore,
    topic: &str,
    (partition, (span, is_whole)): (Partition, (Span, bool)),
) -> Result<(Vec<Letter>, bool)> {
    let mut letters = Vec::new();
    let mut reader = TopicReader::open(store, topic, partition, span)?;
    while reader.read_messages(|message| {
        if let Ok(letter) = SeismicDeadLetter::decode(message.value) {
            letters.push((letter.input_offset, message.key.to_vec(), letter));
        }
    })? {}
    Ok((letters, is_whole))
}

/// Rows by the offset of the input at which they were closed, and whether those are all.
fn read_rows(
    store: &dyn JobStore,
    topic: &str,
    (partition, (span, is_whole)): (Partition, (Span, bool)),
) -> Result<(Vec<(i64, SeismicAggRecord)>, bool)> {
    let mut rows = Vec::new();
    let mut reader = TopicReader::open(store, topic, partition, span)?;
    while reader.read(|_, value| {
        if let Ok(row) = SeismicAggRecord::decode(value) {
            rows.push((row.closing_offset, row));
        }
    })? {}
    Ok((rows, is_whole))
}
