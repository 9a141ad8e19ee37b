//! The cost of an undisturbed start: counts of what a drain replays, reads and computes.

use std::process::Command;

use super::trial::Trial;
use crate::stage::Done;

const RECORDS: u64 = 500_000;

/// Far above what a slow machine needs for a record, and half of what a drain took that read for
/// nothing.
const CPU_US_PER_RECORD: f64 = 12.0;

/// Runs a drain of two slots as a child of a shell, which prints what it took of the processors.
fn drain(trial: &Trial, group: &str) -> Done {
    let (rows, dead) = (format!("{group}-rows"), format!("{group}-dead"));
    let csv = format!("csv:{group}");
    let job = ["run", "--drain", "--slots", "2", "--group", group, "--sink", &*csv];
    let topics = ["--result-topic", &*rows, "--dead-topic", &*dead];
    let command = trial.stage.command(&[&job[..], &topics].concat());
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "\"$0\" \"$@\" && times"])
        .arg(command.get_program())
        .args(command.get_args());
    shell.current_dir(command.get_current_dir().unwrap());
    trial.stage.start(shell).wait().ok()
}

/// Seconds of a shell's `1m2.500s`.
fn seconds(text: &str) -> f64 {
    let (minutes, seconds) = text.trim_end_matches('s').split_once('m').unwrap();
    minutes.parse::<f64>().unwrap() * 60.0 + seconds.parse::<f64>().unwrap()
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn slots_of_a_worker_begin_together_replay_nothing_and_read_each_record_once() {
    let Some(trial) = Trial::new() else { return };
    let records = RECORDS.to_string();
    trial.stage.generate(&["--records", &records, "--sensors", "20000", "--seed", "7"]);
    for round in 0..Trial::rounds(3) {
        let done = drain(&trial, &format!("group-{round}"));
        assert!(done.stderr.contains("read 500,000 records"), "each once: {done}");
        assert!(!done.stderr.contains("replaying"), "nothing disturbed it: {done}");
        let times = done.stdout.lines().last().unwrap();
        let cpu_s: f64 = times.split_whitespace().map(seconds).sum();
        let cpu_us = cpu_s * 1e6 / RECORDS as f64;
        assert!(cpu_us < CPU_US_PER_RECORD, "{cpu_us} µs of CPU per record: {done}");
    }
}
