//! `seismic bench`: every part yields figures and leaves nothing behind. The sizes are those of a
//! test; the figures are not checked.

use std::fs;

use rustix::process::Signal;
#[cfg(feature = "redis")]
use seismic_brokers::Redis;
use seismic_brokers::{Kafka, RocketMq};
use serde_json::Value;

use crate::stage::{Stage, wait_until};

/// Figures that may be zero.
const MAY_BE_ZERO: [&str; 2] = ["anomaly_percent", "dead_letters"];

#[test]
fn every_part_yields_figures_and_the_folder_is_gone() {
    let stage = Stage::new();
    let report = stage.json(&["bench", "--tiny", "--json"]);
    let parts = report["parts"].as_array().unwrap();
    let names: Vec<_> = parts.iter().map(|part| part["part"].as_str().unwrap()).collect();
    assert_eq!(names, ["limit", "publish", "read", "drain", "live", "recovery", "memory", "sql"]);
    for part in parts {
        let figures = part["figures"].as_array().unwrap();
        assert!(!figures.is_empty(), "{part}");
        figures.iter().for_each(check);
    }
    let drains = parts[3]["figures"].as_array().unwrap();
    assert!(drains.iter().any(|drain| drain["dead_letters"].as_f64() > Some(0.0)), "{drains:?}");
    assert_eq!(report["size"], "tiny");
    assert!(!stage.path("output").exists());
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_bench_of_a_kafka_cluster_measures_every_part_there() {
    let Some(kafka) = Kafka::one() else { return };
    every_part_of(&format!("kafka://{}", kafka.address()));
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_bench_of_rocketmq_measures_every_part_there() {
    let Some(rocketmq) = RocketMq::shared() else { return };
    every_part_of(&rocketmq.url());
}

#[cfg(feature = "redis")]
#[test]
fn sinks_are_measured_beside_their_statements_alone_and_those_that_are_not_there_are_named() {
    let Some(server) = Redis::start(&[]) else { return };
    let stage = Stage::new();
    let sink = format!("redis://{}/0,name=bench,batch_rows=50", server.address());
    let away = "redis://127.0.0.1:1/0";
    let args = ["bench", "sinks", "--tiny", "--json", "--sink", &sink, "--sink", away];
    let done = stage.run(&args).ok();
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    let parts = report["parts"].as_array().unwrap();
    assert_eq!(
        (parts.len(), &parts[0]["part"]),
        (1, &"sinks".into()),
        "no limit is needed: {report}"
    );
    let [figure] = &parts[0]["figures"].as_array().unwrap()[..] else { panic!("{report}") };
    assert_eq!(figure["sink"], "redis");
    for name in ["rows_per_s", "bare_rows_per_s", "ratio_to_bare"] {
        assert!(figure[name].as_f64() > Some(0.0), "{figure}");
    }
    for skipped in
        ["SKIPPED redis://127.0.0.1:1/0: ", "SKIPPED postgres: no server of it was named"]
    {
        assert!(done.stderr.contains(skipped), "{}", done.stderr);
    }
    assert!(!stage.path("output").exists());
    // A place with rows of someone else is none to measure at.
    let again = stage.refused(&args, 2);
    assert!(again.contains("holds the rows of store bench-"), "{again}");
}

fn every_part_of(queue: &str) {
    let stage = Stage::new();
    let report = stage.json(&["bench", "--tiny", "--json", "--queue", queue]);
    let parts = report["parts"].as_array().unwrap();
    assert_eq!(parts.len(), 8, "{report}");
    assert!(parts.iter().all(|part| !part["figures"].as_array().unwrap().is_empty()), "{report}");
    assert_eq!(report["queue"], queue);
}

fn check(figure: &Value) {
    for (name, value) in figure.as_object().unwrap() {
        let is_figure = value.as_f64().is_some_and(|figure| {
            figure > 0.0 || figure == 0.0 && MAY_BE_ZERO.contains(&name.as_str())
        });
        let is_time_of_ticks = name == "cpu_s" && value.as_f64() == Some(0.0);
        assert!(is_figure || is_time_of_ticks || value.is_string(), "{name} in {figure}");
    }
}

#[test]
fn parts_are_chosen_by_name_and_the_limit_is_always_there() {
    let stage = Stage::new();
    let text = stage.ok(&["bench", "publish", "--tiny", "--markdown"]);
    let titles: Vec<_> = text.lines().filter(|line| line.starts_with('#')).collect();
    assert_eq!(titles, ["### Limit", "### Publish"], "{text}");
}

#[test]
fn plots_are_drawn_of_all_that_grows() {
    let stage = Stage::new();
    stage.ok(&["bench", "--tiny", "--plot", "plots"]);
    for name in ["sensors", "partitions", "window", "lateness", "backlog"] {
        let svg = fs::read_to_string(stage.path(&format!("plots/{name}.svg"))).unwrap();
        assert!(svg.contains("ns/record") && svg.contains("<circle"), "{svg}");
    }
    assert!(!stage.path("output").exists());
}

#[test]
fn ctrl_c_leaves_no_folder_and_no_process() {
    let stage = Stage::new();
    let bench = stage.spawn(&["bench", "live", "--tiny"]);
    wait_until("the job under load", || {
        let folders = fs::read_dir(stage.path("output")).into_iter().flatten();
        folders.flatten().any(|run| run.path().join("live/job-0/home.db").exists())
    });
    let done = bench.stop(Signal::INT);
    assert_eq!(done.code, Some(1), "{done}");
    assert!(done.stderr.contains("stopped"), "{done}");
    assert!(!stage.path("output").exists(), "{done}");
    wait_until("the end of all that it started", || processes_in(&stage) == 0);
}

/// Processes that work in the folder of this test.
fn processes_in(stage: &Stage) -> usize {
    let folder = fs::canonicalize(stage.path(".")).unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|process| fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == folder))
        .count()
}

#[test]
fn what_cannot_be_measured_is_wrong_usage() {
    let stage = Stage::new();
    let error = stage.refused(&["bench", "--tiny", "--queue", "memory:"], 2);
    assert!(error.contains("memory:"), "{error}");
    stage.refused(&["bench", "everything"], 2);
    stage.refused(&["bench", "--json", "--markdown"], 2);
}
