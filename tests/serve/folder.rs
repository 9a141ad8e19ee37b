//! A folder of job files as the desired state.

use std::fs;

use rustix::process::Signal;

use super::ServeStage;
use crate::stage::{STOP, wait_until};

const JOB: &str =
    "name = 'coast'\nsink = ['csv:rows']\nidle_timeout = '0'\n[restart]\ninterval_s = 0\n";

fn until_read(stage: &ServeStage, records: u64) {
    wait_until(&format!("{records} records read"), || {
        let done = stage.stage.run(&["status", "--json", "--job", "jobs/coast.toml"]);
        let status = || serde_json::from_str::<serde_json::Value>(&done.stdout).unwrap();
        done.code == Some(0) && status()["read"].as_u64() == Some(records)
    });
}

fn verified(stage: &ServeStage) {
    let job = ["--job", "jobs/coast.toml", "--sink", "csv:rows"];
    let text = stage.stage.ok(&[&["verify", "--complete"], &job[..]].concat());
    assert!(text.starts_with("verified: "), "{text}");
}

#[test]
fn a_killed_worker_is_started_again_and_a_killed_server_leaves_it_to_the_next_one() {
    let stage = ServeStage::with_records(&["--records", "3000"]);
    stage.write_job("coast.toml", JOB);
    let server = stage.serve(&[]);
    stage.wait_for_state("coast", "running");
    until_read(&stage, 3_000);
    // The worker dies: another one continues.
    let first = stage.worker();
    stage.kill(first);
    wait_until("another worker", || stage.worker() != first);
    stage.wait_for_state("coast", "running");
    assert_eq!(stage.life("coast")["restarts_total"], 1);
    stage.stage.generate(&["--records", "1000"]);
    until_read(&stage, 4_000);
    // The server dies: the worker works on, and the next server has it.
    let second = stage.worker();
    assert!(server.kill());
    stage.stage.generate(&["--records", "500"]);
    until_read(&stage, 4_500);
    let server = stage.serve(&[]);
    wait_until("the worker is adopted", || server.stderr().contains("adopted its worker"));
    assert_eq!(stage.worker(), second);
    assert_eq!(stage.life("coast")["restarts_total"], 1);
    // The adopted worker dies, and this server notices, too.
    stage.kill(second);
    wait_until("a third worker", || stage.worker() != second);
    stage.wait_for_state("coast", "running");
    // A stop ends all of it with its last commits; the next server starts the job again.
    assert_eq!(server.stop_within(Signal::TERM, STOP).code, Some(0));
    assert_eq!(stage.state("coast"), "draining");
    verified(&stage);
    let server = stage.serve(&[]);
    stage.stage.generate(&["--records", "500"]);
    until_read(&stage, 5_000);
    server.stop_within(Signal::TERM, STOP).ok();
    verified(&stage);
}

#[test]
fn jobs_that_read_each_other_in_a_circle_are_refused_by_the_name_of_the_circle() {
    let stage = ServeStage::with_records(&["--records", "10"]);
    let job = |name: &str, of: &str| {
        let text = format!(
            "name = '{name}'\ngroup = '{name}'\ndead_topic = '{name}-dead'\nsql = 'select a from rows'\n\
             input = {{ topic = '{of}-rows', of = '{of}', columns = {{ a = 'text' }} }}\n\
             output = {{ topic = '{name}-rows', columns = {{ a = 'text' }} }}\n"
        );
        stage.write_job(&format!("{name}.toml"), &text);
    };
    job("ratio", "alarm");
    let server = stage.serve(&[]);
    wait_until("the first one is there", || !stage.life("ratio").is_null());
    job("alarm", "ratio");
    wait_until("the circle is named", || {
        server.stderr().contains(
            "jobs would go in a circle: alarm writes alarm-rows, which ratio reads, ratio writes \
             ratio-rows, which alarm reads",
        )
    });
    assert!(stage.life("alarm").is_null());
    server.stop_within(Signal::TERM, STOP).ok();
}

