//! Import logs, for queues that have one.

use std::sync::atomic::AtomicBool;

use super::{Backend, P0, P1, block, input, numbered, read};
use crate::{Before, Block, Error, ImportLog, NoteChange, Partition, Result, patiently};

fn log(backend: &dyn Backend) -> Option<Box<dyn ImportLog>> {
    let queue = backend.queue();
    queue.import_log(&input(&*queue)).unwrap()
}

fn change(key: &str, before: Before, after: &str) -> NoteChange {
    NoteChange { key: key.into(), before, after: after.into() }
}

/// Appends, and repeats the call while the queue is busy, as every import must.
fn insist(
    log: &mut dyn ImportLog,
    (partition, values): (Partition, &[&str]),
    changes: &[NoteChange],
) -> Result<()> {
    insist_on_all(log, &[(partition, &block(values))], changes)
}

fn insist_on_all(
    log: &mut dyn ImportLog,
    blocks: &[(Partition, &Block)],
    changes: &[NoteChange],
) -> Result<()> {
    patiently(&AtomicBool::new(false), || log.append(blocks, changes))
}

pub fn messages_of_an_import_and_its_notes_come_together(backend: &dyn Backend) {
    let Some(mut log) = log(backend) else { return };
    let changes = [change("f1", Before::Absent, "a"), change("g", Before::Anything, "b")];
    let blocks = [(P0, &block(&["x", "y"])), (P1, &block(&["z"]))];
    insist_on_all(&mut *log, &blocks, &changes).unwrap();
    let queue = backend.queue();
    let topic = input(&*queue);
    assert_eq!(read(&*queue, &topic, P0, 0), numbered(0, &["x", "y"]));
    assert_eq!(read(&*queue, &topic, P1, 0), numbered(0, &["z"]));
    let mut other = queue.import_log(&topic).unwrap().unwrap();
    assert_eq!(other.notes(b"f").unwrap(), [(b"f1".to_vec(), b"a".to_vec())]);
    assert_eq!(other.notes(b"").unwrap().len(), 2);
}

pub fn an_import_that_is_repeated_is_recognised_by_its_notes(backend: &dyn Backend) {
    let Some(mut log) = log(backend) else { return };
    let first = [change("f", Before::Absent, "a")];
    let second = [change("f", Before::Is(b"a".to_vec()), "b"), change("s", Before::Anything, "1")];
    for _ in 0..2 {
        insist(&mut *log, (P0, &["x"]), &first).unwrap();
    }
    for _ in 0..2 {
        insist(&mut *log, (P0, &["y"]), &second).unwrap();
    }
    let queue = backend.queue();
    let expected = [numbered(0, &["x"]), numbered(1 + backend.gap(), &["y"])].concat();
    assert_eq!(read(&*queue, &input(&*queue), P0, 0), expected);
}

pub fn an_import_that_somebody_else_made_meanwhile_is_refused_as_a_whole(backend: &dyn Backend) {
    let (Some(mut one), Some(mut other)) = (log(backend), log(backend)) else { return };
    insist(&mut *one, (P0, &["x"]), &[change("f", Before::Absent, "a")]).unwrap();
    let changes = [change("e", Before::Absent, "c"), change("f", Before::Absent, "b")];
    let refused = insist(&mut *other, (P0, &["y"]), &changes);
    assert!(matches!(refused, Err(Error::ImportedMeanwhile { .. })), "{refused:?}");
    assert_eq!(other.notes(b"").unwrap(), [(b"f".to_vec(), b"a".to_vec())]);
    let queue = backend.queue();
    assert_eq!(read(&*queue, &input(&*queue), P0, 0), numbered(0, &["x"]));
}

pub fn two_imports_into_one_topic_both_come_to_their_end(backend: &dyn Backend) {
    let (Some(mut one), Some(mut other)) = (log(backend), log(backend)) else { return };
    let mut expected = Vec::new();
    for number in 0..3u32 {
        let before = number.checked_sub(1);
        let before = before.map_or(Before::Absent, |it| Before::Is(it.to_string().into()));
        let after = number.to_string();
        for (log, name) in [(&mut one, "f"), (&mut other, "g")] {
            let value = format!("{name}{number}");
            let note = change(name, before.clone(), &after);
            insist(&mut **log, (P0, &[&value]), &[note]).unwrap();
            expected.push(value);
        }
    }
    let queue = backend.queue();
    let read = read(&*queue, &input(&*queue), P0, 0);
    assert_eq!(read.into_iter().map(|(_, value)| value).collect::<Vec<_>>(), expected);
}
