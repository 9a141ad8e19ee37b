//! Several workers of one job, on their own Kafka.

use std::fs;

use rustix::process::Signal;
use seismic_brokers::Kafka;
use serde_json::Value;

use super::{ServeStage, http_get, processes, url_of};
use crate::stage::{Running, STOP, Stage, wait_until};

struct Served {
    stage: ServeStage,
    server: Running,
    url: String,
    queue: String,
}

impl Served {
    fn get(&self, path: &str) -> Value {
        serde_json::from_str(&http_get(&self.url, path)).unwrap()
    }

    fn job(&self) -> Value {
        self.get("/api/v1/jobs")["jobs"][0].take()
    }

    fn workers(&self) -> Vec<Value> {
        self.get("/api/v1/workers")["workers"].as_array().unwrap().clone()
    }

    fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) {
        wait_until(what, || is_so(&self.job()));
    }

    fn until_read(&self, records: u64) {
        self.until(&format!("{records} records are read"), |job| {
            job["state"] == "running" && job["numbers"]["counts"]["read"] == records
        });
    }

    fn ask(&self, what: &str) -> String {
        self.stage.stage.ok(&["job", what, "coast", "--server", &self.url])
    }

    fn generate(&self, records: &str) {
        self.stage.stage.generate(&["--records", records, "--queue", &self.queue]);
    }

    /// How many members the group has.
    fn members(&self) -> usize {
        let args = ["status", "--json", "--job", "jobs/coast.toml"];
        self.stage.stage.json(&args)["members"].as_array().map_or(0, Vec::len)
    }
}

fn serve(queue: &str, also: &str) -> Served {
    let stage = ServeStage { stage: Stage::new() };
    fs::create_dir(stage.stage.path("jobs")).unwrap();
    let job = format!(
        "name = 'coast'\nqueue = '{queue}'\nworkers = 2\nslots = 1\nsink = ['csv:rows']\n\
         idle_timeout = '0'\n{also}[restart]\ninterval_s = 2\n"
    );
    stage.write_job("coast.toml", &job);
    stage.stage.generate(&["--records", "3000", "--queue", queue]);
    let server = stage.serve(&[]);
    let url = url_of(&server);
    Served { stage, server, url, queue: queue.to_owned() }
}

#[test]
fn several_workers_share_a_job_one_dies_and_a_pause_keeps_their_places() {
    let Some(kafka) = Kafka::one() else { return };
    let served = serve(&format!("kafka://{}", kafka.address()), "");
    // Both have partitions, and the job is the sum of them.
    wait_until("both have partitions", || {
        let all = served.workers();
        let has_some = |it: &&Value| !it["partitions"].as_array().unwrap().is_empty();
        all.iter().filter(has_some).count() == 2
    });
    served.until_read(3_000);
    let pid = |name: &str| {
        let all = served.workers();
        all.iter().find(|it| it["name"] == *name).and_then(|it| it["pid"].as_u64()).unwrap()
    };
    // One dies: the other one works on, and it is said which is missing.
    let (first, second) = (pid("coast/1"), pid("coast/2"));
    served.stage.kill(u32::try_from(second).unwrap());
    served.until("it is degraded", |job| {
        job["state"] == "degraded" && job["why"].as_str().unwrap().contains("worker 2 of 2 is")
    });
    let missing = served.workers().into_iter().find(|it| it["name"] == "coast/2").unwrap();
    assert!(missing["is_alive"] == false || missing["pid"] != second, "{missing}");
    served.generate("500");
    served.until_read(3_500);
    assert_eq!((pid("coast/1"), served.job()["restarts"].as_u64()), (first, Some(1)));
    // What each of them did and said is shown.
    let all = served.get("/api/v1/jobs/coast/transitions");
    let of = |worker: u64, state: &str| {
        let mut all = all["transitions"].as_array().unwrap().iter();
        all.any(|it| it["worker"] == worker && it["state"] == *state)
    };
    assert!(of(1, "running") && of(2, "running") && of(2, "restarting"), "{all}");
    assert!(!of(1, "restarting"), "{all}");
    let logs = served.ask("logs");
    assert!(logs.contains(" worker 1: ") && logs.contains(" worker 2: "), "{logs}");
    // A pause keeps their places in the group.
    let said = served.ask("pause");
    assert!(said.contains("its worker keeps its partitions"), "{said}");
    served.generate("500");
    wait_until("what waits is seen", || served.job()["numbers"]["lag"].as_u64() > Some(0));
    assert_eq!(served.job()["numbers"]["counts"]["read"], 3_500);
    assert_eq!((served.members(), served.job()["state"].as_str()), (2, Some("paused")));
    served.ask("resume");
    served.until_read(4_000);
    let text = http_get(&served.url, "/metrics");
    let is_up = |name| text.contains(&format!("worker=\"{name}\"}} 1"));
    assert!(is_up("coast/1") && is_up("coast/2"), "{text}");
    let done = served.server.stop_within(Signal::TERM, STOP);
    assert_eq!(done.code, Some(0), "{done}");
    let args = ["verify", "--complete", "--job", "jobs/coast.toml", "--sink", "csv:rows"];
    let text = served.stage.stage.ok(&args);
    assert!(text.contains("verified: "), "{text}");
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn several_workers_on_kafka_have_one_process_of_sinks_that_shows_the_rows_of_all_once() {
    let Some(kafka) = Kafka::one() else { return };
    let served = serve(&format!("kafka://{}", kafka.address()), "sink_process = true\n");
    let at = || processes(&served.stage.stage.path(""));
    wait_until("two workers and their sinks", || (at().0.len(), at().1.len()) == (2, 1));
    let written = |records: u64| {
        served.until_read(records);
        wait_until("all is written", || {
            served.job()["numbers"]["sinks"][0]["lag_rows"].as_u64() == Some(0)
        });
    };
    written(3_000);
    // They die, and the workers stay; a worker dies, and they stay.
    let (workers, sinks) = at();
    served.stage.kill(sinks[0]);
    served.generate("500");
    wait_until("others", || at().1.first().is_some_and(|it| *it != sinks[0]));
    written(3_500);
    let (same, sinks) = at();
    assert_eq!(same, workers);
    served.stage.kill(workers[0]);
    served.generate("500");
    written(4_000);
    assert_eq!((at().0.len(), at().1), (2, sinks));
    let done = served.server.stop_within(Signal::TERM, STOP);
    assert_eq!(done.code, Some(0), "{done}");
    let args = ["verify", "--complete", "--job", "jobs/coast.toml", "--sink", "csv:rows"];
    let text = served.stage.stage.ok(&args);
    assert!(text.contains("verified: "), "{text}");
}
