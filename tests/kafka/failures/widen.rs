//! Partitions that are added to the input of a job after it was drained.

use rustix::process::Signal;
use seismic_kafka::failpoints::COMMITTING;
use seismic_queue::failpoints::COMMIT_AFTER;

use crate::faults::trial::assert_aborted;
use crate::kafka::trial::{Trial, ended_with};
use crate::stage::{DATA, ROWS, wait_until};
use crate::truth::{difference_of_csv, int, look};

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
const DRAIN: [&str; 5] = ["run", "--quiet", "--drain", "--idle-timeout-ms", "0"];

/// Publishes 6,000 records of the same 60 sensors, as a producer that knows of that many
/// partitions.
fn publish(trial: &Trial, start: &str, partitions: &str) {
    let load = ["--records", "6000", "--sensors", "60", "--pack", "3", "--seed", "7"];
    let place = ["--start", start, "--partitions", partitions];
    trial.stage.generate(&[&load[..], &place].concat());
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_drained_job_takes_them_and_no_window_comes_twice() {
    let what =
        "partitions added to the input of a drained job and taken; sensors move, with late records";
    let Some(mut trial) = Trial::of(19, what) else { return };
    let (first, later) = ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z");
    publish(&trial, first, "4");
    trial.stage.ok(&DRAIN);
    trial.stage.ok(&["sink", "csv:out", "--until-caught-up"]);
    let live = trial.stage.spawn(&["sink", "csv:live"]);
    let before = trial.stage.read(ROWS).len();
    trial.kafka.run(TOPICS, &["--alter", "--topic", DATA, "--partitions", "6"]);
    let refusal = trial.stage.refused(&DRAIN, 2);
    assert!(refusal.contains("run --accept-partitions"), "{refusal}");
    let accept = [&DRAIN[..], &["--accept-partitions"]].concat();
    trial.stage.ok(&accept);

    // Everything once more, also where its sensor has moved: all of it is late.
    publish(&trial, first, "6");
    publish(&trial, later, "6");
    trial.tried();
    trial.stage.ok(&DRAIN);
    let nothing_to_take = trial.stage.run(&accept);
    assert!(!nothing_to_take.stderr.contains("continues with"), "{nothing_to_take}");
    trial.stage.ok(&["sink", "csv:out", "--until-caught-up"]);

    wait_until("a sink at work shows them too", || {
        difference_of_csv(&trial.stage, "live") == (0, 0)
    });
    ended_with(&live.stop(Signal::TERM), 0);
    let rows = trial.stage.read(ROWS);
    assert!(rows.len() > before + before / 2, "{} after {before}", rows.len());
    let in_new = rows.iter().filter(|row| int(row, "partition") >= 4).count();
    assert!(in_new > 50, "{in_new} rows in new partitions");
    let findings = look(&trial.stage, 1_000);
    let late = findings.reasons["late"];
    assert!(late > 4_000, "{late} of 6,000 came twice");
    trial.stage.verify(&["out"]);
    assert_eq!(int(&trial.stage.status(), "read"), 18_000);
    trial.finish(&findings);
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn one_that_dies_while_it_takes_them_has_all_of_them_or_none() {
    let what =
        "death at each named place of the transaction that takes partitions added to the input";
    let Some(mut trial) = Trial::of(1, what) else { return };
    publish(&trial, "2026-01-01T00:00:00Z", "4");
    trial.stage.ok(&DRAIN);
    let mut partitions = 4;
    for place in COMMITTING {
        let wider = (partitions + 1).to_string();
        trial.kafka.run(TOPICS, &["--alter", "--topic", DATA, "--partitions", &wider]);
        let accept = [&DRAIN[..], &["--accept-partitions"]].concat();
        let mut command = trial.stage.command(&accept);
        command.env("FAILPOINTS", format!("{place}=return(abort)"));
        assert_aborted(&trial.stage.start(command).wait());
        let taken = trial.stage.status()["partitions"].as_array().map_or(0, Vec::len);
        let is_made = if place == COMMIT_AFTER { 1 } else { 0 };
        assert_eq!(taken, partitions + is_made, "at {place}");
        trial.stage.ok(&accept);
        partitions += 1;
        trial.tried();
    }
    publish(&trial, "2026-01-01T01:00:00Z", &partitions.to_string());
    trial.stage.ok(&DRAIN);
    trial.stage.verify(&[]);
    let findings = look(&trial.stage, 1_000);
    trial.finish(&findings);
}
