//! The whole life of a job: one test from its check to the proof of its rows.

use std::collections::BTreeMap;
use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use super::webhook::Webhook;
use super::{ServeStage, http_get, url_of};
use crate::stage::{Running, STOP, wait_until};

/// A server, and how it is asked.
struct Server {
    running: Running,
    url: String,
}

fn serve(stage: &ServeStage) -> Server {
    let running = stage.stage.spawn(&["serve", "--http", "127.0.0.1:0,requests_per_s=5000"]);
    let url = url_of(&running);
    Server { running, url }
}

impl Server {
    fn ok(&self, stage: &ServeStage, args: &[&str]) -> String {
        stage.stage.ok(&[&["job"], args, &["--server", &self.url]].concat())
    }

    /// The job as the list has it.
    fn job(&self, stage: &ServeStage, name: &str) -> Value {
        let all: Value = serde_json::from_str(&self.ok(stage, &["list", "--json"])).unwrap();
        let found = all.as_array().unwrap().iter().find(|job| job["name"] == *name);
        found.cloned().unwrap_or(Value::Null)
    }

    fn until_read(&self, stage: &ServeStage, name: &str, records: u64) {
        wait_until(&format!("{name} has read {records} records"), || {
            let numbers = self.job(stage, name)["numbers"].take();
            numbers["counts"]["read"].as_u64() == Some(records) && numbers["lag"] == 0
        });
    }
}

/// Counters of `/metrics`, which never fall.
#[derive(Default)]
struct Counters(BTreeMap<String, f64>);

impl Counters {
    fn look(&mut self, url: &str) -> String {
        let text = http_get(url, "/metrics");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let is_counter = name.split('{').next().unwrap().ends_with("_total");
            if is_counter && name.contains("job_name=\"coast\"") {
                let value: f64 = value.parse().unwrap();
                let before = self.0.insert(name.to_owned(), value).unwrap_or(value);
                assert!(before <= value, "{name} fell from {before} to {value}");
            }
        }
        text
    }
}

/// The process that works on the job.
fn coast_worker(server: &Server) -> u32 {
    let all: Value = serde_json::from_str(&http_get(&server.url, "/api/v1/workers")).unwrap();
    let mut all = all["workers"].as_array().unwrap().iter();
    let found = all.find(|worker| worker["job"] == "coast").unwrap();
    u32::try_from(found["pid"].as_u64().unwrap()).unwrap()
}

/// A pause keeps the worker, also through its death, and ends at the resume.
fn pause_keeps_the_worker(stage: &ServeStage, server: &Server) {
    let coast = || server.job(stage, "coast")["state"].as_str().unwrap().to_owned();
    let said = server.ok(stage, &["pause", "coast"]);
    assert!(said.contains("its worker keeps its partitions"), "{said}");
    stage.stage.generate(&["--records", "500"]);
    server.until_read(stage, "fork", 13_000);
    let job = server.job(stage, "coast");
    assert_eq!(
        (&job["state"], &job["numbers"]["counts"]["read"]),
        (&"paused".into(), &12_500.into())
    );
    // It dies in its pause, and the next one is paused, too.
    let restarts = job["restarts"].as_u64().unwrap();
    let pid = coast_worker(server);
    stage.kill(pid);
    wait_until("another worker is paused", || {
        let job = server.job(stage, "coast");
        job["restarts"].as_u64() > Some(restarts) && coast() == "paused"
    });
    let read = || server.job(stage, "coast")["numbers"]["counts"]["read"].as_u64();
    wait_until("it has its partitions, and reads nothing more", || read() == Some(12_500));
    server.ok(stage, &["resume", "coast"]);
    server.until_read(stage, "coast", 13_000);
}

