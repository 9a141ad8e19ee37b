//! Scaling of a served job that is only observed: samples, decisions, files, and what commands show.

mod elsewhere;
mod kafka;
mod kafka_graceful;
mod kafka_kills;
mod kafka_wide;
mod lease;
mod live;
mod live_rocketmq;
mod pods;
mod two_servers;

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use super::{ServeStage, url_of};
use crate::stage::{STOP, Stage, wait_until};

/// A job that is scaled, with further lines of its table.
fn job(action: &str, also: &str) -> String {
    format!(
        "name = 'coast'\nsink = ['csv:rows']\nidle_timeout = '0'\nslots = 2\n[elastic]\n\
         action = '{action}'\ninterval_s = 1\nfor_s = 3\nverify_within_s = 5\n{also}"
    )
}

#[test]
fn a_job_that_is_observed_is_sampled_and_decided_about_and_never_changed() {
    let stage = ServeStage::with_records(&["--records", "3000"]);
    stage.write_job("coast.toml", &job("observe", ""));
    let server = stage.serve(&[]);
    let url = url_of(&server);
    stage.wait_for_state("coast", "running");
    let worker = stage.worker();
    let asked = |what: &str, args: &[&str]| {
        stage.stage.run(&[&["autoscale", what, "coast", "--server", &url], args].concat())
    };
    let shown = |what: &str, args: &[&str]| asked(what, args).ok().stdout;
    let status = || -> Value { serde_json::from_str(&shown("status", &["--json"])).unwrap() };
    // It waits for samples in a row, and for the partitions of the input.
    wait_until("there are samples in a row", || {
        status()["samples"].as_array().is_some_and(|all| all.len() >= 4)
    });
    let text = shown("status", &[]);
    assert!(text.contains("action observe, policy target"), "{text}");
    assert!(text.contains("runs in one process: workers stay 1"), "{text}");
    assert!(text.contains("runs: workers=1, parallelism=2, partitions=4"), "{text}");
    assert!(text.contains("limits: workers 1 to 1"), "{text}");
    let explained = shown("explain", &[]);
    assert!(
        explained.contains("because: ") && explained.contains("samples in a row: "),
        "{explained}"
    );
    let followed = shown("run", &["--count", "2", "--dry-run"]);
    assert_eq!(followed.lines().count(), 2, "{followed}");
    assert!(followed.contains("parallelism=2, workers=1"), "{followed}");
    let once = shown("once", &["--dry-run"]);
    assert!(once.contains("parallelism=2, workers=1"), "{once}");
    let all: Value = serde_json::from_str(&shown("history", &["--json"])).unwrap();
    let all = all.as_array().unwrap();
    assert!(all.len() >= 4 && all.iter().all(|it| it["is_begun"] == false), "{all:?}");
    assert!(shown("history", &["-n", "2"]).lines().count() == 3);
    // What is written, as the operating guide has it.
    let folder = fs::read_dir(stage.stage.path("output/serve.db.elastic")).unwrap();
    let folder = folder.map(|it| it.unwrap().path()).next().unwrap();
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    assert!(read("metrics/history_metrics.log").contains(",throughput:"));
    assert!(read("log/collect_metrics.log").contains(" | tm=1 | records="));
    assert!(read("log/elastic_schedule.log").contains("parallelism=2, workers=1"));
    // Thresholds and folders change without another worker.
    stage.write_job("coast.toml", &job("observe", "policy = 'threshold'\nlog_dir = 'other/log'\n"));
    wait_until("another policy decides", || status()["policy"] == "threshold");
    wait_until("logs are elsewhere", || folder.join("other/log/elastic_schedule.log").exists());
    assert_eq!(stage.worker(), worker);
    shown("history", &["--reset"]);
    wait_until("the history begins again", || {
        let all: Value = serde_json::from_str(&shown("history", &["--json"])).unwrap();
        all.as_array().is_some_and(|it| (1..4).contains(&it.len()))
    });
    // A job that is not scaled says so.
    stage.write_job("coast.toml", &job("none", ""));
    wait_until("it is not scaled", || {
        let done = asked("status", &[]);
        done.code == Some(2) && done.stderr.contains("job coast is not scaled: set action")
    });
    server.stop_within(Signal::TERM, STOP).ok();
}

#[test]
fn a_folder_of_logs_outside_of_that_of_the_job_is_refused() {
    let stage = Stage::new();
    for folder in ["/etc", "../log", "a/../../b", ""] {
        let text = job("observe", &format!("log_dir = '{folder}'\n"));
        fs::write(stage.path("job.toml"), text).unwrap();
        let refused = stage.refused(&["job", "check", "job.toml"], 2);
        assert!(refused.contains("elastic.log_dir: "), "{refused}");
        assert!(refused.contains("is no path within the folder of the job's scaling"), "{refused}");
    }
}
