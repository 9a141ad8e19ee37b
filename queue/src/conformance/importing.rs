//! Imports, where a queue remembers them.

use super::{Backend, P0, P1, block, input, numbered, read};
use crate::{Before, Error, ImportLog, NoteChange};

fn log(backend: &dyn Backend) -> Option<Box<dyn ImportLog>> {
    let queue = backend.queue();
    queue.import_log(&input(&*queue)).unwrap()
}

fn change(key: &str, before: Before, after: &str) -> NoteChange {
    NoteChange { key: key.into(), before, after: after.into() }
}

pub fn messages_of_an_import_and_its_notes_come_together(backend: &dyn Backend) {
    let Some(mut log) = log(backend) else { return };
    let changes = [change("f1", Before::Absent, "a"), change("g", Before::Anything, "b")];
    log.append(&[(P0, &block(&["x", "y"])), (P1, &block(&["z"]))], &changes).unwrap();
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
        log.append(&[(P0, &block(&["x"]))], &first).unwrap();
    }
    for _ in 0..2 {
        log.append(&[(P0, &block(&["y"]))], &second).unwrap();
    }
    let queue = backend.queue();
    assert_eq!(read(&*queue, &input(&*queue), P0, 0), numbered(0, &["x", "y"]));
}

pub fn an_import_that_somebody_else_made_meanwhile_is_refused_as_a_whole(backend: &dyn Backend) {
    let (Some(mut one), Some(mut other)) = (log(backend), log(backend)) else { return };
    one.append(&[(P0, &block(&["x"]))], &[change("f", Before::Absent, "a")]).unwrap();
    let changes = [change("e", Before::Absent, "c"), change("f", Before::Absent, "b")];
    let refused = other.append(&[(P0, &block(&["y"]))], &changes);
    assert!(matches!(refused, Err(Error::ImportedMeanwhile { .. })), "{refused:?}");
    assert_eq!(other.notes(b"").unwrap(), [(b"f".to_vec(), b"a".to_vec())]);
    let queue = backend.queue();
    assert_eq!(read(&*queue, &input(&*queue), P0, 0), numbered(0, &["x"]));
}
