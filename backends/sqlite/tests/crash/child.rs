//! A separate process that appends to a queue, for tests that observe or disturb it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rusqlite::Connection;
use seismic_queue::{Append, Block, Error, Event, Kind, Offset, Partition, Queue};
use seismic_sqlite::SqliteQueue;

const P0: Partition = Partition(0);
const FOLDER: &str = "CRASH_FOLDER";
/// Messages of one append.
const TOGETHER: u64 = 3;
/// Messages of a whole run.
pub const ALL: u64 = 12 * TOGETHER;

/// This process again, as `program` with `args` starts it, working in `folder`.
pub fn run(folder: &Path, program: &str, args: &[&str]) -> Output {
    let tests = std::env::current_exe().unwrap();
    let mut command = match program {
        "" => Command::new(&tests),
        _ => Command::new(program),
    };
    command.args(args);
    if !program.is_empty() {
        command.arg(&tests);
    }
    command.args(["--exact", "child::work", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(FOLDER, folder).stdin(Stdio::null()).output().unwrap()
}

/// What a child said, line by line.
pub fn said(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// The last message that the child knows to be durable.
pub fn acknowledged(output: &Output) -> u64 {
    let lines = said(output);
    let ends = lines.iter().filter_map(|line| line.split("ack ").nth(1)?.parse().ok());
    ends.max().unwrap_or(0)
}

/// Messages that are there: each once, in order, as it was sent.
pub fn written(folder: &Path) -> u64 {
    let queue = SqliteQueue::open(&folder.join("queue.db")).unwrap();
    let Ok(topic) = queue.topic("t") else {
        return 0;
    };
    let mut reader = queue.reader(&topic, &[(P0, Offset(0))]).unwrap();
    let mut next = 0;
    while let Event::Batch(batch) = reader.read(Duration::ZERO, &mut Vec::new()).unwrap() {
        for message in batch.messages() {
            assert_eq!(message.value, value(next));
            next += 1;
        }
    }
    assert_eq!(queue.spans(&topic).unwrap()[0].end, Offset(next));
    next
}

/// Whether a program is there and may do what `args` ask. If not, the test is skipped, loudly, and
/// `install` says how to have it; in CI (`CI=true`) a test that cannot run is a failure.
pub fn can(program: &str, args: &[&str], install: &str) -> bool {
    let tried = Command::new(program).args(args).output();
    let can = tried.is_ok_and(|output| output.status.success());
    if !can {
        let why = format!("`{program} {}` does not work here; {install}", args.join(" "));
        assert!(std::env::var("CI").as_deref() != Ok("true"), "cannot be skipped in CI: {why}");
        // Past the capture of tests: a skip that no one sees is a test that no one has.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
    }
    can
}

fn value(sequence: u64) -> Vec<u8> {
    format!("message {sequence} ").repeat(100).into_bytes()
}

fn say(what: &str) {
    // One write, so that it has its place among the other system calls.
    std::io::stdout().write_all(format!("{what}\n").as_bytes()).unwrap();
}

#[test]
#[ignore = "other tests run it as a process of its own"]
fn work() {
    let folder = std::env::var(FOLDER).expect("a test runs this");
    loop {
        match append_all(Path::new(&folder)) {
            Err(error) if error.kind() == Kind::Retry => wait_for_space(Path::new(&folder), &error),
            Err(error) => return say(&format!("failed {:?} {error:?}", error.kind())),
            Ok(()) => return,
        }
    }
}

/// Someone makes space; here that is ourselves.
fn wait_for_space(folder: &Path, error: &Error) {
    say(&format!("retry {error}"));
    let _ = std::fs::remove_file(folder.join("ballast"));
}

/// Continues where an earlier run ended. A full disk is reported and waited for; other failures end
/// it, after one more try.
fn append_all(folder: &Path) -> Result<(), Error> {
    let path = folder.join("queue.db");
    let queue = SqliteQueue::open(&path)?;
    let topic = queue.create("t", 1)?;
    let mut producer = queue.producer(&topic, "child")?;
    let mut next = producer.next_sequence(P0)?;
    while next < ALL {
        let mut block = Block::default();
        (next..next + TOGETHER).for_each(|n| block.push(b"", &value(n)).unwrap());
        let append = [Append { partition: P0, first_sequence: next, block: &block }];
        match producer.append(&append) {
            Ok(_) => {
                next += TOGETHER;
                say(&format!("ack {next}"));
            }
            Err(error) if error.kind() == Kind::Retry => {
                wait_for_space(folder, &error);
                continue;
            }
            Err(error) => {
                let again = producer.append(&append);
                say(&format!("again {again:?}"));
                return Err(error);
            }
        }
        if next % (4 * TOGETHER) == 0 {
            let checkpoint = "PRAGMA wal_checkpoint(PASSIVE)";
            let db = Connection::open(&path).unwrap();
            let _ = db.query_row(checkpoint, [], |row| row.get::<_, u32>(0));
        }
    }
    Ok(())
}