#[test]
fn files_that_change_come_and_go_are_followed() {
    let stage = ServeStage::with_records(&["--records", "1000"]);
    stage.write_job("coast.toml", JOB);
    let server = stage.serve(&[]);
    stage.wait_for_state("coast", "running");
    // What is wrong is said with its line, and the job that runs is left alone.
    let worker = stage.worker();
    stage.write_job("coast.toml", &JOB.replace("'0'", "'0x'"));
    wait_until("the fault is said", || server.stderr().contains("jobs/coast.toml:3: idle_timeout"));
    // Another policy needs no other worker; other work does.
    stage.write_job("coast.toml", &format!("{JOB}max_per_hour = 3\n"));
    wait_until("the change is seen", || {
        server.stderr().contains("nothing of it needs another worker")
    });
    assert_eq!(stage.worker(), worker);
    stage.write_job("coast.toml", &format!("commit_interval = '50ms'\n{JOB}"));
    wait_until("another worker", || stage.worker() != worker);
    stage.wait_for_state("coast", "running");
    assert_eq!(stage.life("coast")["restarts_total"], 0);
    // Two jobs never write to the same folder.
    stage.write_job("other.toml", "name = 'other'\nsink = ['csv:./rows']\n");
    wait_until("the rival is named", || {
        server.stderr().contains("job other has the same file or folder")
            && server.stderr().contains("as job coast")
    });
    fs::remove_file(stage.stage.path("jobs/coast.toml")).unwrap();
    wait_until("the job is forgotten", || stage.life("coast").is_null());
    // The rival has the folder for itself now.
    stage.write_job("other.toml", "name = 'other'\nsink = ['csv:./others']\n");
    stage.wait_for_state("other", "running");
    // The same folder spelled another way has the same jobs: nothing is stopped.
    assert_eq!(server.stop_within(Signal::TERM, STOP).code, Some(0));
    let again = ["serve", "--jobs", "./jobs/../jobs", "--http", "127.0.0.1:0"];
    let server = stage.stage.spawn(&again);
    stage.wait_for_state("other", "running");
    assert!(!server.stderr().contains("no longer describes it"), "{}", server.stderr());
    server.stop_within(Signal::TERM, STOP).ok();
}

#[test]
fn a_job_that_no_retry_can_mend_fails_at_once_and_one_that_keeps_dying_when_its_budget_is_used() {
    let stage = ServeStage::with_records(&["--records", "1000"]);
    // Another window under progress: refused with the ways that are left.
    stage.write_job("coast.toml", &format!("drain = true\n{JOB}"));
    let server = stage.serve(&[]);
    stage.wait_for_state("coast", "finished");
    stage.write_job("coast.toml", &format!("window = '2s'\n{JOB}"));
    stage.wait_for_state("coast", "failed");
    let life = stage.life("coast");
    let why = life["standing"]["why"].as_str().unwrap();
    assert!(why.contains("--group") && why.contains("submit it again"), "{why}");
    assert_eq!(life["restarts_total"], 0);
    // A worker that dies again and again.
    fs::write(stage.stage.path("none"), "not a folder").unwrap();
    stage.write_job("second.toml", "name = 'second'\ngroup = 'second'\nstore = 'sqlite:none/there/x.db'\nsink = ['csv:s']\n[restart]\ninterval_s = 0\nmax_per_hour = 2\n");
    stage.wait_for_state("second", "failed");
    let life = stage.life("second");
    assert!(
        life["standing"]["last_error"].as_str().is_some_and(|it| it.contains("none")),
        "{life}"
    );
    assert!(life["restarts_total"].as_u64() <= Some(2), "{life}");
    server.stop_within(Signal::TERM, STOP).ok();
}

