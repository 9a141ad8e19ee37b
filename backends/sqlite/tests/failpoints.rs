//! Each step of an append and a commit fails once: checks what was written and what the caller
//! gets.
//!
//! Failpoints are global to the process, so this is a separate process and all cases are one test.

#![allow(clippy::unwrap_used)]

use fail::FailScenario;
use seismic_queue::failpoints::{
    APPEND_AFTER, APPEND_IN_TRANSACTION, COMMIT_AFTER, COMMIT_BEFORE, COMMIT_IN_TRANSACTION,
    REWIND_AFTER, REWIND_IN_TRANSACTION,
};
use seismic_queue::memory::{Memory, MemoryStore};
use seismic_queue::{
    Append, Appended, Block, Chunk, Commit, CommitError, Error, FencingToken, Job, JobStore, Lease,
    Manifest, Offset, Partition, PartitionCommit, Queue, Rewind,
};
use seismic_sqlite::failpoints::{BEFORE_PRUNE, FSYNC, SNAPSHOT_CHUNK};
use seismic_sqlite::{SqliteQueue, SqliteStore};

const P0: Partition = Partition(0);

#[test]
fn a_failure_at_any_step_leaves_all_or_nothing_and_says_which() {
    let scenario = FailScenario::setup();
    for (point, written) in
        [(COMMIT_BEFORE, false), (COMMIT_IN_TRANSACTION, false), (COMMIT_AFTER, true)]
    {
        for_each_backend(|queue, store| commit_failing_at(point, written, queue, store));
    }
    for (point, written) in [(REWIND_IN_TRANSACTION, false), (REWIND_AFTER, true)] {
        for_each_backend(|queue, store| rewind_failing_at(point, written, queue, store));
    }
    for (point, written) in [(APPEND_IN_TRANSACTION, false), (APPEND_AFTER, true)] {
        for_each_backend(|queue, _| append_failing_at(point, written, queue));
    }
    for point in [SNAPSHOT_CHUNK, BEFORE_PRUNE] {
        in_files(|queue, store| commit_failing_at(point, false, queue, store));
    }
    for (how, written) in [("lost", false), ("kept", true)] {
        in_files(|queue, store| fsync_failing(how, written, queue, store));
    }
    scenario.teardown();
}

fn for_each_backend(check: impl Fn(&dyn Queue, &dyn JobStore)) {
    check(&Memory::new(), &MemoryStore::new());
    in_files(check);
}

fn in_files(check: impl Fn(&dyn Queue, &dyn JobStore)) {
    let folder = tempfile::tempdir().unwrap();
    let queue = SqliteQueue::open(&folder.path().join("queue.db")).unwrap();
    check(&queue, &SqliteStore::open(&folder.path().join("home.db")).unwrap());
}

fn two_messages() -> Block {
    let mut block = Block::default();
    block.push(b"", b"a").unwrap();
    block.push(b"", b"b").unwrap();
    block
}

/// The `number`th commit, with two rows and a snapshot.
fn step(number: u64) -> Commit {
    let (next, rows) = (Offset(number), two_messages());
    let chunks = vec![Chunk { checkpoint: number, index: 0, bytes: b"state".to_vec() }];
    let crc = crc32fast::hash(b"state");
    let manifest = Some(Manifest {
        checkpoint: number,
        position: next,
        further: Vec::new(),
        journal_sequence: 0,
        chunks: 1,
        crc,
        keeps: 10,
    });
    let (outputs, new) = (vec![rows], PartitionCommit::new(P0));
    let new = PartitionCommit { number, next, outputs, chunks, manifest, ..new };
    Commit { partitions: vec![new] }
}

fn acquire(queue: &dyn Queue, store: &dyn JobStore) -> Box<dyn Lease> {
    let input = queue.create("t", 1).unwrap();
    store.acquire(&Job::plain("group", input, ["rows", "dead"])).unwrap()
}

