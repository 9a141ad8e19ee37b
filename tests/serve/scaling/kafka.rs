//! Workers of one job on Kafka come and go with its load, through the death of the server.

use std::fs;

use rustix::process::Signal;
use seismic_brokers::Kafka;
use serde_json::Value;

use crate::serve::{ServeStage, http_get, url_of};
use crate::stage::{Running, STOP, Stage, wait_until};

/// Partitions of the input.
pub const PARTITIONS: usize = 12;

/// Thresholds that the loads of this test pass in both directions, after seconds of evidence.
pub fn job(queue: &str) -> String {
    format!(
        "name = 'coast'\nqueue = '{queue}'\nworkers = 3\nslots = 2\nsink = ['csv:rows']\n\
         window = '200ms'\nlateness = '50ms'\nidle_timeout = '0'\n[restart]\ninterval_s = 1\n\
         [elastic]\naction = 'local'\npolicy = 'threshold'\ninterval = '1s'\nfor = '3s'\n\
         parallelism_min = 6\nparallelism_up = 6\nparallelism_down = 2\nthroughput_up = 1500\n\
         throughput_down = 1000\ncpu_up = 0.99\ncpu_down = 0.45\n"
    )
}

pub struct Scaled {
    pub stage: ServeStage,
    pub queue: String,
    pub server: Option<Running>,
    pub url: String,
}

/// What was begun, and when, ms since 1970 UTC.
#[derive(Clone, Debug)]
struct Begun {
    at_ms: i64,
    workers: u64,
}

impl Scaled {
    fn start(queue: &str) -> Scaled {
        Scaled::start_with(&job(queue), queue)
    }

    /// The same with another job file.
    pub fn start_with(job: &str, queue: &str) -> Scaled {
        Scaled::of_partitions(job, queue, PARTITIONS)
    }

    /// The same with an input of so many partitions.
    pub fn of_partitions(job: &str, queue: &str, partitions: usize) -> Scaled {
        let partitions = partitions.to_string();
        let topic = ["topic", "create", "seismic-data-topic", "--partitions", &partitions];
        Stage::new().ok(&[&topic[..], &["--queue", queue]].concat());
        Scaled::beside(job, queue)
    }

    /// The same with an input that is there.
    pub fn beside(job: &str, queue: &str) -> Scaled {
        let stage = ServeStage { stage: Stage::new() };
        fs::create_dir(stage.stage.path("jobs")).unwrap();
        stage.write_job("coast.toml", job);
        let server = stage.serve(&[]);
        let url = url_of(&server);
        Scaled { stage, queue: queue.to_owned(), server: Some(server), url }
    }

    pub fn get(&self, path: &str) -> Value {
        serde_json::from_str(&http_get(&self.url, path)).unwrap()
    }

    pub fn scaling(&self) -> Value {
        self.get("/api/v1/jobs/coast/autoscale")
    }

    /// Workers that answer, their slots, and the partitions that they hold.
    pub fn running(&self) -> (usize, u64, usize) {
        let all = self.get("/api/v1/workers");
        let alive = all["workers"].as_array().unwrap().iter().filter(|it| it["is_alive"] == true);
        alive.fold((0, 0, 0), |(workers, slots, held), it| {
            let its = it["partitions"].as_array().map_or(0, Vec::len);
            (workers + 1, slots + it["slots"].as_u64().unwrap_or(0), held + its)
        })
    }

    pub fn wait_for(&self, workers: usize) {
        self.wait_for_all(workers, PARTITIONS);
    }

    pub fn wait_for_all(&self, workers: usize, partitions: usize) {
        let wanted = (workers, 2 * workers as u64, partitions);
        wait_until(&format!("{workers} workers hold all partitions"), || {
            self.running() == wanted && may_change(&self.scaling())
        });
    }

