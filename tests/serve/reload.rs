//! SIGHUP: a server reads its file again, and its jobs have other alarms and levels without a restart.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use super::webhook::Webhook;
use super::{ServeStage, url_of};
use crate::stage::{STOP, wait_until};

#[test]
fn sighup_brings_alarms_commands_and_levels_to_jobs_that_run_and_says_what_needs_a_restart() {
    let stage = ServeStage::with_records(&["--records", "500"]);
    let webhook = Webhook::start();
    let write = |text: &str| fs::write(stage.stage.path("serve.toml"), text).unwrap();
    write("[variables]\nsite = 'north'\n[defaults.logs]\nlevel = 'warn'\n");
    let job = "name = 'coast'\ndescription = 'of the {{site}}'\nsink = ['csv:rows']\n\
               idle_timeout = '0'\n[restart]\ninterval_s = 0\n";
    fs::write(stage.stage.path("coast.toml"), job).unwrap();
    let serve = ["serve", "--config", "serve.toml", "--http", "127.0.0.1:0,requests_per_s=5000"];
    let server = stage.stage.spawn(&serve);
    let url = url_of(&server);
    let ask =
        |url: &str, args: &[&str]| stage.stage.ok(&[&["job"], args, &["--server", url]].concat());
    ask(&url, &["submit", "coast.toml", "--start"]);
    stage.wait_for_state("coast", "running");
    let worker = stage.worker();
    let log = || {
        let folders = fs::read_dir(stage.stage.path("output/serve.db.workers")).unwrap();
        let read = |it: fs::DirEntry| fs::read_to_string(it.path().join("log")).unwrap_or_default();
        folders.map(|it| read(it.unwrap())).collect::<String>()
    };
    // Nobody is told anything of it yet, and it logs no lines of records.
    assert!(!log().contains("TRACE"), "{}", log());
    let newer = format!(
        "[variables]\nsite = 'south'\n[defaults]\nlateness = '1s'\n[defaults.logs]\n\
         level = 'seismic=trace'\n[defaults.alarms]\nwebhook = '{}'\ncommand = 'note'\nclear_s = 1\n\
         no_data_s = 0\ndead_letter_percent = 0\ndisk = false\n[pressure]\nhold_s = 2\n\
         [commands]\nnote = ['/bin/sh', '-c', 'cat >> noted']\n",
        webhook.url
    );
    write(&newer);
    server.signal(Signal::HUP);
    wait_until("the file is read", || server.stderr().contains("serve.toml was read again"));
    let later =
        "serve.toml: [variables], [defaults]: what has changed there counts from the next start";
    assert!(server.stderr().contains(later), "{}", server.stderr());
    stage.stage.generate(&["--records", "500"]);
    wait_until("its worker logs records", || log().contains("TRACE"));
    assert_eq!(stage.worker(), worker);
    let shown = |url: &str| -> Value {
        serde_json::from_str(&ask(url, &["show", "coast", "--json"])).unwrap()
    };
    let values = shown(&url)["values"].clone();
    assert_eq!(values["lateness"]["source"], "default", "{values}");
    assert_eq!(values["description"]["value"], "of the north", "{values}");
    assert_eq!(values["alarms.clear_s"]["value"], 1, "{values}");
    // A file with a fault changes nothing.
    write("[defaults.alarms]\nlag_s = 'x'\n");
    server.signal(Signal::HUP);
    wait_until("the fault is said", || {
        let said = server.stderr();
        said.contains("serve.toml:2: alarms.lag_s")
            && said.contains("all stays as it was read before")
    });
    stage.kill(worker);
    let is_told = || webhook.alarms().iter().any(|it| it["kind"] == "restart");
    wait_until("the webhook is told", is_told);
    wait_until("the command is told", || {
        fs::read_to_string(stage.stage.path("noted")).is_ok_and(|text| text.contains("restart"))
    });
    // The next server has them, too; the job that was submitted keeps everything else of its time.
    server.stop_within(Signal::TERM, STOP).ok();
    write(&newer.replace("clear_s = 1\n", "clear_s = 2\n"));
    let server = stage.stage.spawn(&serve);
    let values = shown(&url_of(&server))["values"].clone();
    assert_eq!(values["alarms.clear_s"]["value"], 2, "{values}");
    assert_eq!(values["description"]["value"], "of the north", "{values}");
    assert_eq!(values["lateness"]["source"], "default", "{values}");
    stage.wait_for_state("coast", "running");
    server.stop_within(Signal::TERM, STOP).ok();
}

#[test]
fn without_a_target_only_a_failure_is_an_alarm() {
    let stage = ServeStage::with_records(&["--records", "500"]);
    let job = "name = 'coast'\nsink = ['csv:rows']\nidle_timeout = '0'\n[restart]\ninterval_s = 0\n\
               max_retries = 1\n[alarms]\nclear_s = 1\n";
    stage.write_job("coast.toml", job);
    let server = stage.serve(&["--log-format", "json", "--log-file", "server.log"]);
    stage.wait_for_state("coast", "running");
    let first = stage.worker();
    stage.kill(first);
    wait_until("another worker", || stage.worker() != first);
    stage.wait_for_state("coast", "running");
    stage.kill(stage.worker());
    stage.wait_for_state("coast", "failed");
    wait_until("its failure is an alarm", || {
        server.stderr().contains("job coast: alarm failure: ")
    });
    let alarms = stage.stage.ok(&["job", "alarms", "coast", "--server", &url_of(&server)]);
    assert!(alarms.contains("coast  failure: ") && !alarms.contains("restart: "), "{alarms}");
    assert!(!server.stderr().contains("alarm restart"), "{}", server.stderr());
    // The server's own log is JSON, on stderr and in a file.
    let written = fs::read_to_string(stage.stage.path("server.log")).unwrap();
    let line = written.lines().find(|line| line.contains("alarm failure")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["level"], "warn");
    server.stop_within(Signal::TERM, STOP).ok();
}
