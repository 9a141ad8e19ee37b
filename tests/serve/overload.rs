//! A real machine with too much to do: what the job of the highest priority notices of it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::{ServeStage, http_get, url_of};
use crate::stage::{ROWS, STOP, Stage, let_it_work};

/// Jobs that would take all cores for as long as this takes.
const HOGS: usize = 3;

/// Records that each of them has to read, and how a batch of them, which is some 40,000, keeps a core
/// busy for 300 ms.
const BACKLOG: &str = "10000000";
const BUSY: &str = "slot-after-poll=delay(300)";

/// How long it is measured, alone and under overload.
const SPAN: Duration = Duration::from_secs(60);

/// From the newest event of each row to its commit, ms, of rows that were committed in a span.
fn latencies(stage: &Stage, (from_ms, to_ms): (i64, i64)) -> Vec<i64> {
    let args = ["read", ROWS, "--format", "json", "--job", "jobs/alert.toml"];
    let text = fs::read_to_string(stage.ok_in_file(&args)).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut all: Vec<i64> = rows
        .filter_map(|row| {
            let at_ms = row["append_ms"].as_i64()?;
            let newest_ms = row["value"]["last_sample_ts"].as_i64()?;
            (from_ms..to_ms).contains(&at_ms).then_some(at_ms - newest_ms)
        })
        .collect();
    all.sort_unstable();
    assert!(all.len() > 1_000, "{} rows", all.len());
    all
}

fn percentile(all: &[i64], percent: usize) -> i64 {
    all[(all.len() * percent / 100).min(all.len() - 1)]
}

fn states(jobs: &Value) -> String {
    let jobs = jobs["jobs"].as_array().into_iter().flatten();
    jobs.map(|job| {
        format!("{} {} {} ms of CPU\n", job["name"], job["state"], job["numbers"]["cpu_ms"])
    })
    .collect()
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_millis()).unwrap()
}

#[test]
#[ignore = "four minutes; compares latencies, so it needs a machine where nothing else runs"]
fn the_top_job_keeps_its_p99_within_half_as_much_again_under_overload() {
    let stage = ServeStage { stage: Stage::new() };
    fs::create_dir(stage.stage.path("jobs")).unwrap();
    fs::write(stage.stage.path("serve.toml"), "[pressure]\nmemory_percent = 0\n").unwrap();
    let place = |name: &str| ["--queue".to_owned(), format!("sqlite:output/{name}.db")];
    let live = "generate --forever --rate 2000 --sensors 50 --pack 5 --anomaly-percent 0";
    let live: Vec<&str> = live.split(' ').collect();
    let load = stage.stage.start(stage.stage.command_at(&live, &place("alert")));
    let backlog = ["generate", "--records", BACKLOG, "--sensors", "200"];
    stage.stage.start(stage.stage.command_at(&backlog, &place("archive"))).wait().ok();
    // The program of these jobs alone has the failpoint.
    let busy = stage.stage.path("busy");
    let program = stage.stage.command(&[]).get_program().display().to_string();
    fs::write(&busy, format!("#!/bin/sh\nFAILPOINTS='{BUSY}' exec '{program}' \"$@\"\n")).unwrap();
    fs::set_permissions(&busy, fs::Permissions::from_mode(0o700)).unwrap();
    let job = "name = 'alert'\nqueue = 'sqlite:output/alert.db'\nwindow = '200ms'\nlateness = '100ms'\n\
               sink = ['csv:alert']\nfrom = 'latest'\npriority = 9\n\
               result_topic = 'seismic-agg-topic'\n";
    stage.write_job("alert.toml", job);
    let server = stage.serve(&["--config", "serve.toml"]);
    let url = url_of(&server);
    stage.wait_for_state("alert", "running");
    let_it_work(Duration::from_secs(5));
    let began = now_ms();
    let_it_work(SPAN);
    let alone = (began, now_ms());
    for n in 1..=HOGS {
        let job = format!(
            "name = 'report{n}'\nqueue = 'sqlite:output/archive.db'\nstore = 'sqlite:output/report{n}.db'\nsink = ['csv:report{n}']\n\
             priority = {n}\nengine = '{}'\n",
            busy.display()
        );
        stage.write_job(&format!("report{n}.toml"), &job);
    }
    let began = now_ms();
    let_it_work(SPAN);
    let overloaded = (began, now_ms());
    let jobs: Value = serde_json::from_str(&http_get(&url, "/api/v1/jobs")).unwrap();
    let said = server.stderr();
    // Cores were short, or a job was behind its input: whichever is seen first.
    let steps: Vec<&str> = said.lines().filter(|line| line.contains(" degraded: ")).collect();
    assert!(!steps.is_empty(), "there was no overload on this machine: {said}\n{}", states(&jobs));
    // What was left of it when all that had to yield have yielded.
    let_it_work(SPAN);
    let yielded = (overloaded.1, now_ms());
    load.stop(Signal::TERM).ok();
    server.stop_within(Signal::TERM, STOP).ok();
    let [alone, overloaded, yielded] =
        [alone, overloaded, yielded].map(|span| latencies(&stage.stage, span));
    for (what, all) in [("alone", &alone), ("overload", &overloaded), ("yielded", &yielded)] {
        let [median, p99] = [50, 99].map(|percent| percentile(all, percent));
        println!("OVERLOAD {what}: {} rows, median {median} ms, p99 {p99} ms", all.len());
    }
    steps.iter().for_each(|line| println!("OVERLOAD {line}"));
    let most = percentile(&alone, 99) * 3 / 2;
    for (what, all) in [("overload", overloaded), ("yielded", yielded)] {
        let p99 = percentile(&all, 99);
        assert!(p99 <= most, "{what}: {p99} ms are more than 1.5 times those alone: {most} ms");
    }
    stage.stage.ok(&["verify", "--job", "jobs/alert.toml", "--sink", "csv:alert"]);
}
