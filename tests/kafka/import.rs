//! Files imported into Kafka: messages and file notes are written atomically, so an import that is
//! repeated, killed or run twice at once is stored once.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::trial::Trial;
use crate::stage::{DATA, Stage, let_it_work, wait_until};
use crate::truth::int;
use seismic_queue::failpoints::APPENDING;

const HEADER: &str = "sensor_id,collect_timestamp,longitude,latitude,seismic_amplitude,note\n";
const FROM_MS: u64 = 1_592_926_140_000;

/// Records of some sensors, one every ten milliseconds; a column that is not read makes them long.
fn lines(prefix: &str, numbers: std::ops::Range<u64>) -> String {
    let mut text = String::new();
    for number in numbers {
        let (sensor, time) = (number % 20, FROM_MS + number * 10);
        writeln!(text, "{prefix}{sensor},{time},10.5,47.1,{}.5,{:040}", number % 90, 0).unwrap();
    }
    text
}

fn write(stage: &Stage, name: &str, lines: &str) {
    fs::write(stage.path(name), format!("{HEADER}{lines}")).unwrap();
}

fn append(stage: &Stage, name: &str, lines: &str) {
    let mut file = OpenOptions::new().append(true).open(stage.path(name)).unwrap();
    file.write_all(lines.as_bytes()).unwrap();
}

fn import(files: &[&str]) -> Vec<String> {
    let options = ["import", "csv", "--json", "--ignore-other-columns"];
    [&options[..], files].concat().into_iter().map(str::to_owned).collect()
}

fn imported(stage: &Stage, files: &[&str]) -> Value {
    let args = import(files);
    stage.json(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Counts, in a job that reads all there is, each record once, and proves it.
fn prove(stage: &Stage, records: u64) {
    stage.ok(&["run", "--quiet", "--drain", "--lateness-ms", "60000"]);
    let status = stage.status();
    assert_eq!(int(&status, "read"), records, "each record once: {status}");
    stage.verify(&[]);
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn an_import_that_is_killed_goes_on_exactly_behind_what_is_in() {
    let what = "kill -9 of an import, which is then repeated";
    let Some(mut trial) = Trial::of(24, what) else { return };
    let records = 300_000;
    write(&trial.stage, "a.csv", &lines("A", 0..records / 2));
    write(&trial.stage, "b.csv", &lines("B", 0..records / 2));
    let args = import(&["a.csv", "b.csv"]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    for (place, times) in APPENDING.iter().zip([0, 1]) {
        let mut command = trial.stage.command(&args);
        command.env("FAILPOINTS", format!("{place}={times}*off->return(abort)"));
        let done = trial.stage.start(command).wait();
        assert_eq!(done.code, None, "it dies: {done}");
        trial.tried();
    }
    for round in 0..Trial::rounds(2) {
        let import = trial.stage.spawn(&args);
        let_it_work(Duration::from_millis(300 + 100 * (round % 8)));
        if import.kill() {
            trial.tried();
        }
    }
    let first = imported(&trial.stage, &["a.csv", "b.csv"]);
    assert_eq!(int(&first, "published"), records);
    let again = imported(&trial.stage, &["b.csv", "a.csv"]);
    assert_eq!((int(&again, "published"), int(&again, "recognised")), (records, records));
    prove(&trial.stage, records);
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_file_that_grew_or_was_mended_gives_what_is_not_in_yet() {
    let Some(trial) = Trial::new() else { return };
    let stage = &trial.stage;
    let broken = lines("A", 100..101).replace(".5,47", ".5;47");
    write(stage, "a.csv", &[lines("A", 0..100), broken.clone(), lines("A", 101..200)].concat());
    let args = import(&["a.csv"]);
    stage.refused(&args.iter().map(String::as_str).collect::<Vec<_>>(), 1);
    append(stage, "a.csv", &lines("A", 200..300));
    stage.refused(&args.iter().map(String::as_str).collect::<Vec<_>>(), 1);
    let mended = fs::read_to_string(stage.path("a.csv")).unwrap();
    let mended = mended.replace(&broken, &lines("A", 100..101));
    fs::write(stage.path("a.csv"), &mended).unwrap();
    assert_eq!(int(&imported(stage, &["a.csv"]), "recognised"), 299);
    // Under another name, and grown.
    fs::write(stage.path("copy.csv"), mended + &lines("A", 300..350)).unwrap();
    let grown = imported(stage, &["copy.csv"]);
    assert_eq!((int(&grown, "published"), int(&grown, "recognised")), (350, 300), "{grown}");
    prove(stage, 350);
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn two_imports_at_once_take_turns_and_the_same_file_comes_once() {
    let Some(trial) = Trial::new() else { return };
    let stage = &trial.stage;
    let records = 100_000;
    stage.ok(&["import", "csv", "--json", "/dev/null"]);
    for name in ["A", "B"] {
        write(stage, &format!("{name}.csv"), &lines(name, 0..records));
    }
    let start = |file: &str| {
        let args = import(&[file]);
        stage.spawn(&args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    for done in [start("A.csv"), start("B.csv")].map(|running| running.wait().ok()) {
        let summary: Value = serde_json::from_str(&done.stdout).unwrap();
        assert_eq!(int(&summary, "published"), records, "{done}");
    }
    write(stage, "C.csv", &lines("C", 0..records));
    for done in [start("C.csv"), start("C.csv")].map(|running| running.wait()) {
        let is_refused = done.code == Some(1) && done.stderr.contains("another import of the same");
        assert!(done.code == Some(0) || is_refused, "{done}");
    }
    assert_eq!(int(&imported(stage, &["C.csv"]), "published"), records);
    prove(stage, 3 * records);
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn messages_of_devices_are_there_once_however_their_files_are_split() {
    let Some(trial) = Trial::new() else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/openeew-2020");
    let path = |name: &str| folder.join(name).display().to_string();
    let (locations, entries) = (path("devices_locations.csv"), fs::read_dir(&folder).unwrap());
    let names = entries.map(|entry| entry.unwrap().path().display().to_string());
    let files: Vec<_> = names.filter(|name| name.ends_with(".gz")).collect();
    let import = |files: &[String]| {
        let mut args = vec!["import", "openeew", "--json", "--locations", &locations];
        args.extend(files.iter().map(String::as_str));
        trial.stage.json(&args)
    };
    let first = int(&import(&files[..1]), "published");
    let all = import(&files);
    assert!(first > 0 && int(&all, "published") > first && int(&all, "recognised") > 0, "{all}");
    for file in &files {
        let again = import(std::slice::from_ref(file));
        assert_eq!(int(&again, "messages"), int(&again, "recognised"), "{file}: {again}");
    }
    prove(&trial.stage, int(&all, "published"));
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_followed_file_is_published_as_it_grows() {
    let Some(trial) = Trial::new() else { return };
    let stage = &trial.stage;
    write(stage, "a.csv", &lines("A", 0..100));
    let args = import(&["--follow", "a.csv"]);
    let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
    let following = stage.spawn(&args);
    let read = || stage.run(&["read", DATA, "--format", "json"]).stdout.lines().count();
    wait_until("what was there", || read() == 100);
    append(stage, "a.csv", &lines("A", 100..150));
    wait_until("what came", || read() == 150);
    following.stop(Signal::TERM).ok();
    append(stage, "a.csv", &lines("A", 150..170));
    args.retain(|arg| *arg != "--follow");
    assert_eq!(int(&stage.json(&args), "recognised"), 150);
    prove(stage, 170);
}
