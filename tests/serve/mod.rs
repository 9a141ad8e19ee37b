//! `seismic serve`: jobs as separate processes, across deaths of workers and servers.

pub mod access;
mod alarms;
mod begin;
mod container;
mod environments;
mod folder;
mod life;
mod limits;
mod notify;
mod openapi;
mod overload;
mod parallelism;
mod pressure;
mod reload;
mod scaling;
mod several;
mod sink_process;
mod upgrade;
mod versions;
pub mod webhook;

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::stage::{Running, Stage, wait_until};

/// A stage with a folder of job files. Workers that are left at its end are killed.
pub struct ServeStage {
    pub stage: Stage,
}

impl ServeStage {
    pub fn with_records(options: &[&str]) -> ServeStage {
        let stage = Stage::with_records(options);
        fs::create_dir(stage.path("jobs")).unwrap();
        ServeStage { stage }
    }

    pub fn write_job(&self, file: &str, text: &str) {
        // Renamed into place, as editors and version control do.
        let (new, path) = (self.stage.path("new"), self.stage.path("jobs").join(file));
        fs::write(&new, text).unwrap();
        fs::rename(new, path).unwrap();
    }

    pub fn serve(&self, options: &[&str]) -> Running {
        self.stage.spawn(
            &[&["serve", "--jobs", "jobs", "--http", "127.0.0.1:0,requests_per_s=5000"], options]
                .concat(),
        )
    }

    /// What is stored of a job's life; null without the job.
    pub fn life(&self, job: &str) -> Value {
        let path = self.stage.path("output/serve.db");
        let Ok(db) = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY) else {
            return Value::Null;
        };
        let life = db.query_row("SELECT life FROM jobs WHERE name = ?1", [job], |row| {
            row.get::<_, String>(0)
        });
        life.map_or(Value::Null, |life| serde_json::from_str(&life).unwrap())
    }

    pub fn state(&self, job: &str) -> String {
        self.life(job)["standing"]["state"].as_str().unwrap_or_default().to_owned()
    }

    pub fn wait_for_state(&self, job: &str, state: &str) {
        wait_until(&format!("{job} is {state}, not {}", self.life(job)), || {
            self.state(job) == state
        });
    }

    /// Who the workers are that were started last.
    fn identities(&self) -> Vec<Value> {
        let Ok(folders) = fs::read_dir(self.stage.path("output/serve.db.workers")) else {
            return Vec::new();
        };
        let read = |folder: PathBuf| fs::read(folder.join("worker.json")).ok();
        let texts = folders.filter_map(|entry| read(entry.unwrap().path()));
        texts.filter_map(|text| serde_json::from_slice(&text).ok()).collect()
    }

    /// The process of the job's worker, which must be the only job of the server.
    pub fn worker(&self) -> u32 {
        let mut pid = None;
        wait_until("the worker says who it is", || {
            pid = self.identities().first().and_then(|it| it["pid"].as_u64());
            pid.is_some()
        });
        u32::try_from(pid.unwrap()).unwrap()
    }

    /// The names of all files in the folders of workers.
    pub fn logs(&self) -> Vec<String> {
        let folders = fs::read_dir(self.stage.path("output/serve.db.workers")).unwrap();
        let files = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// What the only worker has logged, or the process of the sinks.
    pub fn log_of(&self, sinks: bool) -> String {
        let folders = fs::read_dir(self.stage.path("output/serve.db.workers")).unwrap();
        let mut folders = folders.map(|folder| folder.unwrap().path());
        let is_it = |path: &PathBuf| path.to_string_lossy().ends_with(".sinks") == sinks;
        fs::read_to_string(folders.find(is_it).unwrap().join("log")).unwrap()
    }

    pub fn kill(&self, pid: u32) {
        kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
    }

    /// All processes of workers of this stage, also those that have not said yet who they are.
    pub fn left_workers(&self) -> Vec<u32> {
        left_workers(&self.stage.path(""))
    }
}

/// All processes of workers in the folder of a stage.
pub fn left_workers(stage: &Path) -> Vec<u32> {
    let stage = stage.canonicalize().unwrap_or_default();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|it| it.file_name().to_str()?.parse().ok());
    let is_ours = |pid: &u32| {
        // Its command line names its folder, which may be relative to where it runs.
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let runs_in = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        line.contains("\0worker\0") && line.contains("serve.db.workers") && runs_in == stage
    };
    pids.filter(is_ours).collect()
}

/// The processes of workers in the folder of a stage, and those of sinks alone.
pub fn processes(stage: &Path) -> (Vec<u32>, Vec<u32>) {
    let is_of_workers = |pid: &u32| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        !line.trim_end_matches('\0').ends_with(".sinks")
    };
    left_workers(stage).into_iter().partition(is_of_workers)
}

/// Where a server listens.
pub fn url_of(server: &Running) -> String {
    let mut url = String::new();
    wait_until("the server listens", || {
        let said = server.stderr();
        let found = said.split_once("serving ").and_then(|(_, rest)| rest.split_once("/metrics"));
        url = found.map(|(url, _)| url.to_owned()).unwrap_or_default();
        !url.is_empty()
    });
    url
}

/// What a server answers; asked again when it was asked too often.
pub fn http_get(url: &str, path: &str) -> String {
    let mut text = None;
    wait_until("an answer that is not: ask less often", || {
        match ureq::get(format!("{url}{path}")).call() {
            Ok(mut answer) => text = Some(answer.body_mut().read_to_string().unwrap()),
            Err(ureq::Error::StatusCode(429)) => {}
            Err(error) => panic!("{path}: {error}"),
        }
        text.is_some()
    });
    text.unwrap()
}

/// Times of the points in the history of a job.
pub fn points(stage: &ServeStage, job: &str) -> Vec<i64> {
    let db = Connection::open_with_flags(
        stage.stage.path("output/serve.db"),
        OpenFlags::SQLITE_OPEN_READ_ONLY,
    );
    let db = db.unwrap();
    let mut all =
        db.prepare("SELECT at_s FROM history WHERE job = ?1 AND step_s = 1 ORDER BY at_s").unwrap();
    all.query_map([job], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

impl Drop for ServeStage {
    fn drop(&mut self) {
        let folder = self.stage.path("output/serve.db.workers").display().to_string();
        for pid in self.left_workers() {
            if std::thread::panicking() {
                eprintln!("a worker of {folder} was left");
            }
            // It may have ended meanwhile, and a panic in here would hide the one of the test.
            if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}