    /// Produces this many records per second until it is stopped.
    pub fn load(&self, rate: &str) -> Running {
        let partitions = PARTITIONS.to_string();
        let load = ["generate", "--forever", "--sensors", "120", "--partitions", &partitions];
        self.stage.stage.spawn(&[&load[..], &["--rate", rate, "--queue", &self.queue]].concat())
    }

    /// Kills the server, and starts the next one.
    pub fn server_dies(&mut self) {
        assert!(self.server.take().unwrap().kill());
        let server = self.stage.serve(&[]);
        self.url = url_of(&server);
        self.server = Some(server);
    }

    /// Samples with what was decided, oldest first.
    fn entries(&self) -> Vec<Value> {
        let mut all = self.get("/api/v1/jobs/coast/autoscale/history?limit=20000");
        let mut all = std::mem::take(all["entries"].as_array_mut().unwrap());
        all.sort_by_key(|it| it["at_ms"].as_i64());
        all
    }

    fn begun(&self) -> Vec<Begun> {
        let all = self.entries();
        let all = all.iter().filter(|it| it["is_begun"] == true);
        let of = |it: &Value| Begun {
            at_ms: it["at_ms"].as_i64().unwrap(),
            workers: it["to_workers"].as_u64().unwrap(),
        };
        all.map(of).collect()
    }

    /// When rows were appended, ms since 1970 UTC, in order.
    pub fn appended(&self) -> Vec<i64> {
        let select = "select _append_ms from rows order by 1";
        let args = ["sql", select, "--format", "csv", "--job", "jobs/coast.toml"];
        self.stage.stage.ok(&args).lines().filter_map(|line| line.parse().ok()).collect()
    }

    pub fn metric(&self, name: &str) -> f64 {
        let text = http_get(&self.url, "/metrics");
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }
}

/// Asserts that nothing was changed with fewer than three samples in a row, of which there were some before
/// the first change.
fn few_samples_change_nothing(entries: &[Value]) {
    let is_few =
        |it: &Value| it["reason"].as_str().unwrap().contains("of at least 3 samples in a row");
    let first = entries.iter().position(|it| it["is_begun"] == true).expect("something is changed");
    assert!(first >= 3 && entries[..first].iter().any(is_few), "{entries:?}");
    let few = entries.iter().filter(|it| is_few(it));
    assert!(few.clone().all(|it| it["is_change"] == false && it["is_begun"] == false), "{few:?}");
}

/// Whether nothing is under way, and this server is the one that changes the job.
pub fn may_change(scaling: &Value) -> bool {
    scaling["change"].is_null() && scaling["lease"]["is_held"] == true
}

/// The longest time between two of these within `from..to`.
pub fn longest_gap(times: &[i64], from: i64, to: i64) -> i64 {
    let within: Vec<i64> = times.iter().copied().filter(|at| (from..to).contains(at)).collect();
    within.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
}

