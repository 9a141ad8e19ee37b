//! How a run ends when a part of it fails: soon, with the right exit code and message.

use std::fs::File;
use std::process::Stdio;
use std::time::Duration;

use rusqlite::Connection;
use rustix::process::Signal;

use crate::stage::{DATA, Done, Running, Stage, let_it_work};

/// Starts a job whose places fail as `failpoints` says.
fn start_failing(stage: &Stage, args: &[&str], failpoints: &str) -> Running {
    let mut command = stage.command(args);
    command.env("FAILPOINTS", failpoints);
    stage.start(command)
}

#[track_caller]
fn assert_told(done: &Done, code: i32, words: &str) {
    assert_eq!(done.code, Some(code), "{done}");
    assert!(done.stderr.contains(words), "{done}");
}

#[test]
fn a_panic_in_a_slot_ends_the_process_and_the_next_run_goes_on() {
    let stage = Stage::with_records(&["--records", "2000"]);
    let done = start_failing(&stage, &["run", "--slots", "2"], "slot-after-step=panic").wait();
    assert_told(&done, 1, "a bug in the program");
    assert!(done.stderr.contains("panicked"), "and where: {done}");
    stage.ok(&["run", "--drain"]);
    stage.verify(&[]);
}

#[test]
fn a_panic_in_a_sink_ends_the_process_and_the_next_run_goes_on() {
    let stage = Stage::with_records(&["--records", "2000"]);
    let job = ["run", "--sink", "csv:csv"];
    let done = start_failing(&stage, &job, "sink-after-write=panic").wait();
    assert_told(&done, 1, "a bug in the program");
    stage.ok(&["run", "--drain", "--sink", "csv:csv"]);
    stage.verify(&["csv"]);
}

#[test]
fn a_sink_that_hangs_in_a_write_is_left_behind_by_a_stop() {
    let stage = Stage::with_records(&["--records", "2000"]);
    let job = ["run", "--sink", "csv:csv", "--idle-timeout-ms", "100"];
    let consumer = start_failing(&stage, &job, "sink-after-write=sleep(600000)");
    stage.wait_for_job(|status| status["windows"].as_u64() > Some(0));
    let_it_work(Duration::from_millis(300));
    // Within 5 s, as every stop.
    let done = consumer.stop(Signal::TERM);
    assert_told(&done, 0, "is not responding; abandoning it");
    stage.ok(&["run", "--drain", "--sink", "csv:csv"]);
    stage.verify(&["csv"]);
}

#[test]
fn a_failed_sink_does_not_make_the_first_signal_a_second_one() {
    let stage = Stage::new();
    let generator = stage.spawn(&["generate", "--forever", "--rate", "2000"]);
    let job = ["run", "--sink", "csv:csv", "--idle-timeout-ms", "0"];
    // The sink is slow, and then it fails: that ends the run, but its last commit waits for the
    // store, and meanwhile the first signal comes.
    let consumer = start_failing(&stage, &job, "sink-after-write=1*sleep(1000)->return");
    stage.wait_for_job(|status| status["windows"].as_u64() > Some(0));
    let store = Connection::open(stage.path("output/queue.seismic.home.db")).unwrap();
    store.busy_timeout(Duration::from_secs(60)).unwrap();
    store.execute_batch("BEGIN IMMEDIATE").unwrap();
    let_it_work(Duration::from_millis(1_500));
    let done = consumer.stop(Signal::TERM);
    drop(store);
    assert_eq!(done.code, Some(1), "its own end, and not that of a second signal: {done}");
    generator.stop(Signal::TERM).ok();
}

#[test]
fn a_store_or_queue_that_is_taken_away_stops_the_job_with_words() {
    for file in ["output/queue.seismic.home.db", "output/queue.db"] {
        for replaced in [false, true] {
            let stage = Stage::with_records(&["--records", "2000"]);
            let consumer = stage.spawn(&["run", "--idle-timeout-ms", "100"]);
            stage.wait_for_job(|status| status["windows"].as_u64() > Some(0));
            let (path, aside) = (stage.path(file), stage.path("aside.db"));
            if replaced {
                std::fs::copy(&path, &aside).unwrap();
                std::fs::rename(&aside, &path).unwrap();
            } else {
                std::fs::rename(&path, &aside).unwrap();
            }
            let done = consumer.wait();
            assert_told(&done, 1, "was deleted or replaced while it was in use");
            assert!(done.stderr.contains(file), "{done}");
        }
    }
}

/// The output that the kernel lets no one write to.
fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

#[test]
fn output_that_cannot_be_written_is_an_error_of_the_command_and_no_panic() {
    let stage = Stage::with_records(&["--records", "1000"]);
    stage.ok(&["run", "--drain"]);
    let commands: [&[&str]; 6] = [
        &["status"],
        &["status", "--json"],
        &["verify"],
        &["read", DATA],
        &["checkpoint", "list"],
        &["run", "--help"],
    ];
    for args in commands {
        let mut command = stage.command(args);
        let output = command.stdout(full()).stderr(Stdio::piped()).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {stderr}");
        assert!(stderr.contains("error: ") && !stderr.contains("panicked"), "{args:?}: {stderr}");

        // No one can be told: the code says it.
        let status = stage.command(args).stdout(full()).stderr(full()).status().unwrap();
        assert_eq!(status.code(), Some(1), "{args:?}");
        // The work itself is fine without words.
        let status = stage.command(args).stdout(Stdio::null()).stderr(full()).status().unwrap();
        assert_eq!(status.code(), Some(0), "{args:?}");
    }
}

#[test]
fn a_run_whose_words_cannot_be_written_computes_all_the_same() {
    let stage = Stage::with_records(&["--records", "1000"]);
    let mut command = stage.command(&["run", "--drain", "--sink", "csv:csv"]);
    let status = command.stdout(full()).stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(0));
    stage.verify(&["csv"]);
}

#[test]
fn a_console_that_is_full_ends_a_bounded_run_with_a_failure_and_loses_nothing() {
    let stage = Stage::with_records(&["--records", "1000"]);
    let mut command = stage.command(&["run", "--drain"]);
    let output = command.stdout(full()).stderr(Stdio::piped()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("console") && !stderr.contains("panicked"), "{stderr}");
    stage.ok(&["run", "--drain"]);
    stage.verify(&[]);
}
