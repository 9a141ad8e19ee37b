//! A full disk: nothing is written, nothing is lost, and work continues when there is space.

use rusqlite::Connection;

use super::{InFiles, P0, block, step};
use crate::limits::{QUEUE_PAGE_BYTES, STORE_PAGE_BYTES, WAL_CHECKPOINT_BYTES};
use crate::{SqliteQueue, SqliteStore};
use seismic_queue::conformance::Backend;
use seismic_queue::{
    Append, CommitError, Error, FencingToken, Job, JobStore, Kind, Offset, OutputSpec, Queue,
};

/// Lets the file have only the pages that it has; `false` takes the limit away.
fn full(queue: &SqliteQueue, full: bool) {
    let pages = if full { 1 } else { 1 << 30 };
    let limit = format!("PRAGMA max_page_count = {pages}");
    let set = |db: &Connection| db.query_row(&limit, [], |row| row.get::<_, i64>(0));
    queue.database().unwrap().writer.with(set).unwrap();
}

#[test]
fn an_append_waits_for_space_and_then_goes_on() {
    let backend = InFiles::new();
    let queue = SqliteQueue::open(&backend.path("queue.db")).unwrap();
    let topic = queue.create("t", 1).unwrap();
    let mut producer = queue.producer(&topic, "p").unwrap();
    let large = block(&["x".repeat(500_000)]);
    let append = [Append { partition: P0, first_sequence: 0, block: &large }];
    full(&queue, true);
    for _ in 0..2 {
        let error = producer.append(&append).unwrap_err();
        assert!(matches!(error, Error::Full { .. }) && error.kind() == Kind::Retry, "{error}");
    }
    assert_eq!(queue.spans(&topic).unwrap()[0].end, Offset(0));
    full(&queue, false);
    assert_eq!(producer.append(&append).unwrap().written, 1);
    assert_eq!(super::read(&queue).unwrap().len(), 1);
}

#[test]
fn a_commit_waits_for_space_and_nothing_of_it_is_there_before() {
    let backend = InFiles::new();
    let store = SqliteStore::open(&backend.path("home.db")).unwrap();
    let input = backend.queue().create("t", 1).unwrap();
    let lease = store.acquire(&Job::plain("group", input, ["rows", "dead"])).unwrap();
    let mut committer = lease.committer().unwrap();
    let mut commit = step(P0, 1);
    commit.partitions[0].outputs[0] = block(&["x".repeat(500_000)]);
    full(&store.topics, true);
    for _ in 0..2 {
        let error = committer.commit(&FencingToken::Sole, &commit).unwrap_err();
        assert!(matches!(error, CommitError::Retry(Error::Full { .. })), "{error:?}");
    }
    let before = store.view().unwrap().partitions.remove(0);
    assert!(before.progress.is_none() && before.outputs[0].span.end == Offset(0));
    full(&store.topics, false);
    committer.commit(&FencingToken::Sole, &commit).unwrap();
    assert_eq!(store.view().unwrap().partitions[0].outputs[0].span.end, Offset(1));
}

#[test]
fn a_store_that_copies_its_input_has_large_pages_and_goes_back_into_its_file_by_bytes() {
    let backend = InFiles::new();
    let input = backend.queue().create("t", 1).unwrap();
    let plain = Job::plain("group", input.clone(), ["rows", "dead"]);
    let outputs = vec![OutputSpec::by_key("copy", "copies", 1)];
    let keyed = Job { group: "keyed".to_owned(), inputs: vec![input], outputs };
    for (job, page_bytes) in [(plain, STORE_PAGE_BYTES), (keyed, QUEUE_PAGE_BYTES)] {
        let path = backend.path(&format!("{}.db", job.group));
        // As it is made, and as it is found.
        for _ in 0..2 {
            let store = SqliteStore::open(&path).unwrap();
            drop(store.acquire(&job).unwrap());
            let number = |of: &'static str| {
                let ask = |db: &Connection| db.query_row(of, [], |row| row.get::<_, usize>(0));
                store.topics.database().unwrap().writer.with(ask).unwrap()
            };
            assert_eq!(number("PRAGMA page_size"), page_bytes, "{}", job.group);
            let pages = number("PRAGMA wal_autocheckpoint");
            assert_eq!(pages * page_bytes, WAL_CHECKPOINT_BYTES, "{}", job.group);
        }
    }
}
