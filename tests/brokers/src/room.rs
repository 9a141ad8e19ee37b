//! Permits for Java servers, and where their files are.
//!
//! One process runs Java servers at a time on a machine, one kind of them (Kafka, RocketMQ, OpenSearch or HBase), and
//! a few of that kind at once: what tests prove is the program and not how much memory and how many
//! cores the machine has.

use std::env;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock, statvfs};
use tempfile::TempDir;

use crate::class_path;

/// Servers that run at once. More of them on two cores miss each other's heartbeats, and what a
/// test then sees is the machine and not the program.
const SERVERS: usize = 4;

/// A test that waits longer for a permit starts all the same: it may be waiting for itself.
const PATIENCE: Duration = Duration::from_secs(300);

/// Locked by the process whose Java servers run. One file for all build folders of the machine.
const LOCK: &str = "seismic-java-servers.lock";

/// A test that waits longer is named in [`WAITED`].
const SHORT: Duration = Duration::from_secs(5);

/// File of the build folder with the names of tests that had to wait for a permit. `.ci/run`, which
/// looks for tests that take long, passes over them.
const WAITED: &str = "waited";

/// Where files are in memory, if there is that much of it.
const IN_MEMORY: (&str, u64) = ("/dev/shm", 4 << 30);

/// What is compared to keep kinds of servers apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Kafka,
    RocketMq,
    OpenSearch,
    HBase,
}

/// The servers of this process.
#[derive(Debug)]
struct Running {
    servers: usize,
    /// Of the last one that was started.
    kind: Kind,
    /// Held while there are any.
    lock: Option<File>,
}

static RUNNING: Mutex<Running> = Mutex::new(Running { servers: 0, kind: Kind::Kafka, lock: None });
static LEFT: Condvar = Condvar::new();
static TURN: Mutex<()> = Mutex::new(());

/// A permit for some servers, given back when dropped.
#[derive(Debug)]
pub(crate) struct Room {
    servers: usize,
}

impl Room {
    /// Waits until that many more servers of `kind` may run, in the order of the calls.
    pub(crate) fn wait_for(servers: usize, kind: Kind) -> Room {
        let begun = Instant::now();
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |now: &mut Running| {
            now.servers > 0 && (now.kind != kind || now.servers + servers > SERVERS)
        };
        let (mut now, _) = LEFT
            .wait_timeout_while(running(), PATIENCE, is_full)
            .unwrap_or_else(PoisonError::into_inner);
        if now.servers == 0 {
            now.lock = lock_of_machine();
        }
        now.servers += servers;
        now.kind = kind;
        name_if_it_waited(begun);
        Room { servers }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut now = running();
        now.servers -= self.servers;
        if now.servers == 0 {
            now.lock = None;
        }
        LEFT.notify_all();
    }
}

fn running() -> MutexGuard<'static, Running> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds the name of a test, which is that of its thread, to those that had to wait for a turn, if
/// it waited long since `begun`.
pub fn name_if_it_waited(begun: Instant) {
    if begun.elapsed() <= SHORT {
        return;
    }
    let thread = thread::current();
    let test = thread.name().unwrap_or("a thread");
    let file = class_path::build_folder().join(WAITED);
    let file = File::options().create(true).append(true).open(file);
    // Without the file, a test may be taken for a slow one; that is no reason to fail it.
    let _ = file.and_then(|mut file| writeln!(file, "{test}"));
}

/// Waits until no other process runs Java servers; `None` when that takes too long. The kernel
/// gives the lock back when this process ends.
fn lock_of_machine() -> Option<File> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(env::temp_dir().join(LOCK))
        .ok()?;
    let begun = Instant::now();
    while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        if begun.elapsed() > PATIENCE {
            eprintln!("another process runs Java servers for tests; not waiting any longer");
            return None;
        }
        thread::sleep(Duration::from_millis(100));
    }
    Some(file)
}

/// A folder for the files of brokers, in memory where there is enough: kills lose nothing there
/// either, and a slow disk, on which clusters wait for each other, is not what is tested.
pub(crate) fn folder() -> TempDir {
    let (path, enough) = IN_MEMORY;
    let is_enough = statvfs(path).is_ok_and(|it| it.f_bavail * it.f_frsize >= enough);
    let in_memory = is_enough.then(|| tempfile::tempdir_in(Path::new(path)).ok()).flatten();
    in_memory.unwrap_or_else(|| tempfile::tempdir().expect("a folder for brokers can be made"))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Has another thread wait for a permit of that kind, in vain until `held` is given back.
    fn waits_for(kind: Kind, held: Room) {
        let (to, entered) = mpsc::channel();
        let other = thread::spawn(move || {
            let _permit = Room::wait_for(1, kind);
            to.send(()).expect("the test waits for it");
        });
        assert!(entered.try_recv().is_err(), "there is no permit");
        drop(held);
        entered.recv().expect("there is a permit now");
        other.join().expect("it has not panicked");
    }

    #[test]
    fn a_test_that_finds_no_permit_waits_until_one_is_given_back() {
        waits_for(Kind::Kafka, Room::wait_for(SERVERS, Kind::Kafka));
        waits_for(Kind::RocketMq, Room::wait_for(1, Kind::Kafka));
    }

    #[test]
    fn no_other_process_runs_servers_meanwhile() {
        let _permit = Room::wait_for(1, Kind::Kafka);
        let file = File::options().write(true).open(env::temp_dir().join(LOCK));
        let file = file.expect("it was made with the permit");
        flock(&file, FlockOperation::NonBlockingLockExclusive).expect_err("it is locked");
    }
}
