//! The same faults done to a job that a server runs: they hit its worker, and the server reports
//! and handles them. Each in a quick form.

use std::fs;
use std::path::PathBuf;

use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};
use seismic_proto::Message;
use seismic_queue::failpoints::COMMIT_IN_TRANSACTION;
use serde_json::Value;

use super::clock::{HOUR_MS, Sensors};
use super::disk::Disk;
use super::gone::remove_queue;
use super::publisher::{Publisher, record};
use super::trial::{QUEUE, Trial};
use crate::serve::{http_get, left_workers, url_of};
use crate::stage::{DATA, ROWS, Running, STOP, wait_until};
use crate::truth::int;

/// A trial whose job a server runs.
pub(super) struct Served {
    pub(super) trial: Trial,
    pub(super) server: Option<Running>,
    left: Left,
}

/// Kills workers that a failing test leaves.
struct Left(PathBuf);

impl Drop for Left {
    fn drop(&mut self) {
        for pid in left_workers(&self.0) {
            if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

impl Served {
    pub(super) fn new(trial: Trial) -> Served {
        fs::create_dir_all(trial.stage.path("jobs")).unwrap();
        let left = Left(trial.stage.path(""));
        Served { trial, server: None, left }
    }

    /// The job of the trial's options, as a file.
    pub(super) fn write_job(&self, also: &str) {
        let options = self.trial.job(&[]);
        let mut text = also.to_owned();
        for pair in options[1..].chunks(2) {
            let key = pair[0].trim_start_matches("--").replace('-', "_");
            let value = match pair[1].parse::<i64>() {
                Ok(number) => number.to_string(),
                Err(_) => format!("{:?}", pair[1]),
            };
            text += &format!("{key} = {value}\n");
        }
        let place = self.trial.stage.place.chunks(2);
        place.for_each(|pair| text += &format!("{} = {:?}\n", &pair[0][2..], pair[1]));
        text += "[restart]\ninterval_s = 0\nmax_per_hour = 'unlimited'\n";
        let (new, path) = (self.trial.stage.path("new"), self.trial.stage.path("jobs/job.toml"));
        fs::write(&new, text).unwrap();
        fs::rename(new, path).unwrap();
    }

    /// Starts the server, with named places at which its worker fails.
    fn serve(&mut self, failpoints: &str) {
        let args = ["serve", "--jobs", "jobs", "--http", "127.0.0.1:0,requests_per_s=5000"];
        let mut command = self.trial.stage.command_at(&args, &[]);
        command.env("FAILPOINTS", failpoints);
        self.server = Some(self.trial.stage.start(command));
    }

    /// Waits for new rows.
    pub(super) fn until_rows(&mut self) {
        let before = self.trial.rows();
        let mut server = self.server.take().unwrap();
        self.trial.wait_for_rows(&mut server, before);
        self.server = Some(server);
    }

    /// Starts the server and waits for new rows, which counts as the end of a fault.
    pub(super) fn flows_again(&mut self, failpoints: &str) {
        let before = self.trial.rows();
        let began = std::time::Instant::now();
        self.serve(failpoints);
        let mut server = self.server.take().unwrap();
        self.trial.wait_for_rows(&mut server, before);
        self.trial.line.back.push(began.elapsed());
        self.server = Some(server);
    }

    /// Ends the server with its worker.
    pub(super) fn stop(&mut self) {
        let done = self.server.take().unwrap().stop_within(Signal::TERM, STOP).ok();
        assert!(!done.stderr.contains("panicked"), "{done}");
        assert_eq!(left_workers(&self.left.0), Vec::<u32>::new(), "its worker ended with it");
    }

    pub(super) fn server(&self) -> &Running {
        self.server.as_ref().unwrap()
    }

    /// What the worker logs.
    fn log(&self) -> String {
        let folders = fs::read_dir(self.trial.stage.path("output/serve.db.workers")).unwrap();
        let read = |folder: PathBuf| fs::read_to_string(folder.join("log")).unwrap_or_default();
        folders.map(|folder| read(folder.unwrap().path())).collect()
    }

    fn until_logged(&self, words: &str) {
        wait_until(&format!("its worker says {words:?}"), || self.log().contains(words));
    }

    /// The process of the worker.
    fn worker(&self) -> u32 {
        let mut found = Vec::new();
        wait_until("a worker", || {
            found = left_workers(&self.left.0);
            !found.is_empty()
        });
        found[0]
    }

    /// State and reason of the job.
    fn standing(&self) -> (String, String) {
        let db = Connection::open(self.trial.stage.path("output/serve.db")).unwrap();
        db.busy_timeout(std::time::Duration::from_secs(60)).unwrap();
        let life = db.query_row("SELECT life FROM jobs", [], |row| row.get::<_, String>(0));
        let life: Value = serde_json::from_str(&life.unwrap_or_else(|_| "{}".to_owned())).unwrap();
        let word = |key: &str| life["standing"][key].as_str().unwrap_or_default().to_owned();
        (word("state"), word("why"))
    }

    /// Waits until the job has failed, for a reason with these words.
    fn until_failed(&self, words: &str) {
        wait_until(&format!("it fails: {words}"), || self.standing().0 == "failed");
        let why = self.standing().1;
        assert!(why.contains(words), "{words}: {why}");
    }

    /// Messages that the worker which runs now has read again.
    fn replayed(&self) -> u64 {
        let url = url_of(self.server());
        let mut found = None;
        wait_until("its worker says what it has read again", || {
            let all: Value = serde_json::from_str(&http_get(&url, "/api/v1/jobs")).unwrap();
            let job = &all["jobs"][0];
            let numbers = &job["numbers"];
            found = numbers["messages_replayed"].as_u64();
            job["state"] == "running" && numbers["records_read"].as_u64() > Some(0)
        });
        found.unwrap()
    }

    /// With which code the last worker ended, by its own words.
    fn last_code(&self) -> Option<i64> {
        let folders = fs::read_dir(self.trial.stage.path("output/serve.db.workers")).unwrap();
        let read = |folder: PathBuf| fs::read(folder.join("last-words.json")).ok();
        let words = folders.filter_map(|folder| read(folder.unwrap().path())).next()?;
        let words: Value = serde_json::from_slice(&words).unwrap();
        words[2]["code"].as_i64()
    }

    /// Starts a job that has failed.
    fn start(&self) {
        let url = url_of(self.server());
        self.trial.stage.run(&["job", "start", "seismic", "--server", &url]);
    }
}

#[test]
fn sigterm_of_a_server_under_load_and_in_a_commit_makes_the_last_commits_of_its_jobs() {
    let mut it = Served::new(Trial::new(3, "SIGTERM of the server under load, and in commits"));
    let load = it.trial.load();
    it.write_job("");
    for commits in ["off", "sleep(200)"] {
        it.flows_again(&format!("{COMMIT_IN_TRANSACTION}={commits}"));
        // Nothing was left to be read again by the stop before.
        assert_eq!(it.replayed(), 0);
        it.trial.wait(10..400);
        it.stop();
        assert_eq!(it.last_code(), Some(0));
        it.trial.line.tries += 1;
    }
    // That is seen: a worker that is killed leaves what is read again.
    it.flows_again("");
    assert_eq!(it.replayed(), 0);
    let pid = Pid::from_raw(it.worker().cast_signed()).unwrap();
    assert!(it.server.take().unwrap().kill());
    kill_process(pid, Signal::KILL).unwrap();
    it.flows_again("");
    assert!(it.replayed() > 0);
    it.stop();
    it.trial.prove(load);
}

#[test]
fn a_log_that_is_gone_or_another_one_fails_a_served_job_until_it_is_there_again() {
    let what = "log truncated under the position of a served job, and its topic recreated";
    let mut it = Served::new(Trial::new(19, what));
    let load = it.trial.load();
    it.write_job("");
    it.flows_again("");
    it.stop();
    // Nobody reads meanwhile, and then all but the newest block is deleted, past the job's hold.
    it.trial.wait(600..1_000);
    load.stop(Signal::TERM).ok();
    let whole = fs::read(it.trial.stage.path(QUEUE)).unwrap();
    it.trial.stage.ok(&["retention", DATA, "--max-bytes", "1", "--past-holds"]);
    let before = it.trial.rows();
    it.serve("");
    it.until_failed(" gone");
    let why = it.standing().1;
    assert!(why.contains(DATA) && why.contains("--accept-loss"), "{why}");
    it.trial.line.tries += 1;
    // The topic is another one of the same name.
    remove_queue(&it.trial);
    it.trial.stage.generate(&["--records", "1000"]);
    it.start();
    it.until_failed("deleted and recreated");
    it.trial.line.tries += 1;
    assert_eq!(it.trial.rows(), before);
    assert!(!it.server().stderr().contains("restarting"), "{}", it.server().stderr());
    // The log is restored: the job goes on where it was.
    remove_queue(&it.trial);
    fs::write(it.trial.stage.path(QUEUE), whole).unwrap();
    it.start();
    wait_until("it has read the rest", || it.trial.rows() > before);
    it.stop();
    // With the head of the log, that of the journal was given up.
    it.trial.log_is_cut();
    it.trial.prove_records(None);
}

#[test]
fn a_full_disk_under_the_store_of_a_served_job_is_waited_for() {
    let mut trial = Trial::new(10, "a real disk full under the store of a job that a server runs");
    let Some(disk) = Disk::mount(&trial.stage, "disk", 96) else { return };
    trial.store = "disk/home.db".to_owned();
    trial.stage.place = ["--store", "sqlite:disk/home.db"].map(str::to_owned).to_vec();
    let mut it = Served::new(trial);
    let load = it.trial.load();
    it.write_job("");
    it.flows_again("");
    disk.fill();
    it.until_logged("retrying");
    it.trial.wait(50..500);
    disk.free();
    it.until_rows();
    it.until_logged("works again");
    it.trial.line.tries += 1;
    // It waited, and was not restarted for it.
    assert!(!it.server().stderr().contains("restarting"), "{}", it.server().stderr());
    it.stop();
    it.trial.prove(load);
}

#[test]
fn a_wall_clock_that_jumps_under_a_served_job_closes_nothing_early() {
    let trial = Trial::new(13, "wall clock of a served job and of producers jumps an hour");
    let mut it = Served::new(trial.option("--idle-timeout-ms", "600000"));
    let mut sensors = Sensors { next_ms: record("").collect_timestamp - 1_000, records: 0 };
    sensors.publish(&it.trial, 0);
    it.write_job("");
    it.flows_again("wall-clock=50*off->100*return(3600000)->return(-3600000)");
    for shift_ms in [HOUR_MS, -HOUR_MS, 0] {
        let before = it.trial.rows();
        sensors.publish(&it.trial, shift_ms);
        let mut server = it.server.take().unwrap();
        it.trial.wait_for_rows(&mut server, before);
        it.server = Some(server);
        it.trial.line.tries += 1;
    }
    it.stop();
    let rows = it.trial.stage.read(ROWS);
    assert!(rows.iter().all(|row| row["value"]["closed_by"] == "time"), "no early idle close");
    it.trial.prove_records(None);
}

#[test]
fn a_slow_sink_of_a_served_job_never_stalls_windows() {
    let trial = Trial::new(18, "a CSV sink of a served job that takes 300 ms for each batch");
    let mut it = Served::new(trial);
    let load = it.trial.load();
    it.write_job("");
    it.flows_again("sink-after-write=sleep(300)");
    for _ in 0..3 {
        it.until_rows();
        it.trial.line.tries += 1;
    }
    it.stop();
    it.trial.prove(load);
}

#[test]
fn damaged_checkpoints_of_a_served_job_are_passed_over_and_other_rules_fail_it() {
    let trial = Trial::new(20, "newest checkpoints of a served job cut short; other rules");
    let mut it = Served::new(trial);
    let load = it.trial.load();
    it.write_job("");
    for _ in 0..2 {
        it.flows_again("");
        it.stop();
    }
    it.trial.tamper(
        "CREATE TABLE hit AS SELECT partition, max(number) AS number FROM checkpoint \
         GROUP BY partition",
    );
    let is_hit = "(t.partition, t.checkpoint) IN (SELECT partition, number FROM hit)";
    let cut = "UPDATE chunk AS t SET bytes = substr(bytes, 1, length(bytes) / 2)";
    assert!(it.trial.tamper(&format!("{cut} WHERE {is_hit}")) >= 4);
    it.flows_again("");
    it.until_logged("an older checkpoint is used");
    it.trial.line.tries += 1;
    // The file says other rules now: it fails at once, with the ways that are left.
    it.write_job("dedupe = 'time'\n");
    it.until_failed("made under other rules");
    it.trial.line.tries += 1;
    it.write_job("");
    it.until_rows();
    it.stop();
    // `verify` would find them.
    it.trial.tamper("DELETE FROM checkpoint WHERE (partition, number) IN (SELECT * FROM hit)");
    it.trial.tamper(&format!("DELETE FROM chunk AS t WHERE {is_hit}"));
    it.trial.tamper("DROP TABLE hit");
    it.trial.prove(load);
}

#[test]
fn a_second_service_on_the_store_of_a_served_job_is_refused_in_both_orders() {
    let trial = Trial::new(21, "a second service on the store of a served job, and before it");
    let mut it = Served::new(trial);
    let load = it.trial.load();
    it.write_job("");
    it.flows_again("");
    let stderr = it.trial.stage.refused(&it.trial.job(&[]), 4);
    let pid = it.worker().to_string();
    assert!(stderr.contains(&pid), "no pid {pid} in {stderr}");
    it.until_rows();
    it.trial.line.tries += 1;
    it.stop();
    // Someone else has the store when the server comes: the job fails at once and names the way
    // out.
    let other = it.trial.start();
    it.serve("");
    it.until_failed("another process has its store or folder");
    assert!(it.standing().1.contains(&other.pid().to_string()), "{}", it.standing().1);
    it.trial.line.tries += 1;
    other.stop(Signal::TERM).ok();
    it.start();
    it.until_rows();
    it.stop();
    it.trial.prove(load);
}

#[test]
fn sensor_ids_without_end_are_rejected_by_a_served_job_also_through_its_death() {
    let trial =
        Trial::new(22, "endless distinct garbage sensor ids at a served job that is killed");
    let mut it = Served::new(trial.option("--max-sensors", "1000"));
    let load = it.trial.load_with("--rate 2000 --sensors 50 --pack 5 --anomaly-percent 0");
    it.write_job("");
    it.flows_again("");
    let mut publisher = Publisher::new(&it.trial.stage);
    for _ in 0..8 {
        let garbage: Vec<_> = (0..1_000)
            .map(|_| {
                let id = format!("garbage {}", it.trial.dice.draw(0..u64::MAX));
                let bytes = record(&id).encode_to_vec();
                (id, bytes)
            })
            .collect();
        publisher.all(&garbage);
    }
    it.until_rows();
    let pid = Pid::from_raw(it.worker().cast_signed()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    it.trial.line.tries += 1;
    wait_until("another worker", || it.server().stderr().contains("restart 1 in a row"));
    it.until_rows();
    it.until_logged("unknown sensor ids");
    load.stop(Signal::TERM).ok();
    it.stop();
    it.trial.stage.ok(&it.trial.job(&["--drain"]));
    let limited = int(&it.trial.stage.status()["by_reason"], "sensor_limit");
    assert!(limited > publisher.count - 4_000 - 1, "{limited} of {}", publisher.count);
    it.trial.prove_records(None);
}

#[test]
fn a_job_file_that_lies_is_refused_by_a_server_with_every_fault_and_the_job_works_on() {
    let mut it =
        Served::new(Trial::new(23, "seven mistakes in the file of a job that a server runs"));
    let load = it.trial.load();
    it.write_job("");
    it.flows_again("");
    let worker = it.worker();
    let lies = "windw = '1s'\nqueue = 'nowhere:x'\nslots = 0\npriority = 10\nlateness = 5\n\
                [resources]\nmemory_mb = 1\n[alarms]\nrows = [{ on = 'rows' }]\n";
    fs::write(it.trial.stage.path("jobs/job.toml"), lies).unwrap();
    let faults = ["job.toml:1: windw", "did you mean \"window\"", "job.toml:2: queue"];
    let more = ["job.toml:3: slots", "job.toml:4: priority", "job.toml:5: lateness"];
    let last = ["job.toml:7: resources.memory_mb", "job.toml:9: alarms.rows"];
    for fault in faults.iter().chain(&more).chain(&last) {
        wait_until(&format!("{fault} is said"), || it.server().stderr().contains(fault));
        it.trial.line.tries += 1;
    }
    it.until_rows();
    assert_eq!(it.worker(), worker);
    it.stop();
    it.trial.prove(load);
}
