//! Sinks beside the workers of a job: as processes of their own, and on each worker its part.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::trial::{STOP_LIMIT, Trial, ended_with};
use crate::stage::{DATA, Running, csv_files, let_it_work, wait_until};
use crate::truth::{int, text};

#[test]
fn a_sink_of_its_own_that_is_killed_again_and_again_has_every_row_of_all_workers_once() {
    let what = "kill -9 of the process of a CSV sink that shows the rows of two workers";
    let Some(mut trial) = Trial::of(1, what) else { return };
    // Before there is a job: it waits for one.
    let mut sink = trial.stage.spawn(&["sink", "csv:rows"]);
    wait_until("it waits", || sink.stderr().contains("waiting for a job"));
    trial.load();
    let workers = [trial.worker("--slots 1"), trial.worker("--slots 1")];
    for round in 0..Trial::rounds(3) {
        trial.wait_for_rows(50);
        wait_for_lines(&trial);
        // At once, when what was just written is not marked yet, and some time later.
        let_it_work(Duration::from_millis(57 * (round % 3)));
        assert!(sink.kill(), "it ran");
        trial.tried();
        sink = trial.stage.spawn(&["sink", "csv:rows"]);
    }
    wait_for_lines(&trial);
    let refusal = trial.stage.refused(&["sink", "csv:rows"], 4);
    assert!(refusal.contains(&format!("process {}", sink.pid())), "{refusal}");
    trial.wait_for_rows(50);
    ended_with(&sink.stop(Signal::TERM), 0);
    let known = trial.stage.status();
    let sinks = known["sinks"].as_array().unwrap();
    let is_ours = |sink: &Value| text(sink, "sink").ends_with("/rows");
    assert!(sinks.iter().any(is_ours), "the store knows how far it is: {known}");
    for worker in workers {
        ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    }
    trial.prove_with(&["rows"]);
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_sink_that_stands_still_stalls_no_worker_and_catches_up() {
    let what = "the process of a CSV sink stopped while 1,000 rows are committed";
    let Some(mut trial) = Trial::of(18, what) else { return };
    trial.load();
    let worker = trial.worker("--slots 1");
    trial.wait_for_rows(50);
    let sink = trial.stage.spawn(&["sink", "csv:rows"]);
    wait_until("its folder", || trial.stage.path("rows").exists());
    for _ in 0..Trial::rounds(1) {
        wait_for_lines(&trial);
        sink.signal(Signal::STOP);
        trial.wait_for_rows(1_000);
        sink.signal(Signal::CONT);
        trial.tried();
    }
    ended_with(&sink.stop(Signal::TERM), 0);
    ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.prove_with(&["rows"]);
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_sink_of_a_roll_up_has_its_position_in_that_topic_and_doctor_warns_of_brokers_that_keep_less() {
    let Some(trial) = Trial::new() else { return };
    let stage = &trial.stage;
    stage.generate(&["--records", "2000", "--seed", "1"]);
    let sink = "csv:spans,source=rollup:2s,hold_behind=1h";
    let sinks = ["--sink", "csv:windows", "--sink", sink];
    stage.ok(&[&["run", "--drain", "--quiet", "--rollup", "2s"], &sinks[..]].concat());
    stage.ok(&[&["verify"], &sinks[..]].concat());
    let status = stage.status();
    let known = status["sinks"].as_array().unwrap();
    assert!(known.len() == 2 && known.iter().all(|sink| sink["lag"] == 0), "{status}");
    let topic = "seismic-agg-topic-2s";
    stage.ok(&["retention", topic, "--in", "store", "--max-age", "10m"]);
    let examined = stage.run(&["doctor", "--sink", sink]);
    let warned = "the brokers keep rows of seismic-agg-topic-2s for 600 s, and hold_behind of the sink is 3600 s";
    assert!(examined.stdout.contains(warned), "{}", examined.stdout);
}

/// Waits until whoever writes to the folder has marked rows, and then written more.
fn wait_for_lines(trial: &Trial) {
    let folder = trial.stage.path("rows");
    let mark = || std::fs::read(folder.join("windows.mark")).ok();
    let before = mark();
    wait_until("a new mark", || mark() != before);
    let size = |file: &PathBuf| std::fs::metadata(file).unwrap().len();
    let bytes = || csv_files(&folder).iter().map(size).sum::<u64>();
    let before = bytes();
    wait_until("more rows in the folder", || bytes() > before);
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn the_console_of_a_worker_shows_the_partitions_that_it_has() {
    let Some(mut trial) = Trial::new() else { return };
    trial.load();
    let workers = [trial.worker("--slots 1"), trial.worker("--slots 1")];
    // Both have joined, and what they showed before does not count.
    wait_until("both show rows", || workers.iter().all(|worker| !worker.stdout().is_empty()));
    trial.wait_for_rows(100);
    let partitions = partitions_of_sensors(&trial);
    let before = workers.each_ref().map(|worker| worker.stdout().len());
    trial.wait_for_rows(400);
    let shown = |worker: &Running, from: usize| -> BTreeSet<u64> {
        let out = worker.stdout();
        let sensors = out[from..].lines().filter_map(|line| line.split(' ').nth(2));
        sensors.filter_map(|sensor| partitions.get(sensor).copied()).collect()
    };
    let (one, other) = (shown(&workers[0], before[0]), shown(&workers[1], before[1]));
    assert_eq!((one.len(), other.len()), (2, 2), "{one:?} {other:?}");
    assert!(one.is_disjoint(&other), "{one:?} {other:?}");
    for worker in workers {
        ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    }
    trial.prove();
}

/// In which partition each sensor is.
fn partitions_of_sensors(trial: &Trial) -> BTreeMap<String, u64> {
    let of = |line: &Value| (text(line, "key"), int(line, "partition"));
    trial.stage.read(DATA).iter().map(of).collect()
}
