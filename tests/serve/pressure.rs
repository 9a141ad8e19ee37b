//! Resource pressure: the job with lower priority yields and resumes, and nothing is lost.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use super::webhook::Webhook;
use super::{ServeStage, http_get, url_of};
use crate::stage::{STOP, wait_until};

/// What the kernel says of waiting for cores.
fn waiting(stage: &ServeStage, percent: u32) {
    let text = format!("some avg10={percent}.00 avg60=0.00 avg300=0.00 total=0\n");
    let (new, path) = (stage.stage.path("new"), stage.stage.path("pressure/cpu"));
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

/// The job of that name as the server shows it.
fn job_at(url: &str, name: &str) -> Value {
    let all: Value = serde_json::from_str(&http_get(url, "/api/v1/jobs")).unwrap();
    let all = all["jobs"].as_array().unwrap().clone();
    all.into_iter().find(|it| it["name"] == *name).unwrap_or_default()
}

fn records_read(job: &Value) -> u64 {
    job["numbers"]["counts"]["read"].as_u64().unwrap_or(0)
}

#[test]
fn sinks_of_a_job_that_is_paused_are_paused_next_and_write_the_rest_when_they_return() {
    sinks_are_paused_and_return("");
}

#[test]
fn so_are_sinks_that_have_a_process_of_their_own() {
    sinks_are_paused_and_return("sink_process = true\n");
}

fn sinks_are_paused_and_return(also: &str) {
    let stage = ServeStage::with_records(&["--records", "2000"]);
    let target = Webhook::start();
    target.answer(503);
    fs::create_dir(stage.stage.path("pressure")).unwrap();
    waiting(&stage, 0);
    let config = "[pressure]\nfolder = 'pressure'\nmemory_percent = 0\nlag_s = 0\nhold_s = 1\n\
                  calm_s = 1\n";
    fs::write(stage.stage.path("serve.toml"), config).unwrap();
    let sinks = [("alert", 9, "csv:alert".to_owned()), {
        ("report", 1, format!("influx:{}?precision=ms,batch_rows=1", target.url))
    }];
    for (name, priority, sink) in sinks {
        let job = format!(
            "name = '{name}'\nsink = ['{sink}']\nidle_timeout = '0'\npriority = {priority}\n{also}\
             [logs]\nformat = 'json'\n"
        );
        stage.write_job(&format!("{name}.toml"), &job);
    }
    let server = stage.serve(&["--config", "serve.toml"]);
    let url = url_of(&server);
    let job = |name: &str| {
        let all: Value = serde_json::from_str(&http_get(&url, "/api/v1/jobs")).unwrap();
        let all = all["jobs"].as_array().unwrap().clone();
        all.into_iter().find(|it| it["name"] == *name).unwrap_or_default()
    };
    let lag = || job("report")["numbers"]["sinks"][0]["lag_rows"].as_u64();
    wait_until("all is read, and rows wait for the sink", || {
        job("report")["numbers"]["counts"]["read"] == 2_000 && lag() > Some(0)
    });
    waiting(&stage, 99);
    wait_until("its sinks are paused, too", || {
        let why = job("report")["why"].as_str().unwrap_or_default().to_owned();
        why.starts_with("it and its sinks are paused: cores are short")
    });
    let logged = |words: &str| http_get(&url, "/api/v1/jobs/report/logs").contains(words);
    wait_until("they know it", || logged("sinks write nothing for a while"));
    target.answer(200);
    // Meanwhile the other job works; of this one, no more is written than what was on its way.
    stage.stage.generate(&["--records", "1000"]);
    wait_until("the higher one works on", || job("alert")["numbers"]["counts"]["read"] == 3_000);
    assert!(target.received().len() <= 1, "{}", target.received().len());
    waiting(&stage, 0);
    wait_until("all is read and written", || {
        let report = job("report");
        report["numbers"]["counts"]["read"] == 3_000
            && report["state"] == "running"
            && lag() == Some(0)
    });
    assert!(logged("sinks write again") && logged("job report has 4 partitions here"));
    let rows = job("report")["numbers"]["counts"]["windows"].as_u64().unwrap();
    let lines = || target.received().iter().map(|(_, body)| body.lines().count()).sum::<usize>();
    wait_until(&format!("all {rows} rows are there"), || lines() as u64 >= rows);
    server.stop_within(Signal::TERM, STOP).ok();
    stage.stage.ok(&["verify", "--complete", "--job", "jobs/report.toml"]);
}

#[test]
fn under_pressure_the_lower_job_is_slowed_and_paused_and_returns_and_loses_nothing() {
    let stage = ServeStage::with_records(&["--records", "2000"]);
    let webhook = Webhook::start();
    fs::create_dir(stage.stage.path("pressure")).unwrap();
    waiting(&stage, 0);
    let config = "[pressure]\nfolder = 'pressure'\nmemory_percent = 0\nlag_s = 0\nhold_s = 1\n\
                  calm_s = 1\n";
    fs::write(stage.stage.path("serve.toml"), config).unwrap();
    for (name, priority) in [("alert", 9), ("report", 1)] {
        let job = format!(
            "name = '{name}'\nsink = ['csv:{name}']\nidle_timeout = '0'\npriority = {priority}\n\
             [resources]\ncpus = 1\nmemory_mb = 4096\n[alarms]\nwebhook = '{}'\nclear_s = 1\n\
             no_data_s = 0\ndead_letter_percent = 0\ndisk = false\nclock_offset_s = 0\n",
            webhook.url
        );
        stage.write_job(&format!("{name}.toml"), &job);
    }
    let server = stage.serve(&["--config", "serve.toml"]);
    let url = url_of(&server);
    let job = |name: &str| job_at(&url, name);
    let has_read = |name: &str| records_read(&job(name));
    wait_until("both have read all", || has_read("alert") == 2_000 && has_read("report") == 2_000);
    waiting(&stage, 99);
    let why = |name: &str| job(name)["why"].as_str().unwrap_or_default().to_owned();
    wait_until("the lower one is paused", || {
        why("report").starts_with("it is paused: cores are short, and its priority 1 is below 9")
    });
    assert_eq!(job("report")["state"], "degraded");
    let slowed = "job report: degraded: it is slowed: cores are short";
    assert!(server.stderr().contains(slowed), "{}", server.stderr());
    // The server dies meanwhile: the next one knows what it has paused.
    assert!(server.kill());
    let server = stage.serve(&["--config", "serve.toml"]);
    let url = url_of(&server);
    let job = |name: &str| job_at(&url, name);
    let has_read = |name: &str| records_read(&job(name));
    stage.stage.generate(&["--records", "1000"]);
    wait_until("the higher one works on", || has_read("alert") == 3_000);
    assert_eq!((has_read("report"), &job("report")["state"]), (2_000, &"degraded".into()));
    assert_eq!(job("alert")["state"], "running");
    waiting(&stage, 0);
    wait_until("it returns", || job("report")["state"] == "running" && has_read("report") == 3_000);
    let told = |state: &str| {
        let all = webhook.alarms();
        all.iter()
            .any(|it| it["job"] == "report" && it["kind"] == "pressure" && it["state"] == *state)
    };
    wait_until("the alarm and its end arrive", || told("raised") && told("recovered"));
    assert!(!webhook.alarms().iter().any(|it| it["job"] == "alert" && it["kind"] == "pressure"));
    server.stop_within(Signal::TERM, STOP).ok();
    for name in ["alert", "report"] {
        let (file, sink) = (format!("jobs/{name}.toml"), format!("csv:{name}"));
        let text = stage.stage.ok(&["verify", "--complete", "--job", &file, "--sink", &sink]);
        assert!(text.contains("verified: "), "{text}");
    }
}