#[test]
fn a_job_lives_through_deaths_savepoints_and_forks_and_every_row_is_proved() {
    let stage = ServeStage::with_records(&["--records", "3000"]);
    let webhook = Webhook::start();
    fs::write(stage.stage.path("secret"), "0123456789\n").unwrap();
    let file = format!(
        "name = 'coast'\nsink = ['csv:rows']\nidle_timeout = '0'\n[restart]\ninterval_s = 0\n\
         [logs]\nlevel = 'seismic=trace,info'\nmax_mb = 1\nfiles = 2\n\
         [alarms]\nwebhook = '{}'\nsecret_file = 'secret'\nno_data_s = 0\ndead_letter_percent = 0\ndisk = false\n",
        webhook.url
    );
    fs::write(stage.stage.path("coast.toml"), file).unwrap();
    stage.stage.ok(&["job", "check", "coast.toml"]);
    let server = serve(&stage);
    let said = server.ok(&stage, &["submit", "coast.toml", "--start"]);
    assert!(said.contains("job coast is submitted, group coast-"), "{said}");
    server.until_read(&stage, "coast", 3_000);

    // The worker dies: it is restarted, and an alarm says so, once, although the first try to
    // deliver it fails.
    let worker = stage.worker();
    let mut counters = Counters::default();
    wait_until("what the sink has not written is shown", || {
        let text = counters.look(&server.url);
        text.lines().any(|line| line.starts_with("seismic_sink_lag_rows{") && line.ends_with(" 0"))
    });
    stage.kill(worker);
    wait_until("another worker", || {
        counters.look(&server.url);
        stage.worker() != worker
    });
    wait_until("the alarm arrives", || {
        counters.look(&server.url);
        !webhook.alarms().is_empty()
    });
    let alarms = webhook.alarms();
    assert_eq!((&alarms[0]["job"], &alarms[0]["kind"]), (&"coast".into(), &"restart".into()));
    assert!(alarms[0]["text"].as_str().unwrap().contains("signal 9"), "{alarms:?}");
    let (signature, _) = webhook.received().remove(0);
    assert!(signature.starts_with("sha256=") && signature.len() == 71, "{signature}");
    server.until_read(&stage, "coast", 3_000);
    assert_eq!(server.job(&stage, "coast")["restarts"], 1);
    server.ok(&stage, &["savepoint", "coast", "before"]);
    stage.stage.generate(&["--records", "9000"]);
    server.until_read(&stage, "coast", 12_000);

    // The server dies: the worker works on, and the next server has it, with all that was seen.
    let worker = stage.worker();
    assert!(server.running.kill());
    stage.stage.generate(&["--records", "500"]);
    let server = serve(&stage);
    server.until_read(&stage, "coast", 12_500);
    assert_eq!(stage.worker(), worker);
    let since = super::points(&stage, "coast");
    assert!(since.len() >= 2 && since.is_sorted(), "{since:?}");

    // It stops at a savepoint, starts from it, and a copy begins at an older one as a fork.
    let said = server.ok(&stage, &["stop", "coast", "--savepoint", "end"]);
    assert!(said.contains("job coast is stopped") && said.contains("saved end"), "{said}");
    let all = server.ok(&stage, &["savepoints", "coast"]);
    assert!(all.contains("before") && all.contains("end"), "{all}");
    let said = server.ok(&stage, &["start", "coast", "--from-savepoint", "end"]);
    assert!(said.contains("job coast is"), "{said}");
    server.until_read(&stage, "coast", 12_500);
    let fork =
        ["copy", "coast", "fork", "--from-checkpoint", "before", "--set", "sink=['csv:forked']"];
    server.ok(&stage, &[&fork[..], &["--start"]].concat());
    server.until_read(&stage, "fork", 12_500);
    // Another job with the same folder is refused by name, and so is a file elsewhere.
    let refused = |file: &str| {
        fs::write(stage.stage.path("other.toml"), file).unwrap();
        stage.stage.refused(&["job", "submit", "other.toml", "--server", &server.url], 2)
    };
    let said = refused("name = 'other'\nsink = ['csv:./rows']\n");
    assert!(
        said.contains("job other has the same file or folder") && said.contains("as job coast"),
        "{said}"
    );
    let said = refused("name = 'other'\nengine = '/bin/sh'\nsink = ['csv:/rows']\n");
    assert!(said.contains("engine: ") && said.contains("is not within"), "{said}");

    // Logs are there, and no more of them than were asked for.
    assert!(!server.ok(&stage, &["logs", "coast", "-n", "5"]).is_empty());
    wait_until("the log is replaced", || stage.logs().contains(&"log.1".to_owned()));
    assert!(!stage.logs().contains(&"log.2".to_owned()), "{:?}", stage.logs());
    pause_keeps_the_worker(&stage, &server);
    server.ok(&stage, &["stop", "fork"]);
    let group = server.job(&stage, "fork")["group"].as_str().unwrap().to_owned();
    server.ok(&stage, &["delete", "fork"]);
    server.running.stop_within(Signal::TERM, STOP).ok();
    for args in [
        &["--job", "coast.toml", "--sink", "csv:rows"][..],
        &["--group", &group, "--sink", "csv:forked"],
    ] {
        let text = stage.stage.ok(&[&["verify", "--complete"], args].concat());
        assert!(text.lines().any(|line| line.starts_with("verified: ")), "{text}");
    }
}
