//! A folder of job files that have environments, on a server of one of them.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use super::{ServeStage, url_of};
use crate::http::client::Client;
use crate::stage::{Running, STOP, wait_until};

const FILE: &str = "name = 'coast'\nsink = ['csv:rows-{{env}}']\nidle_timeout = '0'\n\
                    [env.test]\nwindow = '2s'\ncommit_interval = '30ms'\n[env.production]\ndescription = 'of the coast'\n";
const PLAIN: &str = "name = 'plain'\nsink = ['csv:plain']\nidle_timeout = '0'\n";

/// What the server says of a job; null while it does not know it.
fn said(server: &Running, job: &str, what: &str) -> Value {
    let address = url_of(server).trim_start_matches("http://").parse().unwrap();
    let answer = Client::new(address).get(&format!("/api/v1/jobs/{job}/{what}"));
    if answer.status == 200 { answer.json(200) } else { Value::Null }
}

fn value(server: &Running, job: &str, key: &str) -> Value {
    said(server, job, "configuration")["values"][key]["value"].take()
}

#[test]
fn a_folder_is_served_in_one_environment_and_files_without_any_as_they_are() {
    let stage = ServeStage::with_records(&["--records", "500"]);
    stage.write_job("coast.toml", FILE);
    stage.write_job("plain.toml", PLAIN);
    // Nobody has said which one counts: such a file waits, and the others do not.
    let server = stage.serve(&[]);
    stage.wait_for_state("plain", "running");
    wait_until("it is said what is missing", || {
        let said = server.stderr();
        said.contains("coast.toml") && said.contains("say which environment counts")
    });
    assert_eq!((stage.state("coast"), stage.state("coast-test")), (String::new(), String::new()));
    assert_eq!(server.stop_within(Signal::TERM, STOP).code, Some(0));

    let server = stage.serve(&["--env", "test"]);
    for job in ["coast-test", "plain"] {
        stage.wait_for_state(job, "running");
    }
    assert_eq!(value(&server, "coast-test", "window"), "2s");
    assert_eq!(stage.state("coast"), "");
    // What changes in the table of the environment changes its job.
    let started = || stage.life("coast-test")["started_ms"].clone();
    let first = started();
    stage.write_job("coast.toml", &FILE.replace("30ms", "40ms"));
    wait_until("it commits later", || value(&server, "coast-test", "commit_interval") == "40ms");
    wait_until("it works so", || started() != first && stage.state("coast-test") == "running");
    // What is said of another one does not.
    let before = started();
    stage.write_job("coast.toml", &FILE.replace("30ms", "40ms").replace("the coast", "the bay"));
    wait_until("it is a version", || said(&server, "coast-test", "versions")["newest"] == 3);
    assert_eq!((started(), stage.state("coast-test")), (before, "running".to_owned()));
    assert_eq!(server.stop_within(Signal::TERM, STOP).code, Some(0));

    // The same folder for production: the file is of another job then, with rows of its own.
    let server = stage.serve(&["--env", "production"]);
    stage.wait_for_state("coast", "running");
    wait_until("the instance of the other one is gone", || stage.state("coast-test").is_empty());
    assert_eq!(value(&server, "coast", "description"), "of the bay");
    assert_eq!(value(&server, "coast", "window"), "1s");
    wait_until("both have rows", || {
        let has_rows = |folder: &str| {
            let files = fs::read_dir(stage.stage.path(folder)).into_iter().flatten();
            files.count() > 0
        };
        has_rows("rows-test") && has_rows("rows-production")
    });
    assert_eq!(server.stop_within(Signal::TERM, STOP).code, Some(0));
}
