//! The conformance suite on files, and tests of what only files have.

mod damage;
mod durability;
mod sharing;
mod space;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;

use crate::queue::retention;
use crate::{SqliteQueue, SqliteStore, limits, topics};
use seismic_queue::conformance::Backend;
use seismic_queue::{
    Append, Appended, Block, Commit, Error, Event, Job, JobStore, Lease, Offset, Partition,
    PartitionCommit, Queue, Result, Retention as _,
};

struct InFiles {
    folder: TempDir,
}

impl Backend for InFiles {
    fn queue(&self) -> Box<dyn Queue> {
        Box::new(SqliteQueue::open(&self.path("queue.db")).unwrap())
    }

    fn store(&self) -> Box<dyn JobStore> {
        Box::new(SqliteStore::open(&self.path("home.db")).unwrap())
    }

    fn break_lock(&self) {
        fs::remove_file(self.path("home.db.lock")).unwrap();
    }

    fn damage(&self, partition: Partition, checkpoint: u64) {
        let db = self.raw("home.db");
        let changed = db.execute(
            "UPDATE chunk SET bytes = CAST('x' || substr(CAST(bytes AS TEXT), 2) AS BLOB)
             WHERE partition = ?1 AND checkpoint = ?2 AND place = 0",
            (partition.0, checkpoint),
        );
        assert_eq!(changed.unwrap(), 1);
    }
}

seismic_queue::conformance!(Some(InFiles::new()));

impl InFiles {
    fn new() -> Self {
        InFiles { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A connection of our own to one of the files.
    fn raw(&self, name: &str) -> Connection {
        Connection::open(self.path(name)).unwrap()
    }
}

const P0: Partition = Partition(0);

fn block(values: &[impl AsRef<[u8]>]) -> Block {
    let mut block = Block::default();
    for value in values {
        block.push(b"", value.as_ref()).unwrap();
    }
    block
}

/// Appends to partition 0 of topic `t`, as a producer that continues where it was.
fn append(queue: &dyn Queue, id: &str, block: &Block) -> Result<Appended> {
    let mut producer = queue.producer(&queue.create("t", 1)?, id)?;
    let first_sequence = producer.next_sequence(P0)?;
    producer.append(&[Append { partition: P0, first_sequence, block }])
}

/// Values of partition 0 of topic `t` up to the end, or the first error.
fn read(queue: &dyn Queue) -> Result<Vec<Vec<u8>>> {
    let mut reader = queue.reader(&queue.topic("t")?, &[(P0, Offset(0))])?;
    let mut values = Vec::new();
    loop {
        match reader.read(Duration::ZERO, &mut Vec::new())? {
            Event::Batch(batch) => values.extend(batch.messages().map(|m| m.value.to_vec())),
            _ => return Ok(values),
        }
    }
}

/// Owns the store for a job that reads topic `t`.
fn acquire(backend: &InFiles) -> Result<Box<dyn Lease>> {
    let input = backend.queue().create("t", 2)?;
    backend.store().acquire(&Job::plain("group", input, ["rows", "dead"]))
}

/// The `number`th commit of a partition, with one row.
fn step(partition: Partition, number: u64) -> Commit {
    let rows = block(&[format!("row {number}")]);
    let new = PartitionCommit::new(partition);
    let new = PartitionCommit { number, next: Offset(number), outputs: vec![rows], ..new };
    Commit { partitions: vec![new] }
}

#[test]
fn a_topic_that_is_deleted_leaves_nothing_to_one_that_is_made_after_it() {
    let backend = InFiles::new();
    let queue = backend.queue();
    let old = queue.create("t", 1).unwrap();
    append(&*queue, "p", &block(&["a", "b"])).unwrap();
    queue.hold(&old, "job", &[(Partition(0), Offset(0))]).unwrap();
    let mut reader = queue.reader(&old, &[(Partition(0), Offset(0))]).unwrap();
    queue.delete(&old).unwrap();
    assert!(queue.topics().unwrap().is_empty());
    assert!(matches!(queue.spans(&old), Err(Error::TopicMissing { .. })));
    assert!(matches!(queue.delete(&old), Err(Error::TopicMissing { .. })));
    let new = queue.create("t", 1).unwrap();
    assert_ne!(old.id, new.id);
    append(&*queue, "p", &block(&["c"])).unwrap();
    assert_eq!(read(&*queue).unwrap(), [b"c".to_vec()]);
    assert!(queue.holds(&new).unwrap().is_empty());
    // Who still reads the old one finds nothing of the new one.
    let seen = reader.read(Duration::from_millis(20), &mut Vec::new());
    assert!(!matches!(seen, Ok(Event::Batch(batch)) if !batch.is_empty()));
}

#[test]
fn who_had_a_topic_open_before_it_was_deleted_appends_nothing_to_it() {
    let backend = InFiles::new();
    let queue = backend.queue();
    let topic = queue.create("t", 2).unwrap();
    let (a, b) = (block(&["a"]), block(&["b"]));
    let mut new = queue.producer(&topic, "new").unwrap();
    let mut known = queue.producer(&topic, "known").unwrap();
    let mut log = queue.import_log(&topic).unwrap().unwrap();
    let at = |first_sequence, block| Append { partition: P0, first_sequence, block };
    known.append(&[at(0, &a)]).unwrap();
    backend.queue().delete(&topic).unwrap();
    queue.create("t", 2).unwrap();
    let is_missing = |error: Error| matches!(error, Error::TopicMissing { .. });
    assert!(new.append(&[at(0, &a)]).is_err_and(is_missing));
    assert!(known.append(&[at(1, &b)]).is_err_and(is_missing));
    assert!(known.append(&[at(0, &a)]).is_err_and(is_missing), "nor is it recognised");
    assert!(known.next_sequence(P0).is_err_and(is_missing));
    assert!(log.append(&[(P0, &a)], &[]).is_err_and(is_missing));
    assert!(read(&*queue).unwrap().is_empty());
    let orphans = "SELECT count(*) FROM block";
    let left: i64 = backend.raw("queue.db").query_row(orphans, [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

#[test]
fn a_topic_of_more_blocks_than_a_transaction_deletes_goes_as_a_whole() {
    let backend = InFiles::new();
    let queue = SqliteQueue::open(&backend.path("queue.db")).unwrap();
    queue.create("other", 1).unwrap();
    let blocks = 2 * limits::RETAIN_BLOCKS + 3;
    for number in 0..blocks {
        append(&queue, "p", &block(&[number.to_string()])).unwrap();
    }
    let topic = queue.topic("t").unwrap();
    queue.hold(&topic, "job", &[(P0, Offset(0))]).unwrap();
    // As a deletion leaves it that was interrupted: what stays is counted.
    let database = queue.database().unwrap();
    let place = database.look("", |db| topics::places(db, "", &topic)).unwrap()[0];
    let gone = Offset(limits::RETAIN_BLOCKS as u64 + 1);
    retention::empty(database, place, gone).unwrap();
    assert_eq!(queue.spans(&topic).unwrap()[0].first, gone);
    let sums = "SELECT bytes, (SELECT sum(length(bytes)) FROM block) FROM partition WHERE id = ?1";
    let raw = backend.raw("queue.db");
    let (counted, there): (i64, i64) =
        raw.query_row(sums, [place], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(counted, there);
    queue.delete(&topic).unwrap();
    let left: i64 = raw.query_row("SELECT count(*) FROM block", [], |row| row.get(0)).unwrap();
    assert_eq!((left, queue.topics().unwrap().len()), (0, 1));
}
