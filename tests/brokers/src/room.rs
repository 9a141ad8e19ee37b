//! What the brokers of a process share: room for a few at once, and where their files are.

use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::fs::statvfs;
use tempfile::TempDir;

/// So many brokers run at once. More of them on two cores miss each other's heartbeats, and what a
/// test then sees is the machine and not the program.
const BROKERS: usize = 3;

/// A test that waits longer for room starts all the same: it may be waiting for itself.
const PATIENCE: Duration = Duration::from_secs(300);

/// Where files are in memory, if there is that much of it.
const IN_MEMORY: (&str, u64) = ("/dev/shm", 4 << 30);

static RUNNING: Mutex<usize> = Mutex::new(0);
static LEFT: Condvar = Condvar::new();
static TURN: Mutex<()> = Mutex::new(());

/// Room for some brokers, given back when dropped.
#[derive(Debug)]
pub(crate) struct Room {
    brokers: usize,
}

impl Room {
    /// Waits until so many more may run; who came first goes first.
    pub(crate) fn wait_for(brokers: usize) -> Room {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |running: &mut usize| *running > 0 && *running + brokers > BROKERS;
        let (mut running, _) = LEFT
            .wait_timeout_while(running(), PATIENCE, is_full)
            .unwrap_or_else(PoisonError::into_inner);
        *running += brokers;
        Room { brokers }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        *running() -= self.brokers;
        LEFT.notify_all();
    }
}

fn running() -> MutexGuard<'static, usize> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
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
    use std::thread;

    use super::*;

    #[test]
    fn who_finds_no_room_waits_until_somebody_leaves() {
        let three = Room::wait_for(3);
        let (to, entered) = mpsc::channel();
        let other = thread::spawn(move || {
            let _one = Room::wait_for(1);
            to.send(()).expect("the test waits for it");
        });
        assert!(entered.try_recv().is_err(), "there is no room");
        drop(three);
        entered.recv().expect("there is room now");
        other.join().expect("it has not panicked");
    }
}