/// The list of eight of the operating guide, one after the other: each has its number.
#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn workers_on_kafka_follow_the_load_up_and_down_and_a_server_that_dies_in_a_change() {
    let Some(kafka) = Kafka::one() else { return };
    let mut scaled = Scaled::start(&format!("kafka://{}", kafka.address()));
    // 1: 3 workers and 6 slots at the start.
    scaled.wait_for(3);
    let shown = scaled.scaling();
    assert_eq!(shown["wanted_slots"], serde_json::json!([2, 2, 2]), "{shown}");
    // 2: the job is running.
    scaled.stage.wait_for_state("coast", "running");
    let quiet = scaled.load("300");
    let last = |scaled: &Scaled| {
        scaled.scaling()["last"]["entry"]["reason"].as_str().unwrap_or_default().to_owned()
    };
    // 7: the lower limit, which is said and not passed.
    wait_until("the lower limit is said", || {
        last(&scaled).contains("workers at the lower limit (3/3)")
    });
    // 3: metrics are collected, into the files of the guide.
    let folders = fs::read_dir(scaled.stage.stage.path("output/serve.db.elastic")).unwrap();
    let folder = folders.map(|it| it.unwrap().path()).next().unwrap();
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    assert!(read("log/collect_metrics.log").contains(" | tm=3 | records="));
    assert!(read("metrics/history_metrics.log").contains(",throughput:"));
    // 6: everything shakes at once, and workers come, through the death of the server.
    let much = scaled.load("3000");
    wait_until("a change is under way", || !scaled.scaling()["change"].is_null());
    scaled.server_dies();
    scaled.wait_for(6);
    // 8: the upper limit.
    wait_until("the upper limit is said", || last(&scaled).contains("at the upper limit (12/12)"));
    let done = much.stop_within(Signal::TERM, STOP);
    assert!(matches!(done.code, Some(0)), "{done}");
    // 5: it is quiet again: one worker less at a time, down to the limit.
    scaled.wait_for(3);
    wait_until("the lower limit is said", || {
        last(&scaled).contains("workers at the lower limit (3/3)")
    });
    let begun = scaled.begun();
    let workers: Vec<u64> = begun.iter().map(|it| it.workers).collect();
    assert_eq!(workers, [6, 5, 4, 3], "{begun:?}");
    // 4: fewer than 3 samples never act.
    few_samples_change_nothing(&scaled.entries());
    quiet.stop_within(Signal::TERM, STOP).ok();
    wait_until("all is read", || scaled.get("/api/v1/jobs")["jobs"][0]["numbers"]["lag"] == 0);
    // The newest three savepoints are kept.
    wait_until("older savepoints are gone", || {
        let saved = scaled.get("/api/v1/jobs/coast/savepoints");
        let saved = saved["savepoints"].as_array().unwrap();
        let is_ours = |it: &Value| it["name"].as_str().is_some_and(|it| it.starts_with("elastic-"));
        saved.len() == 3 && saved.iter().all(is_ours)
    });
    let replayed = scaled.metric("seismic_replayed_messages");
    let times = scaled.appended();
    let before = longest_gap(&times, begun[0].at_ms - 3_000, begun[0].at_ms);
    eprintln!("longest time without a row before: {before} ms; messages replayed: {replayed}");
    for change in &begun {
        let pause = longest_gap(&times, change.at_ms, change.at_ms + 8_000);
        eprintln!("to {} workers: {pause} ms", change.workers);
        assert!(pause < 20_000, "{pause} ms");
    }
    let done = scaled.server.take().unwrap().stop_within(Signal::TERM, STOP);
    assert_eq!(done.code, Some(0), "{done}");
    let args = ["verify", "--complete", "--job", "jobs/coast.toml", "--sink", "csv:rows"];
    let text = scaled.stage.stage.ok(&args);
    assert!(text.contains("verified: "), "{text}");
    let rows = scaled.rows_are_those_of_one_worker();
    assert!(rows > 1_000, "{rows} rows");
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn an_operator_has_a_job_on_kafka_run_with_other_workers() {
    let Some(kafka) = Kafka::one() else { return };
    let queue = format!("kafka://{}", kafka.address());
    // Nobody but the operator changes it.
    let scaled = Scaled::start_with(&job(&queue).replace("'local'", "'observe'"), &queue);
    scaled.wait_for(3);
    let load = scaled.load("300");
    let scale = |workers: &str| {
        let args = ["job", "scale", "coast", "--workers", workers, "--server", &scaled.url];
        scaled.stage.stage.ok(&args)
    };
    assert_eq!(scale("4").trim(), "job coast runs with 4 workers and 8 slots");
    scaled.wait_for(4);
    assert_eq!(scale("3").trim(), "job coast runs with 3 workers and 6 slots");
    scaled.wait_for(3);
    load.stop_within(Signal::TERM, STOP).ok();
    wait_until("all is read", || scaled.get("/api/v1/jobs")["jobs"][0]["numbers"]["lag"] == 0);
    scaled.server.unwrap().stop_within(Signal::TERM, STOP).ok();
    scaled.stage.stage.ok(&["verify", "--job", "jobs/coast.toml"]);
}
