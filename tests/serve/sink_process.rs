//! Sinks of a served job in a process of their own: what is shown of it, and when it begins and ends.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use super::{ServeStage, http_get, processes, url_of};
use crate::stage::{STOP, wait_until};
use crate::truth::int;

fn get(url: &str, path: &str) -> Value {
    serde_json::from_str(&http_get(url, path)).unwrap()
}

fn job(url: &str) -> Value {
    // The server may not have read its file yet.
    get(url, "/api/v1/jobs")["jobs"].as_array().unwrap().first().cloned().unwrap_or_default()
}

const JOB: &str =
    "name = 'coast'\nsink = ['csv:rows', 'console']\nsink_process = true\nidle_timeout = '0'\n";

#[test]
fn a_process_of_sinks_is_shown_beside_its_worker_and_what_it_lacks_is_said() {
    let stage = ServeStage::with_records(&["--records", "2000"]);
    stage.write_job("coast.toml", &format!("{JOB}[restart]\ninterval_s = 2\n"));
    let server = stage.serve(&[]);
    let url = url_of(&server);
    let until = |what: &str, is_so: &dyn Fn(&Value) -> bool| wait_until(what, || is_so(&job(&url)));
    until("all is read and written", &|job| {
        let numbers = &job["numbers"];
        job["state"] == "running"
            && numbers["counts"]["read"] == 2_000
            && numbers["sinks"].as_array().unwrap().iter().any(|it| it["lag_rows"] == 0)
    });
    let (workers, sinks) = processes(&stage.stage.path(""));
    assert_eq!((workers.len(), sinks.len()), (1, 1));
    let all = get(&url, "/api/v1/workers");
    let shown = all["workers"].as_array().unwrap();
    let of_sinks = shown.iter().find(|it| it["name"] == "coast/sinks").unwrap();
    assert_eq!((&of_sinks["pid"], &of_sinks["is_alive"]), (&sinks[0].into(), &true.into()));
    assert_eq!((shown.len(), &of_sinks["slots"]), (2, &0.into()));
    let text = http_get(&url, "/metrics");
    assert!(
        text.contains("seismic_worker_up{job_name=\"coast\",worker=\"coast/sinks\"} 1"),
        "{text}"
    );
    let rows = |text: &str| {
        let line = text.lines().find(|it| it.starts_with("seismic_sink_rows_total{sink=\"csv"));
        line.and_then(|it| it.rsplit_once(' ')?.1.parse::<u64>().ok())
    };
    let written = rows(&text).unwrap();
    assert_eq!(written, job(&url)["numbers"]["counts"]["windows"].as_u64().unwrap());
    // The console is of the worker, and the folder of the other.
    let (log, of_csv) = (stage.log_of(false), stage.log_of(true));
    assert!(log.contains("Window Result: ") && !log.contains("csv:rows"), "{log}");
    assert!(of_csv.contains("the sinks of job coast are running"), "{of_csv}");
    // It dies: the job is degraded and says so, and its worker works on.
    stage.kill(sinks[0]);
    until("it is degraded", &|job| {
        let why = job["why"].as_str().unwrap();
        job["state"] == "degraded" && why.starts_with("the process of its sinks is restarting")
    });
    stage.stage.generate(&["--records", "500"]);
    until("it is there again, and nothing is missing", &|job| {
        let mut sinks = job["numbers"]["sinks"].as_array().unwrap().iter();
        job["state"] == "running"
            && job["numbers"]["counts"]["read"] == 2_500
            && sinks.any(|it| it["lag_rows"] == 0)
    });
    assert_eq!(job(&url)["restarts"], 1);
    assert!(rows(&http_get(&url, "/metrics")).unwrap() >= written, "no counter falls");
    assert_eq!(processes(&stage.stage.path("")).0, workers);
    let transitions = get(&url, "/api/v1/jobs/coast/transitions");
    let of = |worker: u64, state: &str| {
        let mut all = transitions["transitions"].as_array().unwrap().iter();
        all.any(|it| it["worker"] == worker && it["state"] == *state)
    };
    assert!(of(0, "restarting") && !of(1, "restarting"), "{transitions}");
    // Each in its own words: sinks read nothing that is not committed.
    let why = |worker: u64| {
        let all = transitions["transitions"].as_array().unwrap().iter();
        let mut running = all.filter(|it| it["worker"] == worker && it["state"] == "running");
        running.next().map(|it| it["why"].as_str().unwrap().to_owned())
    };
    assert_eq!(why(0).as_deref(), Some("it writes the rows that are committed"));
    assert_eq!(why(1).as_deref(), Some("it reads and commits"));
    let logs = stage.stage.ok(&["job", "logs", "coast", "-n", "1000", "--server", &url]);
    assert!(logs.contains(" sinks: the sinks of job") && logs.contains(" worker 1: "), "{logs}");
    // The key is taken out: the worker has the sinks, and the process is gone with its folder.
    stage.write_job("coast.toml", &JOB.replace("sink_process = true\n", ""));
    wait_until("there is one process", || {
        let (now, sinks) = processes(&stage.stage.path(""));
        now.len() == 1 && now != workers && sinks.is_empty()
    });
    stage.stage.generate(&["--records", "500"]);
    until("it has written all", &|job| {
        job["state"] == "running"
            && job["numbers"]["counts"]["read"] == 3_000
            && job["numbers"]["sinks"].as_array().unwrap().iter().any(|it| it["lag_rows"] == 0)
    });
    server.stop_within(Signal::TERM, STOP).ok();
    let args = ["verify", "--complete", "--job", "jobs/coast.toml", "--sink", "csv:rows"];
    assert!(stage.stage.ok(&args).contains("verified: "));
}

