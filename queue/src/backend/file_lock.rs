//! The lock of a file that one process may use: the operating system releases it when the process
//! ends, however it ends.

use std::fs::{File, TryLockError};
use std::io;
use std::thread;
use std::time::Instant;

use crate::limits;

/// Locks a file for as long as it stays open; `false` when another one has it.
///
/// Waits for up to [`limits::LOCK_WAIT`], since a lock may be held by no one who means to keep it:
/// whoever only looks holds it for an instant, and so does a process that is being started with
/// copies of all open files of the one that starts it.
///
/// # Errors
/// Those of the file system.
pub fn lock_file(file: &File) -> io::Result<bool> {
    let asked = Instant::now();
    lock_while(file, || {
        thread::sleep(limits::LOCK_POLL);
        asked.elapsed() < limits::LOCK_WAIT
    })
}

/// Tries as long as `again`, which is called between two tries.
fn lock_while(file: &File, mut again: impl FnMut() -> bool) -> io::Result<bool> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if again() => {}
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_held_for_an_instant_is_waited_for_and_one_that_stays_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let open = || File::create(folder.path().join("lock")).unwrap();
        let first = open();
        assert!(lock_file(&first).unwrap());
        assert!(!lock_file(&open()).unwrap());

        // As a process that is being started has it.
        let mut copy = Some(first.try_clone().unwrap());
        drop(first);
        assert!(!lock_while(&open(), || false).unwrap(), "the copy holds it");
        assert!(lock_while(&open(), || copy.take().is_some()).unwrap());
    }
}
