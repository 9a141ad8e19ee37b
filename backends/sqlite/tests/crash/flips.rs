//! Bit rot: whatever bytes of a file change, nothing panics or hangs, and every message that is
//! read is the one that was stored.
//!
//! SQLite has no page checksums. Messages, snapshots, progress and journal entries have a CRC of
//! their own.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use seismic_queue::{
    Commit, Event, FencingToken, JobStore, Offset, Partition, PartitionCommit, Queue, Result,
    Retention, SinkState as _,
};
use seismic_sqlite::{SqliteQueue, SqliteStore};

use crate::check::in_memory;
use crate::files::Files;
use crate::line::Line;
use crate::queue::{Operation, Topics, value};
use crate::random::Random;
use crate::script::Subject;
use crate::store::Commits;

const ROUNDS: usize = 600;

/// The files of a database after `ops`, while it is open and after it was closed.
fn made<S: Subject>(ops: &[S::Op]) -> [Files; 2] {
    let folder = in_memory();
    let path = folder.path().join("db");
    let mut subject = S::open(&path);
    ops.iter().for_each(|op| subject.apply(op));
    let open = Files::read(&path);
    drop(subject);
    [open, Files::read(&path)].map(|files| Files { shm: None, ..files })
}

/// Looks at many damaged copies of the files.
fn damage(whole: &[Files; 2], look: impl Fn(&Path)) {
    let mut random = Random::seeded();
    for round in 0..ROUNDS {
        let folder = in_memory();
        let path = folder.path().join("db");
        let mut files = whole[round % 2].clone();
        for _ in 0..random.one_of(&[1, 1, 2, 20]) {
            let file = match random.below(2) {
                0 if files.wal.as_ref().is_some_and(|wal| !wal.is_empty()) => &mut files.wal,
                _ => &mut files.main,
            };
            let bytes = file.as_mut().unwrap();
            // The first bytes of a page say what all the others mean.
            let page = random.below(bytes.len()) / 8_192 * 8_192;
            let within = random.one_of(&[64, 512, 8_192]);
            let at = (page + random.below(within)).min(bytes.len() - 1);
            bytes[at] ^= 1 << random.below(8);
        }
        files.write(&path);
        look(&path);
    }
}

#[test]
fn a_queue_file_with_flipped_bits_gives_errors_or_what_was_stored() {
    let appends = (0..12).map(|i| {
        let part = |p| (p, i * 3, vec![40 * i as usize + 10; 3]);
        Operation::Append("t", vec![part(0), part(1)])
    });
    let ops: Vec<_> = [Operation::Create("t", 2)].into_iter().chain(appends).collect();
    let files = made::<Topics>(&ops);
    damage(&files, |path| drop(look_at_queue(path)));
    lie(&files[1], |path| drop(look_at_queue(path)));
}

/// Changes every number of every table in turn, as a flip that SQLite does not notice would.
fn lie(whole: &Files, look: impl Fn(&Path)) {
    const COLUMNS: &str = "SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c
         WHERE m.type = 'table' AND c.type = 'INTEGER' ORDER BY 1, 2";
    let folder = in_memory();
    let path = folder.path().join("db");
    whole.write(&path);
    let columns: Vec<(String, String)> = {
        let db = Connection::open(&path).unwrap();
        let mut select = db.prepare(COLUMNS).unwrap();
        let columns = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        columns.map(rusqlite::Result::unwrap).collect()
    };
    let mut lies = 0;
    for (table, column) in &columns {
        for value in ["-1", "0", "x + 1", "x + 200", "x ^ 65536", "9223372036854775807"] {
            Files::default().write(&path);
            whole.write(&path);
            let db = Connection::open(&path).unwrap();
            let value = value.replace("x ^ 65536", "x | 65536").replace('x', column);
            let newest = format!("(SELECT max(rowid) FROM {table})");
            let all = format!("UPDATE OR IGNORE {table} SET {column} = {value}");
            lies += db.execute(&format!("{all} WHERE rowid = {newest}"), []).unwrap_or_else(|_| {
                // Tables without row ids.
                db.execute(&all, []).unwrap()
            });
            drop(db);
            look(&path);
        }
    }
    assert!(lies > 3 * columns.len());
}

fn look_at_queue(path: &Path) -> Result<()> {
    let queue = SqliteQueue::open(path)?;
    for topic in queue.topics()? {
        let _ = queue.holds(&topic);
        let _ = queue.spans(&topic);
        let _ = queue.hold(&topic, "job", &[(Partition(0), Offset(1))]);
        for partition in topic.all().take(5) {
            let _ = queue.offset_at(&topic, partition, 1);
            let _ = queue.producer(&topic, "p").and_then(|mut p| p.next_sequence(partition));
            if let Ok(mut reader) = queue.reader(&topic, &[(partition, Offset(0))]) {
                while let Ok(Event::Batch(batch)) = reader.read(Duration::ZERO, &mut Vec::new()) {
                    for message in batch.messages() {
                        assert_eq!(message.key, message.offset.0.to_le_bytes());
                        assert_eq!(message.value, value(message.offset.0, message.value.len()));
                    }
                }
            }
        }
    }
    Ok(())
}

