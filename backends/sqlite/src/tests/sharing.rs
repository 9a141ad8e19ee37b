//! Several handles, threads and processes at once.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use super::{InFiles, P0, SqliteStore, acquire, append, block, read};
use crate::limits;
use seismic_queue::conformance::Backend;
use seismic_queue::{Error, Event, JobStore, Kind, Offset, patiently};

#[test]
fn producers_of_several_handles_all_get_in_and_keep_their_order() {
    let backend = InFiles::new();
    backend.queue().create("t", 1).unwrap();
    thread::scope(|scope| {
        for id in ["a", "b", "c"] {
            let queue = backend.queue();
            scope.spawn(move || {
                for i in 0..50 {
                    let block = block(&[format!("{id}{i}")]);
                    patiently(&AtomicBool::new(false), || append(&*queue, id, &block)).unwrap();
                }
            });
        }
    });
    let values = read(&*backend.queue()).unwrap();
    assert_eq!(values.len(), 150);
    for id in *b"abc" {
        let own: Vec<_> = values.iter().filter(|value| value[0] == id).collect();
        let expected = (0..50).map(|i| format!("{}{i}", char::from(id)).into_bytes());
        assert!(own.into_iter().cloned().eq(expected));
    }
}

#[test]
fn files_opened_for_the_first_time_by_many_at_once_are_made_once() {
    let backend = InFiles::new();
    let stop = AtomicBool::new(false);
    let ids: BTreeSet<_> = thread::scope(|scope| {
        let open = || patiently(&stop, || backend.queue().create("t", 4)).unwrap().id;
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(ids.len(), 1);
}

#[test]
fn a_file_that_another_is_making_is_not_there_or_ours() {
    for _ in 0..100 {
        let backend = InFiles::new();
        let (path, stop) = (backend.path("home.db"), AtomicBool::new(false));
        thread::scope(|scope| {
            let looking = scope.spawn(|| {
                let look = || SqliteStore::open(&path)?.view();
                loop {
                    match look() {
                        Err(error) if error.kind() == Kind::Retry => {}
                        Err(Error::StoreMissing { .. }) => thread::yield_now(),
                        looked => break looked.map(drop),
                    }
                }
            });
            drop(patiently(&stop, || acquire(&backend)).unwrap());
            looking.join().unwrap().unwrap();
        });
    }
}

#[test]
fn the_wal_stays_bounded_under_a_constant_reader() {
    let backend = InFiles::new();
    let queue = backend.queue();
    let topic = queue.create("t", 1).unwrap();
    let large = block(&["x".repeat(seismic_queue::limits::BLOCK_BYTES - 100)]);
    let blocks = 3 * limits::WAL_BYTES / seismic_queue::limits::BLOCK_BYTES as u64;
    let mut largest = 0;
    thread::scope(|scope| {
        let mut reader = backend.queue().reader(&topic, &[(P0, Offset(0))]).unwrap();
        let reading = scope.spawn(move || {
            let (mut seen, mut spare, begun) = (0, Vec::new(), Instant::now());
            while seen < blocks && begun.elapsed() < Duration::from_secs(60) {
                if let Event::Batch(batch) = reader.read(Duration::ZERO, &mut spare).unwrap() {
                    seen = batch.next().0;
                    spare.push(batch);
                }
            }
            seen
        });
        for _ in 0..blocks {
            append(&*queue, "p", &large).unwrap();
            largest = largest.max(fs::metadata(backend.path("queue.db-wal")).unwrap().len());
        }
        assert_eq!(reading.join().unwrap(), blocks);
    });
    assert!(largest < limits::WAL_BYTES + (8 << 20), "{largest}");
}

#[test]
fn a_reader_that_stalled_in_a_transaction_lets_the_wal_shrink_when_it_goes_on() {
    let backend = InFiles::new();
    let queue = backend.queue();
    let large = block(&["x".repeat(seismic_queue::limits::BLOCK_BYTES - 100)]);
    append(&*queue, "p", &large).unwrap();
    let stalled = backend.raw("queue.db");
    stalled.execute_batch("BEGIN; SELECT count(*) FROM topic").unwrap();
    let wal = || fs::metadata(backend.path("queue.db-wal")).unwrap().len();
    while wal() <= limits::WAL_BYTES {
        append(&*queue, "p", &large).unwrap();
    }
    stalled.execute_batch("COMMIT").unwrap();
    let begun = Instant::now();
    while wal() > limits::WAL_BYTES {
        assert!(begun.elapsed() < Duration::from_secs(60), "the WAL never shrank");
        append(&*queue, "p", &block(&["y"])).unwrap();
    }
}

#[test]
fn what_another_process_is_appending_is_in_flight_until_it_is_committed() {
    let backend = InFiles::new();
    let queue = backend.queue();
    let topic = queue.create("t", 1).unwrap();
    let mut source = queue.source(&topic, &[P0]).unwrap();
    let other = backend.raw("queue.db");
    let append = "INSERT INTO other VALUES (1)";
    other.execute_batch("CREATE TABLE other (x)").unwrap();
    assert_eq!(source.in_flight().unwrap(), Duration::ZERO);
    other.execute_batch(&format!("BEGIN IMMEDIATE; {append}")).unwrap();
    let found = Instant::now();
    source.in_flight().unwrap();
    let age = found.elapsed();
    assert!(source.in_flight().unwrap() > age, "it may be older than we know of it");
    // The next one is open before anyone looks; the one before is over all the same.
    other.execute_batch(&format!("COMMIT; BEGIN IMMEDIATE; {append}")).unwrap();
    let age = source.in_flight().unwrap();
    assert!(!age.is_zero() && age <= found.elapsed(), "{age:?}");
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(source.in_flight().unwrap(), Duration::ZERO);
}