#[test]
fn defaults_and_connections_of_a_server_count_and_an_automatic_start_begins_from_scratch() {
    let stage = ServeStage::with_records(&["--records", "1000"]);
    let config = "[defaults.restart]\ninterval_s = 0\nrerun = 'from-scratch'\n\
                  [connection.main]\nurl = 'sqlite:output/queue.db'\n\
                  [connection.gone]\nurl = 'kafka://127.0.0.1:1'\n";
    fs::write(stage.stage.path("serve.toml"), config).unwrap();
    let job = "name = 'coast'\nqueue = 'connection:main'\nsink = ['csv:rows-{{rerun}}']\n\
               idle_timeout = '0'\n";
    stage.write_job("coast.toml", job);
    let with = ["--config", "serve.toml"];
    let shown =
        stage
            .stage
            .ok(&[&["job", "show", "jobs/coast.toml", "--var", "rerun=0"], &with[..]].concat());
    assert!(shown.contains("serve.toml:2: restart.interval_s"), "{shown}");
    assert!(shown.contains("jobs/coast.toml:2: queue (connection:main)"), "{shown}");
    let done = stage.stage.run(&["doctor", "--config", "serve.toml"]);
    assert!(done.code == Some(3), "{done}");
    assert!(
        done.stdout.contains("connection main") && done.stdout.contains("connection gone"),
        "{done}"
    );
    // Every run has places of its own.
    let server = stage.serve(&with);
    stage.wait_for_state("coast", "running");
    let has_rows = |folder: &str| {
        fs::read_dir(stage.stage.path(folder)).is_ok_and(|mut files| files.next().is_some())
    };
    wait_until("the first run has rows", || has_rows("rows-0"));
    stage.kill(stage.worker());
    wait_until("the second run has rows", || has_rows("rows-1"));
    assert!(
        server.stderr().contains("it begins from scratch as group coast-"),
        "{}",
        server.stderr()
    );
    server.stop_within(Signal::TERM, STOP).ok();
    assert_eq!(stage.life("coast")["restarts_total"], 1);
}

#[test]
fn an_automatic_start_goes_back_to_the_checkpoint_of_its_policy() {
    let stage = ServeStage::with_records(&["--records", "2000"]);
    let job = "name = 'coast'\nsink = ['console']\nidle_timeout = '0'\n[restart]\ninterval_s = 0\n";
    stage.write_job("coast.toml", job);
    let server = stage.serve(&[]);
    stage.wait_for_state("coast", "running");
    until_read(&stage, 2_000);
    let command = |args: &[&str]| stage.stage.ok(&[args, &["--job", "jobs/coast.toml"]].concat());
    command(&["checkpoint", "save", "before"]);
    // Its policy needs no other worker.
    stage.write_job("coast.toml", &format!("{job}checkpoint = 'before'\n"));
    wait_until("the change is seen", || {
        server.stderr().contains("nothing of it needs another worker")
    });
    stage.stage.generate(&["--records", "1000"]);
    until_read(&stage, 3_000);
    stage.kill(stage.worker());
    wait_until("it goes back", || server.stderr().contains("it goes back to checkpoint before"));
    wait_until("it runs again", || {
        stage.life("coast")["restarts_total"] == 1 && stage.state("coast") == "running"
    });
    until_read(&stage, 3_000);
    server.stop_within(Signal::TERM, STOP).ok();
    let text = command(&["verify", "--complete"]);
    assert!(text.contains("verified: "), "{text}");
}

#[test]
fn a_job_has_none_of_the_groups_that_runs_from_scratch_of_another_have() {
    let stage = ServeStage::with_records(&["--records", "100"]);
    let server = stage.serve(&[]);
    let scratch = "name = 'one'\ngroup = 'coast'\nsink = ['csv:rows-{{rerun}}']\n[restart]\n\
                   rerun = 'from-scratch'\n";
    stage.write_job("one.toml", scratch);
    stage.wait_for_state("one", "running");
    stage.write_job("two.toml", "name = 'two'\ngroup = 'coast-2'\nsink = ['csv:two']\n");
    wait_until("it is refused by name", || {
        server.stderr().contains("job two has the same group coast-2 on")
            && server.stderr().contains("in a run from scratch as job one")
    });
    stage.write_job("two.toml", "name = 'two'\ngroup = 'coast-b'\nsink = ['csv:two']\n");
    stage.wait_for_state("two", "running");
    server.stop_within(Signal::TERM, STOP).ok();
}