/// The writer that saw it writes nothing more, and says that no one knows what is there.
fn fsync_failing(how: &str, written: bool, queue: &dyn Queue, store: &dyn JobStore) {
    let mut committer = acquire(queue, store).committer().unwrap();
    committer.commit(&FencingToken::Sole, &step(1)).unwrap();
    fail::cfg(FSYNC, &format!("1*return({how})")).unwrap();
    let error = committer.commit(&FencingToken::Sole, &step(2)).unwrap_err();
    assert!(matches!(error, CommitError::Rebuild(_)), "{error:?}");
    let error = committer.commit(&FencingToken::Sole, &step(2)).unwrap_err();
    assert!(matches!(error, CommitError::Fatal(Error::Stopped { .. })), "{error:?}");
    let number = store.view().unwrap().partitions[0].progress.as_ref().unwrap().number;
    assert_eq!(number, if written { 2 } else { 1 });
}

fn rewind_failing_at(point: &str, written: bool, queue: &dyn Queue, store: &dyn JobStore) {
    let lease = acquire(queue, store);
    let mut committer = lease.committer().unwrap();
    for number in 1..=3 {
        committer.commit(&FencingToken::Sole, &step(number)).unwrap();
    }
    let (outputs, keyed) = (vec![4], vec![]);
    let back = Rewind { partition: P0, checkpoint: 1, number: 4, note: vec![], outputs, keyed };
    let before = format!("{:?}", store.view().unwrap());
    fail::cfg(point, "1*return").unwrap();
    let failed = lease.rewind(std::slice::from_ref(&back));
    assert!(matches!(failed, Err(Error::Failpoint { .. })), "{failed:?}");
    let part = store.view().unwrap().partitions.remove(0);
    if written {
        assert_eq!(part.progress.unwrap().next, Offset(1));
        assert_eq!(part.outputs[0].cuts[0].first, Offset(2));
        return;
    }
    assert_eq!(format!("{:?}", store.view().unwrap()), before, "nothing of it is there");
    lease.rewind(&[back]).unwrap();
}

fn commit_failing_at(point: &str, written: bool, queue: &dyn Queue, store: &dyn JobStore) {
    let mut committer = acquire(queue, store).committer().unwrap();
    committer.commit(&FencingToken::Sole, &step(1)).unwrap();
    fail::cfg(point, "1*return").unwrap();
    let error = committer.commit(&FencingToken::Sole, &step(2)).unwrap_err();
    let told = match error {
        CommitError::Rebuild(Error::Failpoint { .. }) => true,
        CommitError::Retry(Error::Failpoint { .. }) => false,
        _ => panic!("{point}: {error:?}"),
    };
    assert_eq!(told, written, "{point}");
    let number = if written { 2 } else { 1 };
    let recovered = committer.load(&FencingToken::Sole, &[P0]).unwrap().remove(0);
    assert_eq!(recovered.progress.unwrap().number, number, "{point}");
    committer.commit(&FencingToken::Sole, &step(number + 1)).unwrap();
    let rows = store.view().unwrap().partitions[0].outputs[0].span;
    assert_eq!(rows.end, Offset(2 * (number + 1)), "{point}");
}

fn append_failing_at(point: &str, written: bool, queue: &dyn Queue) {
    let topic = queue.create("t", 1).unwrap();
    let mut producer = queue.producer(&topic, "p").unwrap();
    let block = two_messages();
    let append = [Append { partition: P0, first_sequence: 0, block: &block }];
    fail::cfg(point, "1*return").unwrap();
    assert!(matches!(producer.append(&append), Err(Error::Failpoint { .. })), "{point}");
    let (new, again) = if written { (0, 2) } else { (2, 0) };
    let repeated = producer.append(&append).unwrap();
    assert_eq!(repeated, Appended { written: new, recognised: again }, "{point}");
    assert_eq!(queue.spans(&topic).unwrap()[0].end, Offset(2), "{point}");
}
