//! A server that is process 1, as in a container: nothing outlives it, and nothing is adopted.

use std::fs;
use std::io::Write as _;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use super::ServeStage;
use crate::stage::{Running, wait_until};

const JOB: &str =
    "name = 'coast'\nsink = ['csv:rows']\nidle_timeout = '0'\n[restart]\ninterval_s = 0\n";

/// `seismic serve` as process 1 of its own process ids; none, with a loud word, where nobody may.
fn serve(stage: &ServeStage) -> Option<(Running, Pid)> {
    let of = ["--fork", "--pid", "--mount-proc", "--kill-child"];
    let may = Command::new("unshare").args(of).arg("true").output();
    if !may.is_ok_and(|done| done.status.success()) {
        // Past what the harness captures of a test that passes.
        let words =
            "SKIPPED: a server as process 1 is not tested: unshare --pid is not allowed here";
        let _ = writeln!(std::io::stderr(), "\n{words}");
        return None;
    }
    // It would leave its workers running, were it not process 1.
    let args = ["serve", "--jobs", "jobs", "--http", "127.0.0.1:0", "--leave-running"];
    let inner = stage.stage.command(&args);
    let mut command = Command::new("unshare");
    command.args(of).arg(inner.get_program()).args(inner.get_args());
    command.current_dir(stage.stage.path("")).env_remove("RUST_LOG").env("RUST_BACKTRACE", "0");
    let server = stage.stage.start(command);
    let mut first = None;
    wait_until("its process 1", || {
        let children = format!("/proc/{0}/task/{0}/children", server.pid());
        let children = fs::read_to_string(children).unwrap_or_default();
        first = children.split_whitespace().next().and_then(|pid| Pid::from_raw(pid.parse().ok()?));
        first.is_some()
    });
    Some((server, first.unwrap()))
}

#[test]
fn process_1_takes_its_workers_with_it_and_adopts_none() {
    let stage = ServeStage::with_records(&["--records", "1000"]);
    stage.write_job("coast.toml", JOB);
    let Some((server, first)) = serve(&stage) else { return };
    stage.wait_for_state("coast", "running");
    // It is killed, and with it all processes of the container: the next one starts its own.
    kill_process(first, Signal::KILL).unwrap();
    server.wait();
    wait_until("its worker is gone", || stage.left_workers().is_empty());
    stage.stage.generate(&["--records", "500"]);
    let (server, first) = serve(&stage).unwrap();
    let until_read = |records: u64| {
        wait_until(&format!("{records} records are read"), || {
            let done = stage.stage.run(&["status", "--json", "--job", "jobs/coast.toml"]);
            serde_json::from_str::<serde_json::Value>(&done.stdout)
                .is_ok_and(|status| status["read"].as_u64() == Some(records))
        });
    };
    until_read(1_500);
    assert!(!server.stderr().contains("adopted"), "{}", server.stderr());
    // It ends well, and so do all others.
    kill_process(first, Signal::TERM).unwrap();
    server.wait().ok();
    assert_eq!(stage.left_workers(), Vec::<u32>::new());
    let job = ["--job", "jobs/coast.toml", "--sink", "csv:rows"];
    let text = stage.stage.ok(&[&["verify", "--complete"], &job[..]].concat());
    assert!(text.starts_with("verified: "), "{text}");
}
