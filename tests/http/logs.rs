//! Lines that a service writes: on stderr, in a file, in the API; and notifications to a service
//! manager.

use rustix::process::Signal;
use serde_json::Value;

use super::ServedJob;
use crate::manager::Manager;
use crate::stage::{Stage, wait_until};

#[test]
fn changes_of_state_are_logged_as_text_as_json_into_a_file_and_into_the_api() {
    let stage = Stage::with_records(&["--records", "1000"]);
    let options = ["--sink", "csv:rows", "--log-format", "json", "--log-file", "job.log"];
    let served = ServedJob::start(&stage, &options);
    served.until_ready();
    let mut lines = Value::Null;
    wait_until("a line in the API", || {
        lines = served.client.get("/api/v1/jobs/seismic/logs").json(200);
        lines.to_string().contains("job seismic is running")
    });
    assert_eq!(lines["lines"][0]["level"], "info");
    let done = served.job.stop(Signal::TERM).ok();
    let file = std::fs::read_to_string(stage.path("job.log")).unwrap();
    for text in [&done.stderr, &file] {
        let json: Vec<Value> =
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let said =
            |what: &str| json.iter().any(|line| line["message"].as_str().unwrap().contains(what));
        for what in ["is running", "assigned: 0", "is stopped"] {
            assert!(said(what), "{what}: {text}");
        }
        assert!(json.iter().all(|line| line["time"].is_string() && line["level"].is_string()));
    }
    // For people, and only what is wrong when no one asks for more.
    let text = stage.run(&["run", "--drain", "--sink", "csv:rows", "--log-format", "text"]).ok();
    assert!(text.stderr.contains("INFO job seismic is running"), "{}", text.stderr);
    std::fs::write(stage.path("job.toml"), "[logs]\nformat = \"text\"\nfile = \"b.log\"\n")
        .unwrap();
    stage.ok(&["run", "--job", "job.toml", "--drain", "--sink", "csv:rows"]);
    assert!(std::fs::read_to_string(stage.path("b.log")).unwrap().contains("is stopped"));
    let quiet = stage.run(&["run", "--drain", "--sink", "csv:rows"]).ok();
    assert!(!quiet.stderr.contains("is running"), "{}", quiet.stderr);
}

#[test]
fn a_log_file_that_cannot_be_written_is_an_error() {
    let stage = Stage::with_records(&["--records", "100"]);
    let refused = stage.refused(&["run", "--log-file", "missing/job.log"], 2);
    assert!(
        refused.contains("missing/job.log") && refused.contains("cannot be written"),
        "{refused}"
    );
}

#[test]
fn a_service_manager_is_told_that_it_runs_lives_and_ends() {
    let stage = Stage::with_records(&["--records", "1000"]);
    let manager = Manager::listen(&stage);
    let mut command = stage.command(&["run", "--sink", "csv:rows"]);
    manager.watch(&mut command);
    let job = stage.start(command);
    let until = |what: &str| manager.until(what);
    assert!(until("READY=1").contains("STATUS=running"));
    until("WATCHDOG=1");
    until("WATCHDOG=1");
    job.stop(Signal::TERM).ok();
    until("STATUS=stopped");
}
