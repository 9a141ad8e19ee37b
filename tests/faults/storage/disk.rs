//! Fault 10: the disk is full, under the queue, the store or the CSV folder. Everything waits, says
//! so, and continues when there is space again.
//!
//! Real small disks need the right to mount one (root on Linux); without it those tests say that
//! they are skipped. The others fail where a full disk would be noticed.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;

use crate::faults::line::Line;
use crate::faults::trial::Trial;
use crate::stage::{DATA, ROWS, Stage, wait_until};

/// Larger than any of the files of a short trial, WAL included.
const MIB: u32 = 96;

/// A disk of its own, gone when it is dropped.
pub struct Disk(PathBuf);

impl Disk {
    pub fn mount(stage: &Stage, name: &str, mib: u32) -> Option<Disk> {
        let at = stage.path(name);
        fs::create_dir_all(&at).unwrap();
        let size = format!("size={mib}m");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&at).output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Disk(at));
        }
        println!("skipped: no disk can be mounted here");
        None
    }

    /// Lets nobody write to it any more.
    fn protect(&self) {
        let done = Command::new("mount").args(["-o", "remount,ro"]).arg(&self.0).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// Leaves no byte free.
    pub fn fill(&self) {
        let mut ballast = File::create(self.0.join("ballast")).unwrap();
        for size in [1 << 20, 4 << 10, 1] {
            let zeros = vec![0; size];
            while ballast.write_all(&zeros).is_ok() {}
        }
    }

    pub fn free(&self) {
        fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What a failing test still has open there must not keep it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
fn a_full_disk_under_queue_and_store_is_waited_for() {
    let trial = Trial::new(10, "a real disk full under queue and store");
    let Some(disk) = Disk::mount(&trial.stage, "output", MIB) else { return };
    fill_and_free(trial, &disk, "retrying", "works again");
}

#[test]
fn a_full_disk_under_the_store_is_waited_for() {
    let mut trial = Trial::new(10, "a real disk full under the store");
    let Some(disk) = Disk::mount(&trial.stage, "disk", MIB) else { return };
    trial.store = "disk/home.db".to_owned();
    trial.stage.place = ["--store", "sqlite:disk/home.db"].map(str::to_owned).to_vec();
    fill_and_free(trial, &disk, "retrying", "the store works again");
}

#[test]
fn a_full_disk_under_the_csv_folder_is_waited_for() {
    let trial = Trial::new(10, "a real disk full under the CSV folder");
    let Some(disk) = Disk::mount(&trial.stage, "csv", MIB) else { return };
    fill_and_free(trial, &disk, "sink failed, retrying", "sink works again");
}

/// Fills the disk under a job at work until it says so, waits, and makes space again.
fn fill_and_free(mut trial: Trial, disk: &Disk, alarm: &str, all_clear: &str) {
    let load = trial.load();
    let mut consumer = trial.start();
    for _ in 0..Trial::rounds(2) {
        trial.wait(50..300);
        let said = consumer.stderr().len();
        disk.fill();
        wait_until("the alarm", || consumer.stderr()[said..].contains(alarm));
        trial.wait(50..1_000);
        assert!(consumer.is_running(), "{}", consumer.stderr());
        trial.line.tries += 1;
        consumer = trial.flows_again(|_| {
            disk.free();
            consumer
        });
        wait_until("the all-clear", || consumer.stderr()[said..].contains(all_clear));
    }
    consumer.stop(Signal::TERM).ok();
    trial.prove(load);
}

#[test]
fn commits_and_csv_files_without_space_are_tried_again_until_there_is_some() {
    let mut trial = Trial::new(10, "no space for commits, CSV rows and CSV marks, at our seams");
    let load = trial.load();
    trial.start().stop(Signal::TERM).ok();
    for _ in 0..Trial::rounds(1) {
        for (place, alarm) in [
            ("commit-in-transaction=10*off->6*return->off", "nothing is lost, retrying"),
            ("sink-write=5*off->6*return(full)->off", "sink failed, retrying"),
            ("sink-mark-write=2*off->6*return(full)->off", "sink failed, retrying"),
        ] {
            let consumer = trial.flows_again(|trial| trial.start_failing(place));
            wait_until("the alarm", || consumer.stderr().contains(alarm));
            wait_until("it goes on", || consumer.stderr().contains("works again"));
            consumer.stop(Signal::TERM).ok();
            trial.line.tries += 1;
        }
    }
    trial.prove(load);
}

#[test]
fn a_backup_on_a_read_only_disk_is_read_and_verified_and_nobody_runs_there() {
    let what = "queue, store and CSV folder on a read-only disk: read, status, doctor, verify, run";
    let mut line = Line::new(35, what);
    let stage = Stage::with_records(&[]);
    stage.ok(&["run", "--drain", "--quiet", "--sink", "csv:output/csv"]);
    let Some(disk) = Disk::mount(&stage, "media", MIB) else { return };
    let mut copy = Command::new("cp");
    copy.arg("-r").arg(stage.path("output/.")).arg(stage.path("media"));
    assert!(copy.status().unwrap().success());
    disk.protect();
    let place = ["--queue".to_owned(), "sqlite:media/queue.db".to_owned()];
    let run = |args: &[&str]| stage.start(stage.command_at(args, &place)).wait();
    for (args, words) in [
        (&["read", DATA, "--max", "1"][..], "1"),
        (&["read", ROWS, "--max", "1"], "1"),
        (&["status"], "3,000"),
        (&["verify", "--complete", "--sink", "csv:media/csv"], "verified: 3,000 records"),
        (&["checkpoint", "list"], ""),
        (&["retention", DATA], ""),
    ] {
        let done = run(args).ok();
        assert!(done.stdout.contains(words), "{done}");
        line.tries += 1;
    }
    let doctor = run(&["doctor"]);
    assert!(doctor.stdout.contains("Read-only"), "{doctor}");
    for args in [&["run", "--drain"][..], &["generate", "--records", "1"]] {
        let done = run(args);
        assert_eq!(done.code, Some(1), "{done}");
        assert!(done.stderr.to_lowercase().contains("read-only"), "{done}");
        line.tries += 1;
    }
    line.print();
}
