//! Slots of a job on the embedded queue change while it works: by hand, and by what is decided.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::serve::{ServeStage, http_get, url_of};
use crate::stage::{Running, STOP, Stage, wait_until};

/// A job of 12 partitions with a row of each sensor every 100 ms, and further lines of its table.
pub fn job(action: &str, also: &str) -> String {
    format!(
        "name = 'coast'\nslots = 1\nwindow = '100ms'\nlateness = '20ms'\nidle_timeout = '0'\n\
         [elastic]\naction = '{action}'\ninterval_s = 1\nfor_s = 3\n{also}"
    )
}

pub struct Live {
    pub stage: ServeStage,
    server: Running,
    pub url: String,
    load: Running,
    /// The worker that it begins with, which is to be there at the end.
    worker: u32,
}

impl Live {
    fn start(job: &str, rate: &str) -> Live {
        Live::on(&[], job, rate)
    }

    /// The same on a queue that these options name.
    pub fn on(queue: &[&str], job: &str, rate: &str) -> Live {
        let stage = ServeStage { stage: Stage::new() };
        fs::create_dir(stage.stage.path("jobs")).unwrap();
        stage.write_job("coast.toml", job);
        let topic = ["topic", "create", "seismic-data-topic", "--partitions", "12"];
        stage.stage.ok(&[&topic[..], queue].concat());
        let server = stage.serve(&[]);
        let url = url_of(&server);
        let load = ["generate", "--forever", "--sensors", "120", "--partitions", "12", "--rate"];
        let load = stage.stage.spawn(&[&load[..], &[rate], queue].concat());
        stage.wait_for_state("coast", "running");
        let worker = stage.worker();
        Live { stage, server, url, load, worker }
    }

    pub fn scaling(&self) -> Value {
        let text = http_get(&self.url, "/api/v1/jobs/coast/autoscale");
        serde_json::from_str(&text).unwrap()
    }

    /// Slots of the worker, and how many partitions it holds.
    pub fn runs(&self) -> (u64, usize) {
        let all: Value = serde_json::from_str(&http_get(&self.url, "/api/v1/workers")).unwrap();
        let it = &all["workers"][0];
        let held = it["partitions"].as_array().map_or(0, Vec::len);
        (it["slots"].as_u64().unwrap_or(0), held)
    }

    /// Everything is as if nothing had moved.
    pub fn end(self) {
        self.load.stop_within(Signal::TERM, STOP).ok();
        wait_until("all is read", || {
            let jobs: Value = serde_json::from_str(&http_get(&self.url, "/api/v1/jobs")).unwrap();
            jobs["jobs"][0]["numbers"]["lag"] == 0
        });
        assert_eq!(self.stage.worker(), self.worker, "no worker was replaced");
        let metrics = http_get(&self.url, "/metrics");
        let replayed = metrics.lines().find(|it| it.starts_with("seismic_replayed_messages"));
        assert!(replayed.is_some_and(|it| it.ends_with(" 0")), "{replayed:?}");
        self.server.stop_within(Signal::TERM, STOP).ok();
        let text = self.stage.stage.ok(&["verify", "--complete", "--job", "jobs/coast.toml"]);
        assert!(text.contains("verified: "), "{text}");
    }
}

/// How long nothing was read of partitions that moved, ms, as the worker's log says.
pub fn pauses(log: &str) -> Vec<u64> {
    let of = |line: &str| {
        let (_, rest) = line.split_once("nothing was read of them for ")?;
        rest.split_once(" ms")?.0.parse().ok()
    };
    log.lines().filter_map(of).collect()
}

#[test]
fn an_operator_has_a_job_in_one_process_run_with_other_slots_and_its_worker_stays() {
    let live = Live::start(&job("observe", ""), "20000");
    let scale = |args: &[&str]| {
        let all = [&["job", "scale", "coast", "--server", &live.url], args].concat();
        live.stage.stage.run(&all)
    };
    for slots in ["4", "12", "3", "1", "2"] {
        let said = scale(&["--slots", slots]).ok().stdout;
        let expected = format!("job coast runs with {slots} slots; the job's store is ");
        assert!(said.starts_with(&expected), "{said}");
        assert!(said.contains("so it runs in one process: workers stay 1"), "{said}");
        assert_eq!(live.runs(), (slots.parse().unwrap(), 12));
    }
    let refused = scale(&["--workers", "2"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(refused.stderr.contains("runs in one process: workers stay 1; slots"), "{refused}");
    let most = scale(&["--slots", "13"]);
    assert!(most.stderr.contains("13 is not within 1 to 12"), "{most}");
    assert_eq!(scale(&[]).code, Some(2));
    let mut all = pauses(&live.stage.log_of(false));
    all.sort_unstable();
    assert!(!all.is_empty(), "partitions have moved");
    eprintln!("nothing was read of partitions that moved for, ms: {all:?}");
    // Not that of this build on this machine: what would be a restart.
    assert!(all.last().is_some_and(|longest| *longest < 5_000), "{all:?}");
    live.end();
}

#[test]
fn slots_of_a_job_in_one_process_follow_its_load_while_it_works() {
    let table = "policy = 'threshold'\nparallelism_up = 3\nparallelism_max = 4\n\
                 throughput_up = 2000\nthroughput_down = 1000\n";
    let live = Live::start(&job("local", table), "500");
    wait_until("the lower limit is said", || {
        let reason = live.scaling()["last"]["entry"]["reason"].clone();
        reason.as_str().is_some_and(|it| it.contains("at the lower limit"))
    });
    let load = ["generate", "--forever", "--sensors", "120", "--partitions", "12"];
    let much = live.stage.stage.spawn(&[&load[..], &["--rate", "6000"]].concat());
    wait_until("four slots hold all", || live.runs() == (4, 12));
    much.stop_within(Signal::TERM, STOP).ok();
    wait_until("one slot holds all again", || live.runs() == (1, 12));
    let status = live.stage.stage.ok(&["autoscale", "status", "coast", "--server", &live.url]);
    assert!(status.contains("workers stay 1, and slots change while it works"), "{status}");
    live.end();
}
