//! Files that are foreign, damaged or of another version.

use std::fs;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::{InFiles, acquire, append, block, read};
use crate::{SqliteQueue, SqliteStore};
use seismic_queue::conformance::Backend;
use seismic_queue::{Error, JobStore, Kind, Result};

fn open(backend: &InFiles) -> Result<SqliteQueue> {
    SqliteQueue::open(&backend.path("queue.db"))
}

#[test]
fn a_flipped_bit_in_a_block_is_found_where_it_is_and_earlier_messages_are_still_read() {
    let backend = InFiles::new();
    let queue = backend.queue();
    append(&*queue, "p", &block(&["a", "b"])).unwrap();
    append(&*queue, "p", &block(&["c"])).unwrap();
    let raw = backend.raw("queue.db");
    let mut bytes: Vec<u8> =
        raw.query_row("SELECT bytes FROM block WHERE base = 2", [], |row| row.get(0)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    raw.execute("UPDATE block SET bytes = ?1 WHERE base = 2", [bytes]).unwrap();
    let topic = queue.topic("t").unwrap();
    let mut reader = queue.reader(&topic, &[(super::P0, seismic_queue::Offset(0))]).unwrap();
    let mut next = || reader.read(std::time::Duration::ZERO, &mut Vec::new());
    assert!(matches!(next().unwrap(), seismic_queue::Event::Batch(batch) if batch.len() == 2));
    let error = next().unwrap_err();
    assert_eq!(error.kind(), Kind::Data);
    let text = error.to_string();
    assert!(text.contains("offset 2 of t/0 in sqlite:") && text.contains("CRC"), "{text}");
}

#[test]
fn a_missing_block_is_damage_and_not_the_end_of_the_log() {
    let backend = InFiles::new();
    let queue = backend.queue();
    for value in ["a", "b", "c"] {
        append(&*queue, "p", &block(&[value])).unwrap();
    }
    for base in [1, 2] {
        backend.raw("queue.db").execute("DELETE FROM block WHERE base = ?1", [base]).unwrap();
        let error = read(&*queue).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
        assert!(error.to_string().contains("offset 1 of t/0"), "{error}");
    }
}

#[test]
fn garbage_and_other_programs_files_are_refused_and_left_as_they_were() {
    let backend = InFiles::new();
    let path = backend.path("queue.db");
    fs::write(&path, "What is this?".repeat(1_000)).unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(open(&backend), Err(Error::Foreign { .. })));
    assert_eq!(fs::read(&path).unwrap(), before);

    fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(open(&backend), Err(Error::Foreign { .. })));
    assert_eq!(fs::read(&path).unwrap(), before);

    fs::create_dir(backend.path("folder.db")).unwrap();
    let folder = SqliteQueue::open(&backend.path("folder.db"));
    assert!(matches!(folder, Err(Error::Foreign { .. })));
}

#[test]
fn a_store_is_not_opened_as_a_queue_nor_a_queue_as_a_store() {
    let backend = InFiles::new();
    drop(acquire(&backend).unwrap());
    let error = SqliteQueue::open(&backend.path("home.db")).err().unwrap().to_string();
    assert!(error.contains("it is a store, not a queue"), "{error}");
    assert!(matches!(SqliteStore::open(&backend.path("queue.db")), Err(Error::Foreign { .. })));
}

#[test]
fn a_file_of_another_version_is_refused_with_both_versions() {
    let backend = InFiles::new();
    drop(open(&backend).unwrap());
    backend.raw("queue.db").pragma_update(None, "user_version", 4).unwrap();
    assert!(matches!(open(&backend), Err(Error::Newer { found: 4, known: 3, .. })));
    backend.raw("queue.db").pragma_update(None, "user_version", 1).unwrap();
    assert!(matches!(open(&backend), Err(Error::Older { found: 1, known: 3, .. })));
}

#[test]
fn a_file_with_torn_pages_is_corrupt() {
    let backend = InFiles::new();
    let queue = backend.queue();
    append(&*queue, "p", &block(&["x".repeat(100_000)])).unwrap();
    drop(queue);
    let path = backend.path("queue.db");
    let mut bytes = fs::read(&path).unwrap();
    bytes[100..].fill(0xff);
    fs::write(&path, bytes).unwrap();
    assert!(matches!(open(&backend), Err(Error::Corrupt { .. })));
}

#[test]
fn looking_for_a_store_makes_no_file() {
    let backend = InFiles::new();
    let store = SqliteStore::open(&backend.path("home.db")).unwrap();
    assert!(matches!(store.view(), Err(Error::StoreMissing { .. })));
    assert!(matches!(store.topics().topics(), Err(Error::StoreMissing { .. })));
    assert_eq!(fs::read_dir(backend.folder.path()).unwrap().count(), 0);
}

