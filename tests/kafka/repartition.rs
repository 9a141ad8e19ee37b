//! `--repartition` of a topic of Kafka: the internal topic is one of the cluster, one worker at a
//! time brings sensors together, and all of them make windows.

use rustix::process::Signal;
use seismic_pipeline::failpoints::HOUSEKEEPING_DUE;
use seismic_proto::{Message as _, SeismicRecord};

use super::failures::held_back::WORDS;
use super::trial::{STOP_LIMIT, Trial, ended_with};
use crate::faults::line::Line;
use crate::faults::publisher::Publisher;
use crate::job::repartition::{
    assert_as_keyed, assert_whole, die_in_an_hour, drain, kill_a_service, publish, records, run,
};
use crate::stage::{DATA, DEAD, Stage, wait_until};
use crate::truth::{int, text};

/// An hour of records at 20 Hz, without keys that say anything.
fn publish_an_hour(stage: &Stage) {
    let mut publisher = Publisher::new(stage);
    for from_s in (0..3_600).step_by(60) {
        publish(&mut publisher, records(from_s, 60));
    }
}

fn windows(stage: &Stage) -> u64 {
    let done = stage.run(&["status", "--json"]);
    if done.code != Some(0) {
        return 0;
    }
    int(&serde_json::from_str(&done.stdout).unwrap(), "windows")
}

