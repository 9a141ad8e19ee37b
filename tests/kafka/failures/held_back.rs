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
