//! System calls of SQLite, and how we handle their failures. These tests run only where `strace` is
//! installed and permitted (Linux); elsewhere they report that they are skipped.

use std::path::Path;

use crate::child::{ALL, acknowledged, can, run, said, written};
use crate::line::Line;

fn can_trace() -> bool {
    can("strace", &["-o", "/dev/null", "true"], "apt-get install strace")
}

/// Runs the child with the `calls` that begin at `when` failing with `error`.
fn with_fault(folder: &Path, file: &str, calls: &str, fault: &str) -> std::process::Output {
    let file = folder.join(file);
    let (file, inject) = (file.to_str().unwrap(), format!("inject={calls}:{fault}"));
    run(folder, "strace", &["-f", "-o", "/dev/null", "-P", file, "-e", &inject])
}

/// Whether there are writes to a file that no sync came after.
#[derive(Default)]
struct Unsynced {
    main: bool,
    wal: bool,
    wal_header: bool,
}

impl Unsynced {
    /// Takes the next system call.
    fn see(&mut self, line: &str, acknowledged_any: bool) {
        let is_sync = line.contains("fsync(") || line.contains("fdatasync(");
        if line.contains("queue.db-wal>") {
            if is_sync {
                (self.wal, self.wal_header) = (false, false);
            } else if line.contains("pwrite64(") {
                let is_header = line.contains(", 32, 0)");
                assert!(!(is_header && self.main), "the WAL starts over before a sync: {line}");
                assert!(is_header || !self.wal_header, "frames before the header's sync: {line}");
                (self.wal, self.wal_header) = (true, is_header);
            }
        } else if line.contains("queue.db>") {
            if is_sync {
                self.main = false;
            } else if line.contains("pwrite64(") {
                assert!(!(acknowledged_any && self.wal), "moved before a sync: {line}");
                self.main = true;
            }
        }
    }
}

#[test]
fn sqlite_writes_and_syncs_in_the_order_that_the_images_take_for_granted() {
    if !can_trace() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let calls = "trace=pwrite64,fsync,fdatasync,write";
    let options = ["-f", "-y", "-s", "32", "-e", calls, "-o", trace.to_str().unwrap()];
    let output = run(folder.path(), "strace", &options);
    assert_eq!(acknowledged(&output), ALL, "{:?}", said(&output));
    let mut unsynced = Unsynced::default();
    let (mut acks, mut moved, mut headers) = (0, 0, 0);
    for line in std::fs::read_to_string(&trace).unwrap().lines() {
        unsynced.see(line, acks > 0);
        moved += usize::from(unsynced.main);
        headers += usize::from(unsynced.wal_header);
        if line.contains("write(1<") && line.contains("ack ") {
            assert!(!unsynced.wal, "acknowledged before a sync: {line}");
            acks += 1;
        }
    }
    assert!(acks == ALL / 3 && moved > 0 && headers > 1, "{acks} acks, {moved}, {headers}");
}

#[test]
fn a_failed_sync_stops_the_writer_and_a_new_process_goes_on() {
    if !can_trace() {
        return;
    }
    let mut stopped = 0;
    for when in 1..9 {
        let folder = tempfile::tempdir().unwrap();
        let fault = format!("error=EIO:when={when}");
        let output = with_fault(folder.path(), "queue.db-wal", "fdatasync,fsync", &fault);
        let lines = said(&output);
        let failed: Vec<_> = lines.iter().filter(|line| line.contains("failed ")).collect();
        if let Some(failed) = failed.first() {
            assert!(failed.contains("failed Fatal"), "{lines:?}");
            if lines.iter().any(|line| line.contains("again ")) {
                let refused = |line: &String| line.contains("again Err(Stopped");
                assert!(lines.iter().any(refused), "no retry and hope: {lines:?}");
                stopped += 1;
            }
        }
        assert!(written(folder.path()) >= acknowledged(&output), "{lines:?}");
        run(folder.path(), "", &[]);
        assert_eq!(written(folder.path()), ALL, "{lines:?}");
    }
    assert!(stopped > 2, "{stopped} syncs of appends failed");
    let mut line = Line::new(12, "the system's fsync of a queue fails (strace)");
    line.tries = stopped;
    line.print();
}

#[test]
fn a_disk_that_is_full_at_any_write_of_a_commit_is_waited_for() {
    if !can_trace() {
        return;
    }
    let mut waited = 0;
    for when in (3..100).step_by(7) {
        let folder = tempfile::tempdir().unwrap();
        let fault = format!("error=ENOSPC:when={when}");
        let output = with_fault(folder.path(), "queue.db-wal", "pwrite64", &fault);
        let lines = said(&output);
        waited += u64::from(lines.iter().any(|line| line.contains("retry ")));
        if lines.iter().all(|line| !line.contains("failed ")) {
            assert_eq!(acknowledged(&output), ALL, "{lines:?}");
        }
        assert!(written(folder.path()) >= acknowledged(&output), "{lines:?}");
        run(folder.path(), "", &[]);
        assert_eq!(written(folder.path()), ALL, "{lines:?}");
    }
    assert!(waited > 4, "{waited} writes of appends failed");
    let mut line = Line::new(10, "the system has no space at any write of an append (strace)");
    line.tries = waited;
    line.print();
}
