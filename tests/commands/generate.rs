//! `seismic generate` and `seismic-generator`: what a run publishes, when, and its output.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::stage::{DATA, Stage, wait_until};
use crate::truth::{int, records, text};

/// Event times by sensor, in log order, of a topic without anomalies.
fn times(stage: &Stage) -> BTreeMap<String, Vec<i64>> {
    let mut times: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for line in &stage.read(DATA) {
        for record in records(line) {
            let time = record["collect_timestamp"].as_i64().unwrap();
            times.entry(text(record, "sensor_id")).or_default().push(time);
        }
    }
    times
}

#[test]
fn the_defaults_are_those_that_are_documented() {
    let stage = Stage::new();
    let said = stage.ok(&["generate"]);
    assert!(said.starts_with("published 3,000 records to seismic-data-topic in "), "{said}");
    assert!(said.contains("\nseed "), "{said}");

    let lines = stage.read(DATA);
    assert_eq!(lines.len(), 3_000, "one record a message");
    let partitions: BTreeSet<_> = lines.iter().map(|line| int(line, "partition")).collect();
    assert!(partitions.iter().all(|&partition| partition < 4), "{partitions:?}");
    stage.ok(&["read", DATA, "--partition", "3"]);
    stage.refused(&["read", DATA, "--partition", "4"], 2);

    stage.ok(&["run", "--until-caught-up"]);
    let rejected = int(&stage.status(), "rejected") + int(&stage.status(), "late");
    assert!((50..=300).contains(&rejected), "about 5 % anomalies, not {rejected} of 3,000");
}

#[test]
fn ten_sensors_take_turns_at_25_samples_a_second_and_end_now() {
    let stage = Stage::new();
    stage.generate(&["--anomaly-percent", "0"]);
    let times = times(&stage);
    let names: Vec<_> = (1..=10).map(|number| format!("S{number:03}")).collect();
    assert_eq!(times.keys().collect::<Vec<_>>(), names.iter().collect::<Vec<_>>());
    for times in times.values() {
        assert_eq!(times.len(), 300);
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 40), "{times:?}");
    }
    let newest = times.values().filter_map(|times| times.last()).max().unwrap();
    let appended = stage.read(DATA)[0]["append_ms"].as_i64().unwrap();
    assert!(*newest <= appended, "event time never runs ahead of the clock");
    assert!(appended - newest < 60_000, "the run ends now: {newest}, {appended}");
}

#[test]
fn amplitudes_and_positions_are_plausible_and_all_phases_come() {
    let stage = Stage::with_records(&["--anomaly-percent", "0", "--seed", "1", "--pack", "7"]);
    let lines = stage.read(DATA);
    let records: Vec<&Value> = lines.iter().flat_map(records).collect();
    let mut places: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut phases = BTreeSet::new();
    for record in records {
        let number = |field: &str| record[field].as_f64().unwrap();
        assert!((-100.0..=200.0).contains(&number("seismic_amplitude")), "{record}");
        assert!(number("longitude").abs() <= 180.0 && number("latitude").abs() <= 90.0);
        let place = (number("longitude").to_bits(), number("latitude").to_bits());
        assert_eq!(*places.entry(text(record, "sensor_id")).or_insert(place), place, "it moved");
        phases.insert(text(record, "phase_type"));
    }
    assert_eq!(phases, ["N", "P", "S"].map(str::to_owned).into());
}

#[test]
fn the_same_seed_and_start_give_the_same_bytes_also_from_the_program_of_its_own() {
    let options = ["--seed", "5", "--start", "2020-06-23T15:29:00Z", "--anomaly-percent", "20"];
    let (one, two) = (Stage::with_records(&options), Stage::new());
    let said = two.start(two.generator(&options)).wait().ok().stdout;
    assert!(said.contains("seed 5, start 2020-06-23T15:29:00.000Z"), "{said}");
    let without_append_time = |stage: &Stage| {
        let mut lines = stage.read(DATA);
        for line in &mut lines {
            line["append_ms"] = Value::Null;
        }
        lines
    };
    assert_eq!(without_append_time(&one), without_append_time(&two));

    let other = Stage::with_records(&["--seed", "6", "--start", "2020-06-23T15:29:00Z"]);
    assert_ne!(without_append_time(&one), without_append_time(&other));
}

