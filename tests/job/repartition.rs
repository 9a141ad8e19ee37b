//! `--repartition`: sensors that are spread over partitions have whole windows, both steps are run,
//! killed, proved, shown, backed up and deleted as one job.

use std::collections::BTreeMap;

use rustix::process::Signal;
use seismic_pipeline::failpoints as slot;
use seismic_proto::{Message as _, SeismicRecord};
use seismic_sqlite::failpoints as store;
use serde_json::Value;

use crate::faults::line::Line;
use crate::faults::publisher::Publisher;
use crate::faults::trial::assert_aborted;
use crate::stage::{DATA, DEAD, Done, ROWS, Running, Stage, wait_until};
use crate::truth::{int, text};

const START: i64 = 1_600_000_000_000;
const INTERNAL: &str = "seismic-repartition";
const RUN: [&str; 3] = ["run", "--repartition", "--quiet"];

/// Arguments of a run of the stage's topic.
pub fn run<'a>(stage: &'a Stage, more: &[&'a str]) -> Vec<&'a str> {
    [&RUN[..], &["--topic", &stage.data], more].concat()
}

/// Records of seven sensors at 20 Hz, for that many seconds from a second on.
pub fn records(from_s: i64, seconds: i64) -> impl Iterator<Item = SeismicRecord> {
    (from_s * 20..(from_s + seconds) * 20).flat_map(|n| {
        (0..7).map(move |sensor| SeismicRecord {
            sensor_id: format!("S{sensor:03}"),
            collect_timestamp: START + n * 50,
            seismic_amplitude: ((n * 31 + sensor * 17) % 199) as f32 / 7.0 - 3.0,
            data_quality: 1,
            phase_type: "N".to_owned(),
            ..SeismicRecord::default()
        })
    })
}

/// Publishes without keys that say anything: the sensors take turns over all partitions.
pub fn publish(publisher: &mut Publisher, records: impl Iterator<Item = SeismicRecord>) {
    let messages: Vec<_> = records
        .enumerate()
        .map(|(n, it)| (format!("key {}", n % 37), it.encode_to_vec()))
        .collect();
    publisher.all(&messages);
}

/// Counts of the rows by sensor and window; each must be there once.
fn windows(stage: &Stage) -> BTreeMap<(String, i64), i64> {
    let mut windows = BTreeMap::new();
    for line in stage.read(ROWS) {
        let row = &line["value"];
        let key = (text(row, "sensor_id"), row["window_start_ts"].as_i64().unwrap());
        let count = row["record_count"].as_i64().unwrap();
        assert_eq!(windows.insert(key.clone(), count), None, "{key:?} is there twice");
    }
    windows
}

/// Every window of that many seconds is there, whole.
pub fn assert_whole(stage: &Stage, seconds: usize) {
    let windows = windows(stage);
    assert_eq!(windows.len(), 7 * seconds);
    assert!(windows.values().all(|count| *count == 20), "{windows:?}");
}

/// Every row is that of a keyed input: count, minimum and maximum are equal, the mean to 1 in 10¹².
pub fn assert_as_keyed(stage: &Stage, seconds: i64) {
    let mut expected: BTreeMap<(String, i64), Vec<f32>> = BTreeMap::new();
    for record in records(0, seconds) {
        let start = record.collect_timestamp.div_euclid(1_000) * 1_000;
        expected.entry((record.sensor_id, start)).or_default().push(record.seismic_amplitude);
    }
    let rows = stage.read(ROWS);
    assert_eq!(rows.len(), expected.len());
    for line in rows {
        let row = &line["value"];
        let key = (text(row, "sensor_id"), row["window_start_ts"].as_i64().unwrap());
        let of = expected.remove(&key).unwrap_or_else(|| panic!("{key:?} is there twice"));
        let number = |field: &str| row[field].as_f64().unwrap();
        let least = of.iter().copied().fold(f32::INFINITY, f32::min);
        let most = of.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mean = of.iter().copied().map(f64::from).sum::<f64>() / of.len() as f64;
        assert_eq!(row["record_count"].as_u64(), Some(of.len() as u64), "{row}");
        assert_eq!(number("min_amplitude") as f32, least, "{row}");
        assert_eq!(number("max_amplitude") as f32, most, "{row}");
        assert!((number("mean_amplitude") - mean).abs() <= 1e-12 * mean.abs().max(1.0), "{row}");
    }
}

pub fn drain(stage: &Stage) {
    stage.ok(&run(stage, &["--drain"]));
}

/// Kills a service in the middle of that many stretches of 20 s, each published while it runs, and
/// has the last one close everything for silence.
pub fn kill_a_service(stage: &Stage, service: &[&str], stretches: u64) -> Running {
    let mut publisher = Publisher::new(stage);
    let closed = |windows: u64| {
        stage.wait_for_job(|status| int(status, "windows") >= windows);
    };
    for stretch in 1..=stretches {
        let running = stage.spawn(service);
        publish(&mut publisher, records(20 * (stretch as i64 - 1), 20));
        closed(7 * (20 * stretch - 1));
        assert!(running.kill(), "it ran");
    }
    let running = stage.spawn(service);
    // All are closed for silence, and no sooner than all have come through.
    closed(7 * 20 * stretches);
    running
}

#[test]
fn sensors_without_keys_have_whole_windows_and_both_steps_are_proved_and_shown() {
    let stage = Stage::new();
    let mut publisher = Publisher::new(&stage);
    publish(&mut publisher, records(0, 3_600));
    publisher.bytes("k", b"\xff garbage");
    drain(&stage);
    assert_whole(&stage, 3_600);
    assert_as_keyed(&stage, 3_600);

    let status = stage.status();
    assert_eq!(
        (int(&status, "late"), int(&status, "lag"), int(&status, "spread_sensors")),
        (0, 0, 0)
    );
    let first = &status["repartition"];
    assert_eq!([text(first, "topic"), text(first, "internal_topic")], [DATA, INTERNAL]);
    assert_eq!((int(first, "passed"), int(first, "unparseable")), (7 * 20 * 3_600, 1));
    let words = stage.ok(&["status"]);
    assert!(
        words.contains("first step: group seismic-repartition brings the sensors of"),
        "{words}"
    );

    stage.verify(&[]);
    let proof = stage.json(&["verify", "--complete", "--json"]);
    assert_eq!(proof["verified"], true);
    assert_eq!(int(&proof["repartition"], "records"), 7 * 20 * 3_600);
    let doctor = stage.ok(&["doctor"]);
    assert!(doctor.contains("of the first step"), "{doctor}");

    let letters = stage.read("seismic-repartition-dead");
    assert_eq!(letters.len(), 1);
    assert_eq!(text(&letters[0]["value"], "reason"), "unparseable");
    assert_eq!(text(&letters[0]["value"], "input_topic"), DATA);
    assert!(stage.read(DEAD).is_empty());
    let passed = stage.ok(&["read", INTERNAL, "--max", "1", "--format", "json"]);
    assert!(passed.contains("\"sensor_id\":\"S0"), "{passed}");
}

#[test]
fn the_same_group_goes_on_and_keeps_to_its_choice() {
    let stage = Stage::new();
    let mut publisher = Publisher::new(&stage);
    publish(&mut publisher, records(0, 60));
    stage.ok(&[&RUN[..], &["--until-caught-up"]].concat());
    publish(&mut publisher, records(60, 60));
    drain(&stage);
    assert_whole(&stage, 120);
    stage.verify(&[]);
    let said = stage.refused(&["run", "--quiet", "--drain"], 2);
    assert!(said.contains("say --repartition"), "{said}");
    let said = stage.refused(&["verify", "--group", INTERNAL], 1);
    assert!(said.contains("is the first step of job \"seismic\""), "{said}");

    stage.ok(&["run", "--quiet", "--drain", "--group", "direct"]);
    let direct = ["run", "--quiet", "--drain", "--group", "direct", "--repartition"];
    let said = stage.refused(&direct, 2);
    assert!(said.contains("began without --repartition"), "{said}");
}

/// A run that dies at this place after some passes, if it comes so far.
fn die_at(stage: &Stage, place: &str, passes: u32, more: &[&str]) -> Done {
    let mut command = stage.command(&run(stage, &[&["--until-caught-up"], more].concat()));
    command.env("FAILPOINTS", format!("{place}={passes}*off->return(abort)"));
    stage.start(command).wait()
}

/// Publishes an hour, as fast as it goes, and has it read by runs that die in the middle.
pub fn die_in_an_hour(stage: &Stage, more: &[&str]) -> u64 {
    let mut publisher = Publisher::new(stage);
    for from_s in (0..3_600).step_by(60) {
        publish(&mut publisher, records(from_s, 60));
    }
    for passes in [50, 400, 900] {
        assert_aborted(&die_at(stage, slot::AFTER_STEP, passes, more));
    }
    3
}

#[test]
fn a_job_of_two_steps_that_dies_at_each_named_place_loses_and_doubles_nothing() {
    let stage = Stage::new();
    let mut publisher = Publisher::new(&stage);
    let mut from_s = 0;
    for (number, place) in slot::ALL.iter().chain(&store::COMMITTING).enumerate() {
        publish(&mut publisher, records(from_s, 30));
        from_s += 30;
        die_at(&stage, place, number as u32 % 4, &[]);
    }
    drain(&stage);
    assert_whole(&stage, from_s as usize);
    stage.verify(&[]);
    assert_eq!(int(&stage.status(), "late"), 0);
}

#[test]
fn a_service_of_two_steps_is_killed_stopped_backed_up_and_goes_on_elsewhere() {
    let stage = Stage::new();
    let mut line =
        Line::new(26, "--repartition, killed in the middle of four stretches of records");
    line.tries = 4;
    let running = kill_a_service(&stage, &run(&stage, &["--sink", "csv:csv"]), line.tries);
    stage.ok(&["backup", "b", "--csv", "csv"]);
    running.stop(Signal::TERM).ok();
    stage.verify(&["csv"]);
    assert_whole(&stage, 80);

    stage.ok(&["verify", "--complete", "--backup", "b", "--sink", "csv:b/csv-1"]);
    let place = ["--queue", "sqlite:there/queue.db"].map(str::to_owned);
    let at = |args: &[&str]| stage.start(stage.command_at(args, &place)).wait().ok().stdout;
    std::fs::create_dir(stage.path("there")).unwrap();
    let said = at(&["restore", "b", "--csv", "there/csv"]);
    assert!(said.contains("--repartition"), "{said}");
    at(&["run", "--repartition", "--quiet", "--drain", "--sink", "csv:there/csv"]);
    at(&["verify", "--complete", "--sink", "csv:there/csv"]);
    line.print();
}

#[test]
fn a_group_is_listed_and_deleted_with_its_first_step() {
    let stage = Stage::new();
    let mut publisher = Publisher::new(&stage);
    publish(&mut publisher, records(0, 10));
    drain(&stage);
    let list: Value = stage.json(&["group", "list", "--json"]);
    let holds = list["holds"].as_array().unwrap();
    let has = |topic: &str, group: &str| {
        let holder = format!("{group} (");
        holds.iter().any(|it| text(it, "topic") == topic && text(it, "holder").starts_with(&holder))
    };
    assert!(has(DATA, INTERNAL) && has(INTERNAL, "seismic"), "{list}");
    let kept = stage.ok(&["retention", INTERNAL, "--in", "store"]);
    assert!(kept.contains("seismic-repartition/0: offsets 0 to"), "{kept}");

    stage.ok(&["group", "delete", "seismic", "--yes"]);
    let list: Value = stage.json(&["group", "list", "--json"]);
    assert_eq!(list["holds"].as_array().unwrap().len(), 0, "{list}");
    assert!(!stage.path("output/queue.seismic-repartition.home.db").exists());
    drain(&stage);
    wait_until("it begins again", || stage.status()["windows"] == 70);
    assert_whole(&stage, 10);
}
