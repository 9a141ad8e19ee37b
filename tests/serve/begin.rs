//! A worker that dies while starting at a checkpoint, before its server knows about it: the next
//! one has the same order and does nothing twice.

use std::fs;
use std::process::Command;

use rustix::process::Signal;
use seismic_pipeline::failpoints as slot;
use seismic_queue::failpoints as store;
use serde_json::{Value, json};

use crate::stage::{STOP, Stage, wait_until};

/// A job of 3,000 records that has stopped at the checkpoint `end`.
fn stopped_job() -> Stage {
    let stage = Stage::with_records(&["--records", "3000"]);
    let job = "group = 'coast'\nsink = ['csv:rows']\nidle_timeout = '0'\n";
    fs::write(stage.path("coast.toml"), job).unwrap();
    stage.ok(&["run", "--quiet", "--job", "coast.toml", "--until-caught-up"]);
    stage.ok(&["checkpoint", "save", "end", "--job", "coast.toml"]);
    stage
}

/// A worker with an order to begin somewhere; it dies at a named place when one is given.
fn worker(stage: &Stage, folder: &str, job: &str, begin: &Value, dies_at: &str) -> Command {
    let text = fs::read_to_string(stage.path(job)).unwrap();
    let order = json!({
        "version": 1, "name": "it", "job": { "text": text, "file": job }, "begin": begin,
    });
    fs::create_dir_all(stage.path(folder)).unwrap();
    fs::write(stage.path(folder).join("order.json"), order.to_string()).unwrap();
    let mut command = stage.command(&["worker", folder]);
    if !dies_at.is_empty() {
        command.env("FAILPOINTS", format!("{dies_at}->return(abort)"));
    }
    command
}

fn read(stage: &Stage, job: &str) -> Option<u64> {
    let done = stage.run(&["status", "--json", "--job", job]);
    let status: Value = serde_json::from_str(&done.stdout).ok()?;
    status["read"].as_u64()
}

/// The order is done by a worker that dies there and another one; the job has read all of it then.
fn dies_and_goes_on(stage: &Stage, (folder, job): (&str, &str), begin: &Value, dies_at: &str) {
    let done = stage.start(worker(stage, folder, job, begin, dies_at)).wait();
    assert!(done.code != Some(0) && done.stderr.is_empty(), "{dies_at}: {done}");
    assert!(read(stage, job).is_some_and(|read| read > 0), "{dies_at}: it had begun");
    let worker = stage.start(worker(stage, folder, job, begin, ""));
    let all_is_read = || read(stage, job) == Some(3_500);
    wait_until(&format!("after {dies_at}, all is read"), all_is_read);
    worker.stop_within(Signal::TERM, STOP).ok();
}

#[test]
fn a_fork_whose_worker_dies_before_its_first_report_is_made_once() {
    let stage = stopped_job();
    stage.generate(&["--records", "500"]);
    let places = [format!("{}=0*off", store::COMMIT_AFTER), format!("{}=1*off", slot::AFTER_STEP)];
    for (number, place) in places.iter().enumerate() {
        let (group, job) = (format!("fork{number}"), format!("fork{number}.toml"));
        let text = format!("group = '{group}'\nsink = ['csv:{group}']\nidle_timeout = '0'\n");
        fs::write(stage.path(&job), text).unwrap();
        let parent = fs::read_dir(stage.path("output")).unwrap().flatten().find_map(|it| {
            let name = it.file_name().into_string().unwrap();
            (name.contains("coast") && name.ends_with(".db")).then_some(name)
        });
        let of_store = format!("sqlite:output/{}", parent.unwrap());
        let begin = json!({ "from_checkpoint": "end", "of_store": of_store });
        dies_and_goes_on(&stage, (&group, &job), &begin, place);
        let sink = format!("csv:{group}");
        let proved = stage.ok(&["verify", "--complete", "--job", &job, "--sink", &sink]);
        assert!(proved.contains("verified: "), "{proved}");
    }
}

#[test]
fn a_return_to_a_checkpoint_is_made_once_although_its_sink_has_newer_rows() {
    let stage = stopped_job();
    stage.generate(&["--records", "3000"]);
    let begin = json!({ "from_checkpoint": "end" });
    let worker = || stage.start(worker(&stage, "worker", "coast.toml", &begin, ""));
    let until_read = |records| {
        wait_until(&format!("{records} are read"), || read(&stage, "coast.toml") == Some(records));
    };
    let verified = || {
        let args = ["verify", "--complete", "--job", "coast.toml", "--sink", "csv:rows"];
        stage.run(&args).stdout.contains("verified: ")
    };
    let first = worker();
    until_read(6_000);
    wait_until("the sink has the rows", verified);
    first.kill();
    // Going back there again would take rows back that the folder has, and it would take no more.
    stage.generate(&["--records", "500"]);
    let second = worker();
    until_read(6_500);
    second.stop_within(Signal::TERM, STOP).ok();
    assert!(verified());
}
