//! Fault 11: what a kill or a power cut leaves after the last flush: garbage or half-written data.
//! It is removed and written again. Missing data before that is refused with an error.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use rustix::process::Signal;

use crate::faults::trial::{QUEUE, STORE, Trial};
use crate::stage::csv_files;

const LOAD: &str = "--rate 10000 --sensors 50 --pack 5";

#[test]
fn torn_tails_of_queue_store_and_csv_are_taken_away() {
    let mut trial =
        Trial::new(11, "garbage and torn pages after the flushed end of queue, store, CSV");
    for _ in 0..Trial::rounds(4) {
        let load = trial.load_with(LOAD);
        let running = trial.start();
        trial.wait(50..500);
        // Its file is closed by the last one that drops it, so no one may do that in order.
        trial.stop_reader();
        trial.kill(running);
        assert!(load.kill());
        for file in [format!("{QUEUE}-wal"), format!("{STORE}-wal")] {
            tear(&mut trial, &file);
        }
        let row = b"S001,1700000000000,17000000";
        let tail = &row[..trial.dice.draw(1..row.len() as u64) as usize];
        append(csv_files(&trial.stage.path("csv")).last().unwrap(), tail);
        // A new load, and a consumer that continues from what is left.
        let load = trial.load_with(LOAD);
        trial.resume().stop(Signal::TERM).ok();
        load.stop(Signal::TERM).ok();
    }
    trial.prove_records(None);
}

/// Adds what a write that was not flushed may leave: random bytes, or a torn copy of what is there.
fn tear(trial: &mut Trial, file: &str) {
    let path = trial.stage.path(file);
    let there = fs::read(&path).unwrap();
    let len = trial.dice.draw(1..70_000).min(there.len() as u64);
    let tail = match trial.dice.draw(0..2) {
        0 => trial.dice.bytes(len),
        _ => there[there.len() - len as usize..].to_vec(),
    };
    append(&path, &tail);
}

fn append(path: &Path, tail: &[u8]) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(tail).unwrap();
}

#[test]
fn a_csv_file_shorter_than_its_mark_is_refused_until_it_is_put_back() {
    let mut trial =
        Trial::new(11, "a CSV file shorter than its mark, a mark that is damaged or gone");
    let load = trial.load();
    let consumer = trial.start();
    trial.wait(300..600);
    consumer.stop(Signal::TERM).ok();
    let file = csv_files(&trial.stage.path("csv")).pop().unwrap();
    let mark = trial.stage.path("csv/windows.mark");
    for _ in 0..Trial::rounds(2) {
        for path in [&file, &mark] {
            let whole = fs::read(path).unwrap();
            let cut = trial.dice.draw(0..whole.len() as u64) as usize;
            fs::write(path, &whole[..cut]).unwrap();
            refuse(&mut trial, path);
            fs::remove_file(path).unwrap();
            refuse(&mut trial, path);
            fs::write(path, &whole).unwrap();
        }
    }
    trial.resume().stop(Signal::TERM).ok();
    trial.prove(load);
}

/// The run must end without having changed anything, and name the file.
fn refuse(trial: &mut Trial, path: &Path) {
    let done = trial.stage.run(&trial.job(&["--until-caught-up"]));
    assert!(matches!(done.code, Some(1 | 2)), "{done}");
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(done.stderr.contains(name), "{name} is not named: {done}");
    trial.line.tries += 1;
}

#[test]
fn a_log_that_lost_what_was_flushed_is_refused() {
    let mut trial =
        Trial::new(11, "the queue file put back to an older state: flushed records lost");
    let load = trial.load();
    let consumer = trial.start();
    consumer.stop(Signal::TERM).ok();
    load.stop(Signal::TERM).ok();
    trial.stage.ok(&trial.job(&["--until-caught-up"]));
    assert!(!trial.stage.path(&format!("{QUEUE}-wal")).exists(), "all of it is in one file");
    let older = fs::read(trial.stage.path(QUEUE)).unwrap();
    let load = trial.load();
    let consumer = trial.start();
    trial.wait(100..400);
    consumer.stop(Signal::TERM).ok();
    load.stop(Signal::TERM).ok();
    let newer = fs::read(trial.stage.path(QUEUE)).unwrap();
    fs::write(trial.stage.path(QUEUE), older).unwrap();
    let stderr = trial.stage.refused(&trial.job(&[]), 1);
    assert!(stderr.contains("older state"), "{stderr}");
    trial.line.tries += 1;
    // Put back, it continues.
    fs::write(trial.stage.path(QUEUE), newer).unwrap();
    trial.prove_records(None);
}
