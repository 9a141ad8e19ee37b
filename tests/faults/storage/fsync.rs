//! Fault 12: an fsync fails. It is not retried; the process ends, and the next one continues from
//! what is really on disk.

use rustix::process::Signal;

use crate::faults::trial::Trial;

#[test]
fn a_failed_fsync_of_the_store_ends_the_run_and_the_next_one_asks_what_is_there() {
    let trial = Trial::new(12, "fsync of the store fails, with and without what it should keep");
    fail_fsyncs(trial, &["sqlite-fsync=N*off->return(lost)", "sqlite-fsync=N*off->return"]);
}

#[test]
fn a_failed_fsync_of_the_csv_folder_ends_the_run_and_the_rows_come_from_the_topic() {
    let trial = Trial::new(12, "fsync of CSV rows, mark or folder fails");
    fail_fsyncs(trial, &["sink-fsync=N*off->return", "sink-fsync=N*off->return(full)"]);
}

fn fail_fsyncs(mut trial: Trial, faults: &[&str]) {
    let load = trial.load();
    let consumer = trial.start();
    consumer.stop(Signal::TERM).ok();
    for _ in 0..Trial::rounds(2) {
        for fault in faults {
            let passes = trial.dice.draw(8..40).to_string();
            let done = trial.start_failing(&fault.replace('N', &passes)).wait();
            assert_eq!(done.code, Some(1), "{done}");
            assert!(done.stderr.contains("error: "), "{done}");
            assert!(!done.stderr.contains("panicked"), "{done}");
            trial.line.tries += 1;
            trial.resume().stop(Signal::TERM).ok();
        }
    }
    trial.prove(load);
}

#[test]
fn a_producer_whose_fsync_fails_ends_and_its_repetition_is_recognised() {
    let mut trial = Trial::new(12, "fsync of the queue fails under a producer, which repeats");
    let load = "generate --seed 3 --start 2020-06-23T15:29:00Z --records 60000 --json";
    let load: Vec<&str> = load.split_whitespace().collect();
    for how in ["return(lost)", "return"] {
        for _ in 0..Trial::rounds(1) {
            let mut command = trial.stage.command(&load);
            let passes = trial.dice.draw(0..2);
            command.env("FAILPOINTS", format!("sqlite-fsync={passes}*off->{how}"));
            let done = trial.stage.start(command).wait();
            assert_eq!(done.code, Some(1), "{done}");
            trial.line.tries += 1;
        }
    }
    let summary = trial.stage.json(&load);
    trial.start().stop(Signal::TERM).ok();
    trial.prove_records(Some(&summary));
}
