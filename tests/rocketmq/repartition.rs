//! `--repartition` of a topic of RocketMQ: the internal topic lies in a file beside the job's
//! store.

use std::fmt::Write as _;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;
use seismic_brokers::RocketMq;
use seismic_proto::Message as _;

use super::trial;
use crate::faults::line::Line;
use crate::faults::publisher::Publisher;
use crate::job::repartition::{
    assert_as_keyed, assert_whole, die_in_an_hour, drain, kill_a_service, records, run,
};
use crate::stage::Stage;
use crate::truth::int;

/// A stage whose queue is the shared broker, with topics of its own and the default store.
fn stage(rocketmq: &RocketMq) -> Stage {
    let mut stage = trial(rocketmq, 26, "").stage;
    stage.place.truncate(2);
    stage
}

/// Sends one message at a time as the Java client does when no one says to which queue.
fn send_plainly(rocketmq: &RocketMq, stage: &Stage, from_s: i64, seconds: i64) {
    let mut lines = String::new();
    for record in records(from_s, seconds) {
        let value = STANDARD.encode(record.encode_to_vec());
        writeln!(lines, "{} {value}", record.sensor_id).unwrap();
    }
    let file = stage.path("sends.txt");
    fs::write(&file, lines).unwrap();
    let said = rocketmq.java("SingleSends", &[&stage.data, "none", &file.display().to_string()]);
    assert!(said.contains(&format!("sent {}", 7 * 20 * seconds)), "{said}");
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn messages_that_were_sent_plainly_have_whole_windows() {
    let Some(rocketmq) = RocketMq::shared() else { return };
    let stage = stage(&rocketmq);
    Publisher::new(&stage);
    send_plainly(&rocketmq, &stage, 0, 120);
    let direct = ["run", "--topic", &stage.data, "--quiet", "--drain", "--group", "direct"];
    let said = stage.run(&direct).ok().stderr;
    assert!(said.contains("--repartition"), "it is named, with the cure: {said}");

    let sink = format!("rocketmq:{}-rows", stage.data);
    stage.ok(&run(&stage, &["--drain", "--sink", &sink, "--sink", "csv:csv"]));
    assert_whole(&stage, 120);
    let status = stage.status();
    assert_eq!(
        (int(&status, "late"), int(&status, "lag"), int(&status, "spread_sensors")),
        (0, 0, 0)
    );
    let proof = stage.json(&["verify", "--complete", "--json", "--sink", &sink]);
    assert_eq!(proof["verified"], true);
    assert_eq!(int(&proof["repartition"], "records"), 7 * 20 * 120);
    stage.verify(&["csv"]);
    let doctor = stage.ok(&["doctor", "--topic", &stage.data]);
    assert!(doctor.contains("of the first step"), "{doctor}");

    // It continues where it was.
    send_plainly(&rocketmq, &stage, 120, 60);
    drain(&stage);
    assert_whole(&stage, 180);
    stage.verify(&[]);
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn an_hour_of_backlog_over_all_queues_has_no_late_record_though_runs_die_in_it() {
    let Some(rocketmq) = RocketMq::shared() else { return };
    let stage = stage(&rocketmq);
    let what = "--repartition of an hour over all partitions, by runs that die in the middle";
    let mut line = Line { place: "RocketMQ", ..Line::new(26, what) };
    line.tries = die_in_an_hour(&stage, &["--sink", "csv:csv"]);
    stage.ok(&run(&stage, &["--drain", "--sink", "csv:csv"]));
    assert_as_keyed(&stage, 3_600);
    assert_eq!(int(&stage.status(), "late"), 0);
    stage.verify(&["csv"]);
    line.print();
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_service_of_two_steps_is_killed_stopped_backed_up_and_proved() {
    let Some(rocketmq) = RocketMq::shared() else { return };
    let stage = stage(&rocketmq);
    let running = kill_a_service(&stage, &run(&stage, &["--sink", "csv:csv"]), 4);
    stage.ok(&["backup", "b", "--csv", "csv"]);
    stage.ok(&["checkpoint", "save", "kept"]);
    running.stop(Signal::TERM).ok();
    stage.verify(&["csv"]);
    assert_whole(&stage, 80);
    let back = ["--from-checkpoint", "kept", "--rewind", "--drain", "--sink", "console"];
    stage.ok(&run(&stage, &back));
    assert_whole(&stage, 80);
    stage.verify(&[]);
}