/// Everything is there, once, and nothing was late.
fn prove_the_hour(stage: &Stage) {
    assert_eq!(int(&stage.status(), "late"), 0);
    assert_as_keyed(stage, 3_600);
    stage.verify(&[]);
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn messages_without_keys_have_whole_windows_and_both_steps_are_proved_and_shown() {
    let Some(Trial { stage, kafka: _kafka, .. }) = Trial::new() else { return };
    let mut publisher = Publisher::new(&stage);
    publish(&mut publisher, records(0, 60));
    publisher.bytes("k", b"\xff garbage");
    // Longer than what commits carry elsewhere: one has no record, and one is to be rejected later.
    publisher.bytes("k", &vec![0x7b; 3_000_000]);
    let long = SeismicRecord { sensor_id: "x".repeat(3_000_000), ..SeismicRecord::default() };
    publisher.bytes("k", &long.encode_to_vec());
    drain(&stage);
    assert_whole(&stage, 60);
    let status = stage.status();
    assert_eq!(
        (int(&status, "late"), int(&status, "lag"), int(&status, "spread_sensors")),
        (0, 0, 0)
    );
    let first = &status["repartition"];
    let topics = [text(first, "topic"), text(first, "internal_topic")];
    assert_eq!(topics, [DATA, "seismic-repartition"]);
    assert_eq!((int(first, "passed"), int(first, "unparseable")), (7 * 20 * 60 + 1, 2));
    let proof = stage.json(&["verify", "--complete", "--json"]);
    assert_eq!(proof["verified"], true);
    assert_eq!(int(&proof["repartition"], "records"), 7 * 20 * 60 + 1);
    let doctor = stage.ok(&["doctor"]);
    assert!(doctor.contains("of the first step"), "{doctor}");
    let letters = stage.read("seismic-repartition-dead");
    assert_eq!(letters.len(), 2);
    assert!(letters.iter().all(|it| text(&it["value"], "input_topic") == DATA), "{letters:?}");
    let letters = stage.read(DEAD);
    assert_eq!(letters.len(), 1);
    assert_eq!(text(&letters[0]["value"], "reason"), "long_sensor");
    assert_eq!(text(&letters[0]["value"], "input_topic"), DATA);

    // It continues where it was, and keeps to its choice.
    publish(&mut publisher, records(60, 60));
    drain(&stage);
    assert_whole(&stage, 120);
    stage.verify(&[]);
    let said = stage.refused(&["run", "--quiet", "--drain"], 2);
    assert!(said.contains("say --repartition"), "{said}");
    stage.ok(&["group", "delete", "seismic", "--yes"]);
    assert!(stage.ok(&["read", "seismic-repartition", "--in", "queue"]).is_empty());
    let said = stage.refused(&run(&stage, &["--drain"]), 2);
    assert!(said.contains("seismic"), "{said}");
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn an_hour_of_backlog_has_no_late_record_though_runs_die_in_it() {
    let Some(Trial { stage, kafka: _kafka, .. }) = Trial::new() else { return };
    let what = "--repartition of an hour over all partitions, by runs that die in the middle";
    let mut line = Line { place: "Kafka", ..Line::new(26, what) };
    line.tries = die_in_an_hour(&stage, &["--slots", "2", "--slot", "one"]);
    stage.ok(&run(&stage, &["--slots", "2", "--slot", "one", "--drain"]));
    prove_the_hour(&stage);
    line.print();
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn an_hour_of_backlog_has_no_late_record_though_one_of_two_workers_is_killed() {
    let Some(Trial { stage, kafka: _kafka, .. }) = Trial::new() else { return };
    publish_an_hour(&stage);
    let what = "--repartition of an hour by two workers, of which one is killed";
    let mut line = Line { place: "Kafka", ..Line::new(26, what) };
    let first = stage.spawn(&run(&stage, &["--slots", "2"]));
    let second = stage.spawn(&run(&stage, &["--slots", "2"]));
    wait_until("windows", || windows(&stage) > 0);
    line.tries += u64::from(first.kill());
    // All are closed for silence, and no sooner than all have come through.
    wait_until("all windows", || windows(&stage) == 7 * 3_600);
    ended_with(&second.stop_within(Signal::TERM, STOP_LIMIT), 0);
    drain(&stage);
    prove_the_hour(&stage);
    line.print();
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_service_of_two_steps_is_killed_and_closes_for_silence_what_has_come_through() {
    let Some(Trial { stage, kafka: _kafka, .. }) = Trial::new() else { return };
    let service = run(&stage, &["--slot", "one", "--slots", "2"]);
    let running = kill_a_service(&stage, &service, 3);
    ended_with(&running.stop_within(Signal::TERM, STOP_LIMIT), 0);
    assert_whole(&stage, 60);
    stage.verify(&[]);
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_worker_that_reads_all_partitions_and_sleeps_leaves_them_to_another_one_and_is_fenced() {
    let Some(Trial { stage, kafka: _kafka, .. }) = Trial::new() else { return };
    let what = "SIGSTOP of the worker that does the first step of --repartition, then SIGCONT";
    let mut line = Line { place: "Kafka", ..Line::new(4, what) };
    let mut publisher = Publisher::new(&stage);
    let all_but_the_last =
        |seconds: u64| wait_until("windows", || windows(&stage) >= 7 * (seconds - 1));
    // The first one that is there reads all partitions of the input.
    let sleeper = stage.spawn(&run(&stage, &[]));
    publish(&mut publisher, records(0, 20));
    all_but_the_last(20);
    let heir = stage.spawn(&run(&stage, &[]));
    sleeper.signal(Signal::STOP);
    publish(&mut publisher, records(20, 20));
    all_but_the_last(40);
    sleeper.signal(Signal::CONT);
    ended_with(&sleeper.wait(), 4);
    line.tries += 1;
    // The heir reads meanwhile, and a second that comes to one partition after the other is in
    // time.
    (40..60).for_each(|from_s| publish(&mut publisher, records(from_s, 1)));
    all_but_the_last(60);
    ended_with(&heir.stop_within(Signal::TERM, STOP_LIMIT), 0);
    drain(&stage);
    assert_whole(&stage, 60);
    assert_eq!(int(&stage.status(), "late"), 0);
    stage.verify(&[]);
    line.print();
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_transaction_that_hangs_in_the_input_holds_the_first_step_back_and_is_said() {
    let Some(Trial { stage, kafka, .. }) = Trial::new() else { return };
    let mut publisher = Publisher::new(&stage);
    publish(&mut publisher, records(0, 20));
    let mut open = kafka.tool(&kafka.source("OpenTransaction.java"));
    let open = open.args([&kafka.address(), DATA, "1"]).output().unwrap();
    assert!(open.status.success(), "{}", String::from_utf8_lossy(&open.stderr));
    publish(&mut publisher, records(20, 20));
    let worker = stage.spawn(&run(&stage, &["--until-caught-up"]));
    wait_until("the word of run", || worker.stderr().contains(WORDS));
    wait_until("what is held back", || int(&stage.status(), "held_back") > 0);
    let status = stage.status();
    let held = &status["open_transactions"][0];
    assert_eq!((text(held, "topic"), int(held, "partition")), (DATA.to_owned(), 1), "{status}");
    let of_input = status["repartition"]["partitions"].as_array().unwrap();
    assert_eq!(of_input.iter().filter(|it| int(it, "held_back") > 0).count(), 1, "{status}");
    let said = stage.ok(&["status"]);
    assert!(said.contains(WORDS) && said.contains("held back by open transactions"), "{said}");
    let from = int(held, "offset").to_string();
    let abort = ["abort", "--topic", DATA, "--partition", "1", "--start-offset", &from];
    kafka.run("org.apache.kafka.tools.TransactionsCommand", &abort);
    ended_with(&worker.wait(), 0);
    assert_eq!(int(&stage.status(), "held_back"), 0);
    drain(&stage);
    assert_whole(&stage, 40);
    stage.verify(&[]);
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn what_no_checkpoint_of_the_windows_needs_goes_from_the_internal_topic() {
    let Some(Trial { stage, kafka: _kafka, .. }) = Trial::new() else { return };
    let mut publisher = Publisher::new(&stage);
    // Each run leaves a checkpoint, and the ten newest are kept.
    let runs = 12;
    for number in 0..runs {
        publish(&mut publisher, records(5 * number, 5));
        let mut command = stage.command(&run(&stage, &["--until-caught-up"]));
        command.env("FAILPOINTS", format!("{HOUSEKEEPING_DUE}=return"));
        stage.start(command).wait().ok();
    }
    let service = {
        let mut command = stage.command(&run(&stage, &[]));
        command.env("FAILPOINTS", format!("{HOUSEKEEPING_DUE}=return"));
        stage.start(command)
    };
    wait_until("the head of the internal topic is gone", || {
        let partitions = stage.status()["partitions"].clone();
        partitions.as_array().unwrap().iter().any(|it| int(it, "first") > 0)
    });
    ended_with(&service.stop_within(Signal::TERM, STOP_LIMIT), 0);
    // What is left is enough to continue and to prove the rest.
    publish(&mut publisher, records(5 * runs, 5));
    drain(&stage);
    assert_whole(&stage, 5 * (runs as usize + 1));
    let proof = stage.ok(&["verify"]);
    assert!(proof.contains("verified in part"), "{proof}");
}