#[test]
fn sinks_of_a_bounded_job_write_all_of_it_before_it_is_finished() {
    let stage = ServeStage::with_records(&["--records", "3000"]);
    let sinks = "[[sink]]\ntype = 'csv'\ntarget = 'rows'\nbatch_rows = 20\nflush_ms = '100ms'\n";
    let text = format!("name = 'coast'\nsink_process = true\ndrain = true\n{sinks}");
    stage.write_job("coast.toml", &text);
    let args = ["serve", "--jobs", "jobs", "--http", "127.0.0.1:0,requests_per_s=5000"];
    let mut command = stage.stage.command(&args);
    // A batch takes longer than the worker takes for everything.
    command.env("FAILPOINTS", "sink-after-write=sleep(50)");
    let server = stage.stage.start(command);
    let url = url_of(&server);
    wait_until("the work is done, and its sinks write", || {
        stage.state("coast") == "finished" && job(&url)["state"] == "draining"
    });
    assert_eq!(job(&url)["why"], "its sinks write what is committed");
    wait_until("all is done", || job(&url)["state"] == "finished");
    assert_eq!(processes(&stage.stage.path("")), (vec![], vec![]));
    let status = stage.stage.json(&["status", "--json", "--job", "jobs/coast.toml"]);
    assert_eq!(int(&status["sinks"][0], "lag"), 0, "{status}");
    server.stop_within(Signal::TERM, STOP).ok();
    let args = ["verify", "--complete", "--job", "jobs/coast.toml", "--sink", "csv:rows"];
    assert!(stage.stage.ok(&args).contains("verified: "));
}

#[test]
fn a_start_at_a_savepoint_waits_for_the_sinks_and_what_they_cannot_do_is_said() {
    let stage = ServeStage::with_records(&["--records", "2000"]);
    fs::write(stage.stage.path("coast.toml"), JOB).unwrap();
    let server = stage.stage.spawn(&["serve", "--http", "127.0.0.1:0,requests_per_s=5000"]);
    let url = url_of(&server);
    let ok = |args: &[&str]| stage.stage.ok(&[&["job"], args, &["--server", &url]].concat());
    ok(&["submit", "coast.toml", "--start"]);
    let until_written = |records: u64| {
        wait_until("all is read and written", || {
            let numbers = job(&url)["numbers"].take();
            numbers["counts"]["read"] == records
                && numbers["sinks"].as_array().unwrap().iter().any(|it| it["lag_rows"] == 0)
        });
    };
    until_written(2_000);
    // What runs is not begun elsewhere, and a stop is over when its sinks have ended.
    let begin = ["job", "start", "coast", "--from-savepoint", "end", "--server", &url];
    assert!(stage.stage.refused(&begin, 2).contains("job coast runs: stop it first"));
    ok(&["stop", "coast", "--savepoint", "end"]);
    assert_eq!(processes(&stage.stage.path("")), (vec![], vec![]));
    ok(&["start", "coast", "--from-savepoint", "end"]);
    stage.stage.generate(&["--records", "500"]);
    until_written(2_500);
    assert_eq!(processes(&stage.stage.path("")).1.len(), 1);
    // A folder cannot give rows back: the rewind is refused, whoever writes the folder.
    ok(&["stop", "coast"]);
    stage.stage.run(&begin);
    wait_until("it has failed", || job(&url)["state"] == "failed");
    let why = job(&url)["why"].as_str().unwrap().to_owned();
    assert!(why.contains("csv"), "{why}");
    assert_eq!(processes(&stage.stage.path("")), (vec![], vec![]));
    server.stop_within(Signal::TERM, STOP).ok();
    let args = ["verify", "--complete", "--job", "coast.toml", "--sink", "csv:rows"];
    assert!(stage.stage.ok(&args).contains("verified: "));
}
