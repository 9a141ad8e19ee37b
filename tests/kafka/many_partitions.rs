//! A job of 256 partitions. What is counted is connections: each costs a handshake and a login
//! where brokers want them, and a client or a connection for each partition made `verify` take
//! minutes.

use std::collections::BTreeSet;
use std::time::Instant;

use rustix::process::Signal;
use serde_json::Value;

use super::secured::Secured;
use super::trial::{STOP_LIMIT, Trial, ended_with};
use crate::stage::{Done, wait_until};
use crate::truth::int;

const PARTITIONS: u64 = 256;
const RECORDS: &str = "51200";

/// Runs a command over the wire; how it ended, and how many connections it made.
fn counted(trial: &Trial, args: &[&str]) -> (Done, u32) {
    let wire = &trial.kafka.wires[0];
    let before = wire.connections();
    let place = ["--queue".to_owned(), format!("kafka://{}", trial.kafka.wired_address())];
    let done = trial.stage.start(trial.stage.command_at(args, &place)).wait();
    (done, wire.connections() - before)
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn two_hundred_and_fifty_six_partitions_cost_no_connection_each() {
    let Some(trial) = Trial::new() else { return };
    let partitions = PARTITIONS.to_string();
    let of_topic = ["--records", RECORDS, "--sensors", "2048", "--partitions", &partitions];
    trial.stage.generate(&[&of_topic[..], &["--seed", "7"]].concat());
    let mut told = Vec::new();
    let mut limited = |args: &[&str]| {
        let (done, connections) = counted(&trial, args);
        told.push(format!("{}: {connections}", args[0]));
        // A client of its own for each would be ten for each; a slow wire has one used again later.
        assert!(u64::from(connections) < 2 * PARTITIONS, "{connections} connections: {done}");
        done
    };
    limited(&["run", "--drain", "--quiet", "--slots", "2"]).ok();
    let status = limited(&["status", "--json"]).ok();
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(status["partitions"].as_array().unwrap().len() as u64, PARTITIONS);
    assert_eq!(int(&status, "read").to_string(), RECORDS);
    let doctor = limited(&["doctor"]);
    assert!(doctor.stdout.contains(" 0 problems") || doctor.code == Some(0), "{doctor}");
    let verified = limited(&["verify"]).ok();
    assert!(verified.stdout.contains("verified: 51,200 records"), "{verified}");
    println!("connections of {}", told.join(", "));

    // A second worker takes its half.
    let begin = |slot: &str| {
        let args = ["run", "--quiet", "--slots", "1", "--slot", slot];
        trial.stage.spawn(&args)
    };
    let shares = || {
        let status = trial.stage.status();
        let members = status["members"].as_array().unwrap();
        let all = |member: &Value| member["partitions"].as_array().unwrap().clone();
        members.iter().map(all).collect::<Vec<_>>()
    };
    let first = begin("left");
    wait_until("one has all", || shares().iter().map(Vec::len).eq([256]));
    let second = begin("right");
    wait_until("each has a half", || shares().iter().map(Vec::len).eq([128, 128]));
    let both: BTreeSet<_> = shares().iter().flatten().map(ToString::to_string).collect();
    assert_eq!(both.len() as u64, PARTITIONS, "nothing is given twice");
    for worker in [first, second] {
        ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    }
}

/// Prints how long each command takes; the goal is 10 s for each, on a machine where nothing else
/// runs.
#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn commands_on_two_hundred_and_fifty_six_partitions_with_tls_and_scram_are_timed() {
    let Some(secured) = Secured::new() else { return };
    secured.grant_all("User:alice");
    let place = secured.scram();
    let generate = "generate --records 2000000 --sensors 2048 --pack 20 --partitions 256 --seed 7";
    secured.run(&place, generate).ok();
    secured.run(&place, "run --drain --quiet").ok();
    let timed = |what: &str, command: &str| {
        let began = Instant::now();
        let done = secured.run(&place, command);
        println!("TIMED {what}: {:.1} s", began.elapsed().as_secs_f64());
        done
    };
    for _ in 0..3 {
        timed("start, to its end", "run --until-caught-up --quiet").ok();
        timed("status", "status").ok();
        let doctor = timed("doctor", "doctor");
        assert!(doctor.stdout.contains("0 problems"), "{doctor}");
        timed("verify", "verify").ok();
        let first = secured.start(&place, "run --quiet --slots 1 --slot left");
        wait_until("one has all", || {
            let status = secured.run(&place, "status --json").ok();
            let status: Value = serde_json::from_str(&status.stdout).unwrap();
            let members = status["members"].as_array().unwrap();
            members.iter().any(|member| member["partitions"].as_array().unwrap().len() == 256)
        });
        timed("a second worker, to its end", "run --until-caught-up --quiet --slots 1").ok();
        ended_with(&first.stop_within(Signal::TERM, STOP_LIMIT), 0);
    }
}