#[test]
fn a_file_that_was_deleted_or_replaced_under_its_handle_is_noticed() {
    let backend = InFiles::new();
    let queue = backend.queue();
    queue.check_place().unwrap();
    let (path, aside) = (backend.path("queue.db"), backend.path("aside.db"));
    fs::rename(&path, &aside).unwrap();
    assert!(matches!(queue.check_place(), Err(Error::Replaced { .. })));
    fs::copy(&aside, &path).unwrap();
    assert!(matches!(queue.check_place(), Err(Error::Replaced { .. })), "a copy is another file");
    fs::rename(&aside, &path).unwrap();
    queue.check_place().unwrap();
}

#[test]
fn a_file_of_the_same_length_that_is_written_over_while_news_are_in_the_wal_is_noticed() {
    let backend = InFiles::new();
    let queue = backend.queue();
    let path = backend.path("queue.db");
    let length = || fs::metadata(&path).unwrap().len();
    let into_the_file = || {
        let done = backend.raw("queue.db").query_row("PRAGMA wal_checkpoint(FULL)", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))
        });
        assert_eq!(done.unwrap(), (0, 0), "all of it");
    };
    append(&*queue, "p", &block(&["a"])).unwrap();
    into_the_file();
    let (older, bytes) = (fs::read(&path).unwrap(), length());
    append(&*queue, "p", &block(&["b"])).unwrap();
    into_the_file();
    queue.check_place().unwrap();
    // All that the job asks for is in the WAL from here on.
    append(&*queue, "p", &block(&["c"])).unwrap();
    queue.check_place().unwrap();
    assert_eq!(length(), bytes);
    fs::write(&path, older).unwrap();
    // Looks may fall into a checkpoint, so the first one says nothing.
    queue.check_place().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    let error = loop {
        match queue.check_place() {
            Ok(()) => assert!(Instant::now() < until, "it is not noticed"),
            Err(error) => break error,
        }
        thread::sleep(Duration::from_millis(20));
    };
    assert!(matches!(error, Error::Overwritten { .. }), "{error}");
}

#[test]
fn a_file_whose_checkpoint_stands_still_in_the_middle_stays_the_same_one() {
    let backend = InFiles::new();
    let queue = backend.queue();
    append(&*queue, "p", &block(&["a"])).unwrap();
    let moved = |name: &str| {
        let move_it = "PRAGMA wal_checkpoint(FULL)";
        backend.raw(name).query_row(move_it, [], |_| Ok(())).unwrap();
    };
    moved("queue.db");
    queue.check_place().unwrap();
    append(&*queue, "p", &block(&["x".repeat(1 << 20)])).unwrap();
    for ending in ["", "-wal"] {
        let of = |name: &str| backend.path(&format!("{name}{ending}"));
        fs::copy(of("queue.db"), of("copy.db")).unwrap();
    }
    moved("copy.db");
    // The first page says that the file is longer than it is yet.
    let longer = fs::read(backend.path("copy.db")).unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(backend.path("queue.db")).unwrap();
    file.write_all(&longer[..crate::limits::QUEUE_PAGE_BYTES]).unwrap();
    let count = "SELECT count(*) FROM partition";
    let seen = crate::read_only::open_without_wal(&backend.path("queue.db"))
        .and_then(|db| db.query_row(count, [], |row| row.get::<_, i64>(0)));
    let code = seen.unwrap_err().sqlite_error_code();
    assert_eq!(code, Some(rusqlite::ErrorCode::DatabaseCorrupt));
    let until = Instant::now() + 2 * crate::limits::DOUBT;
    while Instant::now() < until {
        queue.check_place().unwrap();
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_file_that_grows_while_several_look_at_it_stays_the_same_one() {
    let backend = InFiles::new();
    let queue = &backend.queue();
    let large = &block(&["x".repeat(1 << 20)]);
    let is_over = &AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let looked = queue.check_place();
                    // Also when it fails: otherwise no one would end.
                    is_over.fetch_or(looked.is_err(), Ordering::Relaxed);
                    looked.unwrap();
                }
            });
        }
        // More than goes into a WAL before that is moved into the file.
        for _ in 0..18 {
            append(&**queue, "p", large).unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_file_into_which_commits_are_moved_stays_the_same_one() {
    let backend = InFiles::new();
    let queue = backend.queue();
    for number in 0..20 {
        append(&*queue, "p", &block(&[format!("{number}")])).unwrap();
        queue.check_place().unwrap();
        backend.raw("queue.db").query_row("PRAGMA wal_checkpoint", [], |_| Ok(())).unwrap();
        queue.check_place().unwrap();
    }
    assert_eq!(read(&*queue).unwrap().len(), 20, "locks and connections are as they were");
}