#[test]
fn a_store_file_with_flipped_bits_gives_errors_or_what_was_stored() {
    let ops: Vec<_> = (1..=20).map(|n| crate::store::Operation::Commit([n, n])).collect();
    let files = made::<Commits>(&ops);
    damage(&files, |path| drop(look_at_store(path)));
    lie(&files[1], |path| drop(look_at_store(path)));
    let mut line = Line::new(20, "flipped bits anywhere in a store file, checkpoints among them");
    line.tries = ROUNDS as u64;
    line.print();
}

fn look_at_store(path: &Path) -> Result<()> {
    let store = SqliteStore::open(path)?;
    let view = store.view()?;
    for (partition, part) in view.job.input().all().zip(&view.partitions) {
        let _ = store.journal(partition, part.journal.clone());
        for checkpoint in &part.checkpoints {
            let manifest = &checkpoint.manifest;
            if let Ok(found) = store.checkpoint(partition, manifest.checkpoint) {
                assert_eq!(crc32fast::hash(&found.state), manifest.crc);
            }
        }
    }
    let _ = store.put_sink_position("csv", 0, &[(Partition(1), Offset(1))]);
    let lease = store.acquire(&view.job)?;
    let mut committer = lease.committer()?;
    let all: Vec<_> = view.job.input().all().take(5).collect();
    let last = Partition(view.job.partitions().saturating_sub(1));
    let _ = store.put_sink_position("csv", 0, &[(last, Offset(1))]);
    let commit = Commit { partitions: vec![PartitionCommit::new(last)] };
    let _ = committer.commit(&FencingToken::Sole, &commit);
    for recovered in committer.load(&FencingToken::Sole, &all)? {
        if let Some(checkpoint) = recovered.checkpoint {
            assert_eq!(crc32fast::hash(&checkpoint.state), checkpoint.manifest.crc);
        }
    }
    Ok(())
}

/// Every byte of every cell of the tables in which a job remembers where it is.
#[test]
fn a_flipped_bit_in_progress_or_journal_is_refused_and_named() {
    let ops: Vec<_> = (1..=20).map(|n| crate::store::Operation::Commit([n, n])).collect();
    let [_, whole] = made::<Commits>(&ops);
    let folder = in_memory();
    let path = folder.path().join("db");
    whole.write(&path);
    look_at_all(&path).expect("nothing is damaged yet");
    let mut flips = 0;
    for (table, key, name) in [
        ("progress", "partition = 1", "the progress of partition 1"),
        ("journal", "partition = 1 AND sequence = 7", "journal entry 7 of partition 1"),
    ] {
        for (column, kind) in columns(&path, table) {
            for byte in 0..size_of_cell(&path, table, &column, &kind, key) {
                let value = flipped(&column, &kind, byte);
                Files::default().write(&path);
                whole.write(&path);
                let db = Connection::open(&path).unwrap();
                let changed = db.execute(
                    &format!("UPDATE OR IGNORE {table} SET {column} = {value} WHERE {key}"),
                    [],
                );
                // Another row has that key already, or the type forbids the value.
                if changed != Ok(1) {
                    continue;
                }
                drop(db);
                flips += 1;
                let error =
                    look_at_all(&path).expect_err(&format!("{table}.{column}, byte {byte}"));
                let text = error.to_string();
                assert!(text.contains(name) && text.contains("is damaged"), "{column}: {text}");
            }
        }
    }
    assert!(flips > 100, "{flips}");
}

/// Looks at all that a start and a proof look at.
fn look_at_all(path: &Path) -> Result<()> {
    let store = SqliteStore::open(path)?;
    let view = store.view()?;
    for (partition, part) in view.job.input().all().zip(&view.partitions) {
        store.journal(partition, part.journal.clone())?;
    }
    let lease = store.acquire(&view.job)?;
    let all: Vec<_> = view.job.input().all().collect();
    lease.committer()?.load(&FencingToken::Sole, &all).map(drop)
}

/// Names and types.
fn columns(path: &Path, table: &str) -> Vec<(String, String)> {
    let db = Connection::open(path).unwrap();
    let mut select = db.prepare("SELECT name, type FROM pragma_table_info(?1)").unwrap();
    let columns = select.query_map([table], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    columns.map(rusqlite::Result::unwrap).collect()
}

fn size_of_cell(path: &Path, table: &str, column: &str, kind: &str, key: &str) -> usize {
    if kind == "INTEGER" {
        return 8;
    }
    let db = Connection::open(path).unwrap();
    let select = format!("SELECT length({column}) FROM {table} WHERE {key}");
    db.query_row(&select, [], |row| row.get(0)).unwrap()
}

/// The column with a bit of that byte flipped, as SQL.
fn flipped(column: &str, kind: &str, byte: usize) -> String {
    if kind == "INTEGER" {
        // SQLite has no exclusive or. Bit 63 is the sign.
        let bit = 1_i64.wrapping_shl(8 * byte as u32 + if byte == 7 { 7 } else { 0 });
        return format!("(ifnull({column}, 0) | {bit}) - (ifnull({column}, 0) & {bit})");
    }
    let (before, from) = (byte, byte + 1);
    let rest = format!("substr({column}, {}, 1)", from);
    format!(
        "CAST(substr({column}, 1, {before}) || \
         CASE {rest} WHEN x'00' THEN x'01' ELSE x'00' END || substr({column}, {}) AS BLOB)",
        from + 1
    )
}
