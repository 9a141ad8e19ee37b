//! What survives closing everything.

use std::fs;

use super::{InFiles, P0, acquire, append, block, read, step};
use crate::SqliteQueue;
use seismic_queue::conformance::Backend;
use seismic_queue::{Appended, FencingToken};

#[test]
fn messages_producers_and_commits_outlive_their_handles() {
    let backend = InFiles::new();
    append(&*backend.queue(), "p", &block(&["a", "b"])).unwrap();
    append(&*backend.queue(), "p", &block(&["c"])).unwrap();
    assert_eq!(read(&*backend.queue()).unwrap(), [b"a", b"b", b"c"]);
    let backend = InFiles::new();
    for number in 1..=3 {
        let lease = acquire(&backend).unwrap();
        let mut committer = lease.committer().unwrap();
        committer.commit(&FencingToken::Sole, &step(P0, number)).unwrap();
    }
    assert_eq!(backend.store().view().unwrap().partitions[0].progress.as_ref().unwrap().number, 3);
}

#[test]
fn a_run_that_is_repeated_after_a_crash_adds_nothing_twice() {
    let backend = InFiles::new();
    append(&*backend.queue(), "run 1", &block(&["a", "b"])).unwrap();
    let queue = backend.queue();
    let mut producer = queue.producer(&queue.topic("t").unwrap(), "run 1").unwrap();
    let repeated = block(&["a", "b", "c"]);
    let append = seismic_queue::Append { partition: P0, first_sequence: 0, block: &repeated };
    assert_eq!(producer.append(&[append]).unwrap(), Appended { written: 1, recognised: 2 });
    assert_eq!(read(&*queue).unwrap(), [b"a", b"b", b"c"]);
}

#[test]
fn a_file_that_was_begun_and_left_empty_is_made_ours() {
    let backend = InFiles::new();
    fs::write(backend.path("queue.db"), "").unwrap();
    append(&*backend.queue(), "p", &block(&["a"])).unwrap();
    assert_eq!(read(&*backend.queue()).unwrap(), [b"a"]);
}

#[test]
fn missing_folders_are_made() {
    let backend = InFiles::new();
    let path = backend.path("a/b/queue.db");
    append(&SqliteQueue::open(&path).unwrap(), "p", &block(&["a"])).unwrap();
    assert!(path.exists());
}

#[test]
fn the_producer_that_was_silent_longest_is_forgotten_first() {
    let backend = InFiles::new();
    let queue = backend.queue();
    append(&*queue, "old", &block(&["a"])).unwrap();
    let raw = backend.raw("queue.db");
    let fill = "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                INSERT INTO producer SELECT 1, 'p' || i, 1, 2 FROM n";
    raw.execute(fill, [seismic_queue::limits::PRODUCERS_KEPT]).unwrap();
    append(&*queue, "new", &block(&["b", "c"])).unwrap();
    let topic = queue.topic("t").unwrap();
    let next = |id| queue.producer(&topic, id).unwrap().next_sequence(P0).unwrap();
    assert_eq!((next("old"), next("p2"), next("new")), (0, 1, 2));
}
