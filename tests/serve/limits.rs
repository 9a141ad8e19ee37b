//! What a worker may take: by a cgroup where the machine lets a test make some, else by itself.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde_json::Value;

use super::{ServeStage, http_get, url_of};
use crate::stage::{STOP, wait_until};

const JOB: &str = "name = 'coast'\nsink = ['csv:rows']\nidle_timeout = '0'\nslots = 4\n\
                   priority = 2\n[resources]\ncpus = 0.5\nmemory_mb = 512\n[restart]\ninterval_s = 0\n";

/// A cgroup whose controllers were handed on to this test; gone when it is dropped.
struct Delegated(PathBuf);

impl Delegated {
    /// None, with a loud word, where there can be none.
    fn make() -> Option<Delegated> {
        match Delegated::try_make() {
            Ok(it) => Some(it),
            Err(why) => {
                // Past what the harness captures of a test that passes.
                let words =
                    "SKIPPED: limits by a real cgroup (version 2, cpu and memory) are not tested:";
                let _ = writeln!(std::io::stderr(), "\n{words} {why}");
                None
            }
        }
    }

    fn try_make() -> Result<Delegated, String> {
        let in_words = |what: &str, error: std::io::Error| format!("{what}: {error}");
        let own =
            fs::read_to_string("/proc/self/cgroup").map_err(|it| in_words("no cgroups", it))?;
        let own =
            own.lines().find_map(|line| line.strip_prefix("0::")).ok_or("none of version 2")?;
        let folder = Path::new("/sys/fs/cgroup").join(own.trim_start_matches('/'));
        let controllers = fs::read_to_string(folder.join("cgroup.controllers"))
            .map_err(|it| in_words("no controllers", it))?;
        if !["cpu", "memory"].iter().all(|it| controllers.split_whitespace().any(|has| has == *it))
        {
            return Err(format!("the controllers here are: {}", controllers.trim()));
        }
        let leaf = folder.join(format!("seismic-test-{}", std::process::id()));
        fs::write(folder.join("cgroup.subtree_control"), "+cpu +memory")
            .map_err(|it| in_words("handing cpu and memory on", it))?;
        fs::create_dir(&leaf).map_err(|it| in_words("making a cgroup", it))?;
        Ok(Delegated(leaf))
    }
}

impl Drop for Delegated {
    fn drop(&mut self) {
        let below = fs::read_dir(&self.0).into_iter().flatten().flatten();
        for folder in below.filter(|it| it.path().is_dir()) {
            let _ = fs::remove_dir(folder.path());
        }
        let _ = fs::remove_dir(&self.0);
    }
}

/// By how much a process stands back.
fn niceness(pid: u32) -> i64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The 17th value behind the name, which may have spaces: see proc(5).
    let behind = stat.rsplit_once(')').unwrap().1;
    behind.split_whitespace().nth(16).unwrap().parse().unwrap()
}

/// Soft limit of the memory that a process may write, bytes.
fn data_limit(pid: u32) -> Option<u64> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max data size"))?.to_owned();
    line.split_whitespace().next()?.parse().ok()
}

#[test]
fn where_there_are_no_cgroups_a_worker_limits_itself_and_the_server_says_so() {
    let stage = ServeStage::with_records(&["--records", "1000"]);
    stage.write_job("coast.toml", JOB);
    // A server that leaves its workers running makes none, also where it might.
    let server = stage.serve(&["--leave-running"]);
    let url = url_of(&server);
    stage.wait_for_state("coast", "running");
    assert_eq!(data_limit(stage.worker()), Some(512 << 20));
    let of_server = niceness(server.pid());
    assert_eq!(niceness(stage.worker()) - of_server, (19 - of_server).min(9));
    let said = server.stderr();
    assert!(
        said.contains("no cgroups for [resources]: ") && said.contains("limit themselves"),
        "{said}"
    );
    let slots = || -> Option<u64> {
        let all: Value = serde_json::from_str(&http_get(&url, "/api/v1/workers")).unwrap();
        all["workers"][0]["slots"].as_u64()
    };
    wait_until("half a core is one slot, not four", || slots() == Some(1));
    // So does the one that is started again.
    let first = stage.worker();
    stage.kill(first);
    wait_until("another worker", || stage.worker() != first);
    wait_until("its limit holds", || data_limit(stage.worker()) == Some(512 << 20));
    stage.wait_for_state("coast", "running");
    stage.stage.ok(&["job", "list", "--server", &url]);
    server.stop_within(Signal::TERM, STOP).ok();
    stage.left_workers().into_iter().for_each(|pid| stage.kill(pid));
}

#[test]
fn a_worker_that_wants_more_memory_than_it_may_have_ends_and_it_is_said_why() {
    let of_many = ["--records", "400000", "--sensors", "200000", "--pack", "20"];
    let stage = ServeStage::with_records(&of_many);
    let job = JOB.replace("memory_mb = 512", "memory_mb = 64");
    stage.write_job("coast.toml", &format!("{job}max_per_hour = 1\n"));
    // Limited by itself, also where a cgroup might be made.
    let server = stage.serve(&["--leave-running"]);
    stage.wait_for_state("coast", "failed");
    let why = stage.life("coast")["standing"]["why"].as_str().unwrap_or_default().to_owned();
    assert!(why.contains("more memory than [resources] memory_mb lets it have"), "{why}");
    let logs = stage.stage.ok(&["job", "logs", "coast", "--server", &url_of(&server)]);
    assert!(logs.contains("memory allocation of "), "{logs}");
    server.stop_within(Signal::TERM, STOP).ok();
}

#[test]
fn a_real_cgroup_limits_a_worker_where_the_machine_lets_a_server_make_some() {
    let Some(cgroup) = Delegated::make() else { return };
    let stage = ServeStage::with_records(&["--records", "1000"]);
    let server = stage.serve(&[]);
    fs::write(cgroup.0.join("cgroup.procs"), server.pid().to_string()).unwrap();
    stage.write_job("coast.toml", JOB);
    stage.wait_for_state("coast", "running");
    let of_server = fs::read_to_string(cgroup.0.join("server/cgroup.procs")).unwrap();
    assert_eq!(of_server.trim(), server.pid().to_string());
    let mut leaves = fs::read_dir(&cgroup.0).unwrap().map(|it| it.unwrap().path());
    let leaf = leaves.find(|it| it.to_string_lossy().contains("/worker-coast")).unwrap();
    let read = |file: &str| fs::read_to_string(leaf.join(file)).unwrap().trim().to_owned();
    assert_eq!((&*read("cpu.max"), &*read("memory.max")), ("50000 100000", "536870912"));
    assert_eq!(read("cgroup.procs"), stage.worker().to_string());
    // All of its threads together take no more than half a core, and are made to wait for it.
    let used_us = || {
        let stat = read("cpu.stat");
        let of = |name: &str| -> u64 {
            let line = stat.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().parse().unwrap()
        };
        (of("usage_usec "), of("nr_throttled "))
    };
    // The clock runs longer than what it measures, on both ends.
    let began = std::time::Instant::now();
    let before = used_us();
    stage.stage.generate(&["--records", "3000000", "--pack", "50"]);
    wait_until("it is throttled", || used_us().1 > before.1 + 3);
    let used = used_us().0 - before.0;
    let most = began.elapsed().as_micros() as u64 * 6 / 10 + 200_000;
    assert!(used <= most, "{used} of {most} µs");
    server.stop_within(Signal::TERM, STOP).ok();
}
