//! Fault 26: the records of sensors are spread over partitions, by producers without keys, or by
//! two with different partitioners. Results are then incomplete, and every command must report it.

use seismic_proto::Message as _;
use serde_json::Value;

use super::line::Line;
use super::publisher::{Publisher, record};
use crate::stage::{Stage, wait_until};
use crate::truth::{int, text};

/// Publishes a second of each of four sensors; `key` gives the key of a record that says nothing of
/// its sensor.
fn publish(publisher: &mut Publisher, key: impl Fn(usize, usize) -> String) {
    let now_ms = record("").collect_timestamp;
    let mut messages = Vec::new();
    for step in 0..100 {
        for sensor in 0..4 {
            let mut record = record(&format!("S{sensor}"));
            record.collect_timestamp = now_ms - 1_000 + step as i64 * 10;
            messages.push((key(step, sensor), record.encode_to_vec()));
        }
    }
    publisher.all(&messages);
}

#[test]
fn a_sensor_spread_over_partitions_is_named_by_everyone_who_looks() {
    let what = "records without keys; the run, status, doctor and verify name the sensors";
    let mut line = Line::new(26, what);
    let stage = Stage::new();
    let mut publisher = Publisher::new(&stage);
    let consumer = stage.spawn(&["run", "--quiet"]);
    publish(&mut publisher, |step, _| format!("no key {}", step % 7));
    wait_until("the run says so", || consumer.stderr().contains("sensor \"S0\" has records in"));
    let said = consumer.stderr();
    assert!(said.contains("; let every producer use the sensor id as key"), "{said}");
    stage.wait_for_job(|status| int(status, "spread_sensors") == 4);
    consumer.stop(rustix::process::Signal::TERM).ok();

    let status = stage.status();
    assert_eq!(text(&status["spread"][0], "sensor"), "S0");
    assert!(status["spread"][0]["partitions"].as_array().unwrap().len() > 1, "{status}");
    assert!(stage.ok(&["status"]).contains("sensor \"S0\" has records in partitions "));
    let doctor = stage.ok(&["doctor"]);
    assert!(doctor.contains("warning  sensor \"S0\" has records in partitions "), "{doctor}");

    let done = stage.run(&["verify", "--json"]);
    assert_eq!(done.code, Some(3), "{done}");
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((int(&report, "spread_sensors"), int(&report, "moved_sensors")), (4, 0));
    assert_eq!(text(&report["differences"][0], "kind"), "row_spread");
    let words = stage.run(&["verify"]).stdout;
    assert!(words.contains("sensor \"S0\" is spread over partitions "), "{words}");
    line.tries += 1;
    line.print();
}

#[test]
fn a_job_that_refuses_spread_sensors_ends_with_the_reason() {
    let mut line = Line::new(26, "two partitioners; a run that refuses ends, and does so again");
    let stage = Stage::new();
    let mut publisher = Publisher::new(&stage);
    publish(&mut publisher, |_, sensor| format!("S{sensor}"));
    publish(&mut publisher, |_, sensor| format!("other {sensor}"));
    for _ in 0..2 {
        let said = stage.refused(&["run", "--drain", "--quiet", "--spread", "refuse"], 1);
        assert!(said.contains(" has records in partitions "), "{said}");
        line.tries += 1;
    }
    std::fs::write(stage.path("job.toml"), "spread = \"refuse\"\n").unwrap();
    stage.refused(&["run", "--job", "job.toml", "--drain", "--quiet"], 1);
    stage.ok(&["run", "--job", "job.toml", "--drain", "--quiet", "--spread", "warn"]);
    line.print();
}
