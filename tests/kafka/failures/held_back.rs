//! A producer that dies leaves a transaction open in the input: messages after it wait, and this is
//! reported.

use serde_json::Value;

use crate::kafka::trial::{Trial, ended_with};
use crate::stage::{DATA, wait_until};
use crate::truth::int;

/// What `status` and `doctor` say of it, and `run`.
pub const WORDS: &str = "partition 1 of topic \"seismic-data-topic\" is held back from offset ";

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_transaction_that_hangs_in_the_input_is_said_by_run_status_and_doctor() {
    let what = "a transaction left open in the input by a producer that is gone, then aborted";
    let Some(mut trial) = Trial::of(17, what) else { return };
    let records = |seed: &str| ["--records", "1000", "--seed", seed].map(str::to_owned);
    let generate = |seed| {
        let options = records(seed);
        trial.stage.generate(&options.each_ref().map(String::as_str));
    };
    generate("1");
    let mut open = trial.kafka.tool(&trial.kafka.source("OpenTransaction.java"));
    let open = open.args([&trial.kafka.address(), DATA, "1"]).output().unwrap();
    assert!(open.status.success(), "{}", String::from_utf8_lossy(&open.stderr));
    generate("2");
    let worker = trial.stage.spawn(&["run", "--until-caught-up", "--quiet"]);
    wait_until("the word of run", || worker.stderr().contains(WORDS));
    wait_until("the rest is read", || {
        let status = trial.stage.status();
        int(&status, "lag") == int(&status, "held_back")
    });
    let status = trial.stage.status();
    let held = &status["open_transactions"][0];
    assert!(int(&status, "held_back") > 100, "{status}");
    assert_eq!((int(held, "partition"), held["producer_id"].is_number()), (1, true), "{status}");
    assert!(held["since_ms"].is_number(), "{status}");
    let is_held = |it: &&Value| int(it, "held_back") > 0;
    assert_eq!(status["partitions"].as_array().unwrap().iter().filter(is_held).count(), 1);
    let text = trial.stage.ok(&["status"]);
    assert!(text.contains(WORDS) && text.contains("held back by open transactions"), "{text}");
    let doctor = trial.stage.run(&["doctor"]);
    ended_with(&doctor, 3);
    assert!(doctor.stdout.contains(WORDS) && doctor.stdout.contains("abort"), "{doctor}");
    let from = int(held, "offset").to_string();
    let abort = ["abort", "--topic", DATA, "--partition", "1", "--start-offset", &from];
    trial.kafka.run("org.apache.kafka.tools.TransactionsCommand", &abort);
    ended_with(&worker.wait(), 0);
    assert_eq!(int(&trial.stage.status(), "held_back"), 0);
    trial.stage.ok(&["run", "--drain", "--quiet"]);
    assert_eq!(int(&trial.stage.status(), "read"), 2_000);
    trial.stage.verify(&[]);
    trial.tried();
    trial.finish(&crate::findings::Findings::default());
}

/// Java's producer of that id leaves a transaction open in a partition; with `again` it only starts.
fn open(trial: &Trial, partition: &str, id: &str, again: &[&str]) {
    let mut tool = trial.kafka.tool(&trial.kafka.source("OpenTransaction.java"));
    let address = trial.kafka.address();
    let args = [&[&*address, DATA, partition, id], again].concat();
    let done = tool.args(args).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn transactions_that_hang_at_once_are_all_named_and_each_is_ended_as_it_is_said() {
    let what = "three transactions left open at once, two of them in one partition";
    let Some(mut trial) = Trial::of(17, what) else { return };
    trial.stage.generate(&["--records", "1000", "--seed", "1"]);
    for (partition, id) in [("1", "left-first"), ("1", "left-behind"), ("2", "left-elsewhere")] {
        open(&trial, partition, id, &[]);
    }
    trial.stage.generate(&["--records", "1000", "--seed", "2"]);
    let worker = trial.stage.spawn(&["run", "--until-caught-up", "--quiet"]);
    trial.stage.wait_for_job(|status| int(status, "lag") > 0);
    let hanging = || trial.stage.status()["open_transactions"].as_array().unwrap().clone();
    let place = |held: &Value| (int(held, "partition"), int(held, "offset"));
    wait_until("all are shown", || hanging().len() == 3);
    let all = hanging();
    assert_eq!(all.iter().map(|held| int(held, "partition")).collect::<Vec<_>>(), [1, 1, 2]);
    let ids: std::collections::BTreeSet<_> =
        all.iter().map(|held| held["producer_id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), 3, "{all:?}");
    assert!(int(&all[0], "offset") < int(&all[1], "offset"), "{all:?}");
    let doctor = trial.stage.run(&["doctor"]);
    ended_with(&doctor, 3);
    for held in &all {
        let (partition, offset) = place(held);
        for word in [
            format!("partition {partition} of topic {DATA:?} is held back from offset {offset} on"),
            format!("--partition {partition} --start-offset {offset}"),
        ] {
            assert!(doctor.stdout.contains(&word), "{word}: {doctor}");
        }
    }
    // Each by one of the ways that are said: by Kafka's tool, and by its own producer.
    let abort = |held: &Value| {
        let (partition, offset) = place(held);
        let (partition, offset) = (partition.to_string(), offset.to_string());
        let at = ["--topic", DATA, "--partition", &partition, "--start-offset", &offset];
        trial
            .kafka
            .run("org.apache.kafka.tools.TransactionsCommand", &[&["abort"], &at[..]].concat());
    };
    let left = || hanging().iter().map(place).collect::<Vec<_>>();
    abort(&all[1]);
    wait_until("the oldest is alone", || left() == [place(&all[0]), place(&all[2])]);
    open(&trial, "2", "left-elsewhere", &["again"]);
    wait_until("one is left", || left() == [place(&all[0])]);
    abort(&all[0]);
    ended_with(&worker.wait(), 0);
    assert_eq!(int(&trial.stage.status(), "held_back"), 0);
    trial.stage.ok(&["run", "--drain", "--quiet"]);
    assert_eq!(int(&trial.stage.status(), "read"), 2_000);
    trial.stage.verify(&[]);
    trial.tried();
    trial.finish(&crate::findings::Findings::default());
}
