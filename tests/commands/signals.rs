//! Signals other than SIGTERM: a terminal that goes away, and limits of the process.

use std::process::Command;

use rustix::process::Signal;

use crate::faults::line::Line;
use crate::stage::{DATA, ROWS, Stage, csv_files, wait_until};
use crate::truth::int;

/// `seismic` with `args`, started by a shell after `before`.
fn after(stage: &Stage, before: &str, args: &[&str]) -> Command {
    let program = stage.command(args);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{before}; exec \"$0\" \"$@\"")]).arg(program.get_program());
    shell.args(program.get_args()).current_dir(stage.path("")).env_remove("RUST_LOG");
    shell
}

/// `seismic` with `args`, which hears SIGHUP although these tests may have been started by `nohup`.
fn that_hears_sighup(stage: &Stage, args: &[&str]) -> Command {
    let program = stage.command(args);
    let mut env = Command::new("env");
    env.arg("--default-signal=HUP").arg(program.get_program()).args(program.get_args());
    env.current_dir(stage.path("")).env_remove("RUST_LOG");
    env
}

#[test]
fn sighup_stops_a_run_and_a_sink_with_everything_committed() {
    let mut line = Line::new(31, "SIGHUP of a run and of a sink");
    let stage = Stage::with_records(&[]);
    let run = ["run", "--quiet", "--sink", "csv:rows"];
    let consumer = stage.start(that_hears_sighup(&stage, &run));
    stage.wait_for_job(|status| status["read"].as_u64() == Some(3_000));
    assert_eq!(consumer.stop(Signal::HUP).code, Some(0));
    let sink = stage.start(that_hears_sighup(&stage, &["sink", "csv:other"]));
    let other = stage.path("other");
    wait_until("rows are written", || other.is_dir() && !csv_files(&other).is_empty());
    assert_eq!(sink.stop(Signal::HUP).code, Some(0));
    let again = stage.run(&["run", "--drain", "--sink", "csv:rows"]).ok();
    assert!(again.stderr.starts_with("read 0 records"), "{again}");
    stage.verify(&["rows"]);
    line.tries += 2;
    line.print();
}

#[test]
fn sighup_stops_an_import_that_follows_a_file() {
    let stage = Stage::new();
    let lines = "sensor_id,collect_timestamp,seismic_amplitude\nS1,1767225600000,1.0\n";
    std::fs::write(stage.path("x.csv"), lines).unwrap();
    let import = stage.start(that_hears_sighup(&stage, &["import", "csv", "--follow", "x.csv"]));
    stage.wait_for_records();
    assert_eq!(import.stop(Signal::HUP).code, Some(0));
    assert_eq!(stage.read(DATA).len(), 1);
}

#[test]
fn sighup_that_was_ignored_at_the_start_stays_ignored() {
    let stage = Stage::with_records(&[]);
    let consumer = stage.start(after(&stage, "trap '' HUP", &["run", "--quiet"]));
    stage.wait_for_job(|status| status["read"].as_u64() == Some(3_000));
    consumer.signal(Signal::HUP);
    // It is there and at work after the signal.
    stage.generate(&["--records", "500"]);
    stage.wait_for_job(|status| status["read"].as_u64() == Some(3_500));
    assert_eq!(consumer.stop(Signal::TERM).code, Some(0));
}

#[test]
fn a_limit_of_file_sizes_is_a_full_disk() {
    let stage = Stage::new();
    let mut generate =
        after(&stage, "ulimit -f 4000", &["generate", "--records", "200000", "--json"]);
    // What waits for space says that it does.
    generate.env("RUST_LOG", "warn");
    let mut generator = stage.start(generate);
    wait_until("the full disk is met", || {
        !generator.is_running() || generator.stderr().contains("no space left")
    });
    let done = generator.stop(Signal::TERM);
    assert!(done.stderr.contains("no space left"), "{done}");
    assert_ne!(done.code, Some(153), "it is no death by SIGXFSZ: {done}");
    // The queue is whole.
    stage.ok(&["run", "--drain", "--quiet"]);
    stage.verify(&[]);

    // A folder of rows that may not grow waits too, and continues where it was.
    stage.generate(&["--records", "30000"]);
    stage.ok(&["run", "--drain", "--quiet"]);
    let mut sink = stage.start(after(&stage, "ulimit -f 40", &["sink", "csv:rows"]));
    wait_until("the sink meets the limit", || {
        !sink.is_running() || sink.stderr().contains("no space left")
    });
    let done = sink.stop(Signal::TERM);
    assert!(done.stderr.contains("no space left"), "{done}");
    stage.ok(&["sink", "csv:rows", "--until-caught-up"]);
    stage.verify(&["rows"]);
    assert!(!stage.read(ROWS).is_empty());
}

#[test]
fn a_file_that_cannot_be_opened_is_explained_by_the_system() {
    let stage = Stage::with_records(&[]);
    let done = stage.start(after(&stage, "ulimit -n 7", &["read", DATA])).wait();
    assert_eq!(done.code, Some(1), "{done}");
    assert!(done.stderr.contains("Too many open files"), "{done}");
    assert!(done.stderr.contains("ulimit -n"), "{done}");
    assert_eq!(int(&stage.generate(&["--records", "10"]), "published"), 10);
}
