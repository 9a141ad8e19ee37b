//! Files imported into RocketMQ: imported messages are read back, and undeterminable cases are
//! refused unless the import is forced.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use rustix::process::Signal;
use seismic_brokers::RocketMq;
use serde_json::Value;

use crate::stage::{Stage, wait_until};
use crate::truth::int;

fn write(stage: &Stage, name: &str, prefix: &str, records: u64) {
    let mut text = String::from("sensor_id,collect_timestamp,seismic_amplitude\n");
    for number in 0..records {
        writeln!(text, "{prefix}{},{},1.5", number % 5, 1_592_926_140_000 + number).unwrap();
    }
    fs::write(stage.path(name), text).unwrap();
}

fn stage(rocketmq: &RocketMq) -> Stage {
    let mut stage = Stage::new();
    stage.place = vec!["--queue".to_owned(), rocketmq.url()];
    stage
}

fn counts(summary: &Value) -> (u64, u64) {
    (int(summary, "published"), int(summary, "recognised"))
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_file_is_there_once_one_that_grew_goes_on_and_one_that_was_changed_is_refused() {
    let Some(rocketmq) = RocketMq::shared() else { return };
    let stage = stage(&rocketmq);
    let import = ["import", "csv", "--json", "--topic", "grown", "a.csv"];
    write(&stage, "a.csv", "A", 1_000);
    assert_eq!(counts(&stage.json(&import)), (1_000, 0));
    assert_eq!(counts(&stage.json(&import)), (1_000, 1_000));
    for (records, before) in [(1_100, 1_000), (1_100, 1_100), (1_250, 1_100), (1_250, 1_250)] {
        write(&stage, "a.csv", "A", records);
        assert_eq!(counts(&stage.json(&import)), (records, before));
    }
    let text = fs::read_to_string(stage.path("a.csv")).unwrap();
    fs::write(stage.path("a.csv"), text.replace("1592926140500,1.5", "1592926140500,2.5")).unwrap();
    let refused = stage.refused(&import, 1);
    assert!(refused.contains("was changed") && refused.contains("--again"), "{refused}");
    write(&stage, "b.csv", "B", 500);
    let other = ["import", "csv", "--json", "--topic", "grown", "b.csv"];
    assert_eq!(counts(&stage.json(&other)), (500, 0));
    let again = [&import[..], &["--again"]].concat();
    assert_eq!(counts(&stage.json(&again)), (1_250, 0));
    assert_eq!(counts(&stage.json(&import)), (1_250, 1_250));
    let read = stage.ok(&["read", "grown", "--in", "queue", "--format", "json"]);
    assert_eq!(read.lines().count(), 1_250 + 500 + 1_250);
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_file_is_refused_that_may_lie_before_what_is_read_back() {
    let Some(rocketmq) = RocketMq::shared() else { return };
    let stage = stage(&rocketmq);
    let topic = ["--topic", "long", "--partitions", "1"];
    write(&stage, "a.csv", "A", 1_000);
    let import = [&["import", "csv", "--json", "a.csv"], &topic[..]].concat();
    assert_eq!(counts(&stage.json(&import)), (1_000, 0));
    let load = ["generate", "--json", "--records", "200000", "--sensors", "50"];
    stage.ok(&[&load[..], &topic].concat());
    let refused = stage.refused(&import, 1);
    assert!(refused.contains("may be in the topic already"), "{refused}");
    assert_eq!(counts(&stage.json(&[&import[..], &["--again"]].concat())), (1_000, 0));
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn messages_of_devices_are_refused_when_other_files_with_them_may_be_in() {
    let Some(rocketmq) = RocketMq::shared() else { return };
    let stage = stage(&rocketmq);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/openeew-2020");
    let path = |name: &str| folder.join(name).display().to_string();
    let (locations, entries) = (path("devices_locations.csv"), fs::read_dir(&folder).unwrap());
    let names = entries.map(|entry| entry.unwrap().path().display().to_string());
    let files: Vec<_> = names.filter(|name| name.ends_with(".gz")).collect();
    let import = |files: &[String]| {
        let options = ["import", "openeew", "--json", "--topic", "devices", "--locations"];
        let mut args: Vec<String> = options.into_iter().map(str::to_owned).collect();
        args.push(locations.clone());
        args.extend(files.iter().cloned());
        args
    };
    let (one, all) = (import(&files[..1]), import(&files));
    let words = |args: &[String]| args.to_vec();
    let run = |args: &[String]| {
        let args = words(args);
        stage.json(&args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let first = run(&one);
    assert_eq!(int(&run(&one), "published"), int(&first, "published"));
    let args: Vec<&str> = all.iter().map(String::as_str).collect();
    let refused = stage.refused(&args, 1);
    assert!(refused.contains("cannot be determined") && refused.contains("--again"), "{refused}");
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_file_is_followed_once_a_process_when_that_is_asked_for_and_a_pipe_without() {
    let Some(rocketmq) = RocketMq::shared() else { return };
    let stage = stage(&rocketmq);
    write(&stage, "a.csv", "A", 100);
    let import = ["import", "csv", "--topic", "followed", "--follow"];
    let refused = stage.refused(&[&import[..], &["a.csv"]].concat(), 2);
    assert!(refused.contains("would be imported again; try --again"), "{refused}");
    let mut piped = stage.command(&[&import[..], &["-", "--json"]].concat());
    piped.stdin(fs::File::open(stage.path("a.csv")).unwrap());
    assert_eq!(
        counts(&serde_json::from_str(&stage.start(piped).wait().ok().stdout).unwrap()).0,
        100
    );
    let read = stage.ok(&["read", "followed", "--in", "queue", "--format", "json"]);
    assert_eq!(read.lines().count(), 100);

    // Each line once, as long as the process lives; the next one begins with the first line again.
    let read = || {
        let read = stage.run(&["read", "again", "--in", "queue", "--format", "json"]);
        read.stdout.lines().count()
    };
    let again = ["import", "csv", "--topic", "again", "--follow", "--again", "a.csv"];
    let following = stage.spawn(&again);
    wait_until("all lines are in", || read() == 100);
    let mut file = fs::OpenOptions::new().append(true).open(stage.path("a.csv")).unwrap();
    file.write_all(b"A0,1592926150000,1.5\n").unwrap();
    wait_until("the new one is in", || read() == 101);
    following.stop(Signal::TERM).ok();
    let following = stage.spawn(&again);
    wait_until("all lines are in again", || read() == 202);
    following.stop(Signal::TERM).ok();
}