#[test]
fn both_programs_have_the_same_options() {
    let stage = Stage::new();
    let help = |text: String| {
        text.split_once("Options:").unwrap().1.replace("  -V, --version  Print version\n", "")
    };
    let one = stage.ok(&["generate", "--help"]);
    let two = stage.start(stage.generator(&["--help"])).wait().ok().stdout;
    let words = |text: String| {
        let mut words: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
        words.retain(|word| word.starts_with("--") && word != "--version");
        words
    };
    assert_eq!(words(help(one)), words(help(two)));
}

#[test]
fn a_repeated_run_with_seed_and_start_adds_nothing() {
    let options = ["--seed", "5", "--start", "2020-06-23T15:29:00Z", "--pack", "3"];
    let stage = Stage::with_records(&options);
    let before = stage.ok(&["read", DATA, "--format", "json"]);
    let again = stage.generate(&options);
    assert_eq!(int(&again, "published"), 3_000);
    assert_eq!(int(&again, "recognised"), before.lines().count() as u64, "in messages");
    assert_eq!(stage.ok(&["read", DATA, "--format", "json"]), before);
}

#[test]
fn two_runs_in_a_row_do_not_make_each_other_late() {
    // Runs of 1 s: the second waits for the clock, so that its events come after the first's.
    let (stage, options) = (Stage::new(), ["--records", "250", "--anomaly-percent", "10"]);
    let runs = [stage.generate(&options), stage.generate(&options)];
    assert!(int(&runs[1], "start_ms") >= int(&runs[0], "start_ms") + 1_000);
    stage.ok(&["run", "--drain"]);
    let late: u64 = runs.iter().map(|run| int(&run["by_kind"], "late")).sum();
    assert_eq!(int(&stage.status(), "late"), late, "late on purpose, and no others");

    let valid = |line: &&Value| line["value"]["sensor_id"] != Value::Null;
    for line in stage.read(DATA).iter().filter(valid) {
        let (time, appended) = (&line["value"]["collect_timestamp"], &line["append_ms"]);
        let is_far = time.as_i64().unwrap() > 5_000_000_000_000;
        assert!(is_far || time.as_i64() <= appended.as_i64(), "ahead of the clock: {line}");
    }
}

#[test]
fn a_run_with_a_rate_follows_the_clock() {
    let stage = Stage::new();
    let rate = ["--rate", "500", "--sensors", "50", "--sample-rate-hz", "9"];
    let summary =
        stage.generate(&[&rate[..], &["--records", "1000", "--anomaly-percent", "0"]].concat());
    assert!(summary["seconds"].as_f64().unwrap() > 1.5, "1,000 records at 500/s: {summary}");
    for line in stage.read(DATA) {
        let time = line["value"]["collect_timestamp"].as_i64().unwrap();
        assert!(time <= line["append_ms"].as_i64().unwrap(), "ahead of the clock: {line}");
    }
    // 50 sensors at 500 records/s: 100 ms each, whatever --sample-rate-hz says.
    for times in times(&stage).values() {
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 100), "{times:?}");
    }
}

#[test]
fn a_run_that_begins_in_the_future_waits_for_it() {
    let stage = Stage::new();
    let begin = (jiff::Timestamp::now() + std::time::Duration::from_secs(1)).to_string();
    stage.generate(&["--start", &begin, "--records", "100", "--anomaly-percent", "0"]);
    for line in stage.read(DATA) {
        let time = line["value"]["collect_timestamp"].as_i64().unwrap();
        assert!(time <= line["append_ms"].as_i64().unwrap(), "ahead of the clock: {line}");
    }
}

#[test]
fn a_run_without_end_publishes_until_it_is_stopped() {
    let stage = Stage::new();
    let generator = stage.spawn(&["generate", "--forever", "--anomaly-percent", "0"]);
    wait_until("2 s of records", || {
        let done = stage.run(&["read", DATA, "--format", "json"]);
        done.stdout.lines().count() > 500
    });
    generator.stop(rustix::process::Signal::TERM).ok();
    for times in times(&stage).values() {
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 40), "{times:?}");
    }
}

#[test]
fn a_pack_holds_records_of_one_partition() {
    let stage = Stage::with_records(&["--pack", "50", "--anomaly-percent", "0"]);
    let lines = stage.read(DATA);
    assert!(lines.len() < 100, "{} messages", lines.len());
    let mut store: BTreeMap<String, u64> = BTreeMap::new();
    let mut all = 0;
    for line in &lines {
        for record in records(line) {
            let partition = int(line, "partition");
            assert_eq!(*store.entry(text(record, "sensor_id")).or_insert(partition), partition);
            all += 1;
        }
    }
    assert_eq!(all, 3_000);
}
