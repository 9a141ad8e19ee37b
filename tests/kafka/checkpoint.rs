//! Named checkpoints of a job that workers share, and forks of them.

use rustix::process::Signal;
use serde_json::Value;

use super::trial::{STOP_LIMIT, Trial, ended_with};
use crate::stage::{ROWS, Running, Stage, wait_until};
use crate::truth::int;

const RULES: [&str; 6] = ["--window-ms", "200", "--lateness-ms", "100", "--idle-timeout-ms", "0"];
const CHILD: [&str; 6] = ["--group", "child", "--result-topic", "rows-2", "--dead-topic", "dead-2"];
const FORK: [&str; 4] = ["--from-checkpoint", "half", "--of-group", "seismic"];

fn drain(further: &[&'static str]) -> Vec<&'static str> {
    [&["run", "--quiet", "--drain"], &RULES[..], further].concat()
}

/// Partition and number of the checkpoints of that name.
fn named(stage: &Stage, name: &str) -> Vec<(u64, u64)> {
    let list = stage.json(&["checkpoint", "list", "--json"]);
    let has = |one: &&Value| one["names"].as_array().unwrap().contains(&name.into());
    let of_it = list.as_array().unwrap().iter().filter(has);
    of_it.map(|one| (int(one, "partition"), int(one, "number"))).collect()
}

/// Two workers, each with half of the partitions. One that is frozen keeps them for half a minute:
/// longer than a slow machine takes to look at what it has not done.
fn two_workers(trial: &mut Trial) -> [Running; 2] {
    trial.load();
    let worker = "--slots 1 --kafka session.timeout.ms=30000";
    let workers = [trial.worker(worker), trial.worker(worker)];
    trial.wait_for_rows(50);
    wait_until("each has two partitions", || {
        let status = trial.stage.status();
        let members = status["members"].as_array().cloned().unwrap_or_default();
        let two = |member: &Value| member["partitions"].as_array().is_some_and(|it| it.len() == 2);
        members.len() == 2 && members.iter().all(two)
    });
    workers
}

fn stop(workers: impl IntoIterator<Item = Running>) {
    for worker in workers {
        ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    }
}

/// Content of each row, in any order.
fn values(rows: &str) -> Vec<&str> {
    let mut values: Vec<_> =
        rows.lines().map(|line| line.split_once("\"value\"").unwrap().1).collect();
    values.sort_unstable();
    values
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn two_workers_take_a_checkpoint_when_asked_and_another_group_goes_on_from_it() {
    let Some(mut trial) = Trial::new() else { return };
    let workers = two_workers(&mut trial);
    let saved = trial.stage.json(&["checkpoint", "save", "half", "--json"]);
    assert_eq!(saved["partitions"].as_array().unwrap().len(), 4, "{saved}");
    trial.wait_for_rows(200);
    let stage = &trial.stage;
    let numbers = |one: &Value| (int(one, "partition"), int(one, "number"));
    let of_saved: Vec<_> = saved["partitions"].as_array().unwrap().iter().map(numbers).collect();
    assert_eq!(named(stage, "half"), of_saved);
    let again = stage.refused(&["checkpoint", "save", "half"], 2);
    assert!(again.contains("has a checkpoint named \"half\" already"), "{again}");
    let back = stage.refused(&drain(&["--from-checkpoint", "half", "--rewind"]), 2);
    assert!(back.contains("cannot take back rows") && back.contains("--of-group"), "{back}");
    stop(workers);
    trial.end_load();

    let stage = &trial.stage;
    // Killed with all of it sent, it has begun nothing, and no one begins it otherwise.
    let mut killed = stage.command(&drain(&[&CHILD[..], &FORK].concat()));
    killed.env("FAILPOINTS", "commit-in-transaction=return(abort)");
    assert_eq!(stage.start(killed).wait().code, None);
    let refusal = stage.refused(&drain(&CHILD), 2);
    assert!(refusal.contains("is to start with checkpoint \"half\" of group seismic"), "{refusal}");
    // Killed when it is made, it has begun.
    let mut killed = stage.command(&drain(&[&CHILD[..], &FORK].concat()));
    killed.env("FAILPOINTS", "commit-after=return(abort)");
    assert_eq!(stage.start(killed).wait().code, None);
    let refusal = stage.refused(&drain(&[&CHILD[..], &FORK].concat()), 2);
    assert!(refusal.contains("--from-checkpoint"), "{refusal}");
    stage.ok(&drain(&CHILD));

    let text = stage.ok(&["verify", "--complete", "--group", "child"]);
    assert!(text.contains("forked from checkpoint "), "{text}");
    let all = stage.ok(&["read", ROWS, "--in", "home", "--format", "json"]);
    let ours = ["read", "rows-2", "--in", "home", "--group", "child", "--format", "json"];
    let ours = stage.ok(&ours);
    let (all, ours) = (values(&all), values(&ours));
    assert!(!ours.is_empty() && ours.len() < all.len());
    assert!(ours.iter().all(|row| all.binary_search(row).is_ok()), "bit by bit those of the other");
    let late = stage.refused(&drain(&[&FORK[..], &["--group", "seismic"]].concat()), 2);
    assert!(late.contains("--from-checkpoint"), "{late}");

    stage.ok(&["checkpoint", "delete", "half"]);
    assert_eq!(named(stage, "half"), []);
    stage.refused(&["checkpoint", "delete", "half"], 2);
    trial.prove();
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_save_is_all_or_nothing_when_a_worker_stands_still_and_is_completed_when_one_dies() {
    let Some(mut trial) = Trial::new() else { return };
    let [left, right] = two_workers(&mut trial);
    let stage = &trial.stage;
    right.signal(Signal::STOP);
    let late = stage.refused(&["checkpoint", "save", "late", "--timeout", "4"], 1);
    right.signal(Signal::CONT);
    assert!(late.contains("had not taken checkpoint \"late\""), "{late}");
    assert_eq!(named(stage, "late"), [], "it was taken back");
    // Its partitions move to the other worker, which answers for them.
    let save = stage.spawn(&["checkpoint", "save", "half", "--timeout", "120"]);
    assert!(right.kill(), "it ran");
    save.wait().ok();
    assert_eq!(named(stage, "half").len(), 4);
    stop([left]);
    trial.prove();
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_save_whose_command_is_killed_is_answered_all_the_same() {
    let Some(mut trial) = Trial::new() else { return };
    let [left, right] = two_workers(&mut trial);
    let stage = &trial.stage;
    right.signal(Signal::STOP);
    let save = stage.spawn(&["checkpoint", "save", "half", "--timeout", "120"]);
    wait_until("half of it is answered", || {
        let list = stage.run(&["checkpoint", "list"]).stdout;
        list.contains("half is requested: 2 of 4 partitions have taken it")
    });
    assert!(save.kill(), "it ran");
    let refusal = stage.refused(&drain(&[&CHILD[..], &FORK].concat()), 2);
    assert!(refusal.contains("half"), "{refusal}");
    right.signal(Signal::CONT);
    wait_until("all have answered", || named(stage, "half").len() == 4);
    stop([left, right]);
    trial.prove();
}
