//! `max_parallelism` against the partitions that the input really has: at the submission, at a start,
//! and in the worker.

use std::fs;

use rustix::process::Signal;

use super::{ServeStage, url_of};
use crate::stage::{STOP, Stage, wait_until};

#[test]
fn more_parallelism_than_partitions_is_refused_wherever_the_queue_can_be_asked() {
    let stage = ServeStage { stage: Stage::new() };
    let server = stage.stage.spawn(&["serve", "--http", "127.0.0.1:0,requests_per_s=5000"]);
    let url = url_of(&server);
    let job = |args: &[&str]| stage.stage.run(&[&["job"], args, &["--server", &url]].concat());
    let write = |name: &str, topic: &str| {
        let text = format!(
            "name = '{name}'\ntopic = '{topic}'\nmax_parallelism = 8\nsink = ['csv:{name}']\n"
        );
        fs::write(stage.stage.path(&format!("{name}.toml")), text).unwrap();
    };
    // Nobody has made the topic yet: that is said, and is no fault.
    write("coast", "coast");
    let done = job(&["submit", "coast.toml"]).ok();
    let words =
        "warning: max_parallelism: 8: whether topic coast has as many partitions is not known";
    assert!(done.stderr.contains(words), "{done}");
    write("waits", "coast");
    job(&["submit", "waits.toml", "--start"]).ok();
    stage.stage.generate(&["--records", "100", "--topic", "coast"]);
    // What waited for it fails, what is to start now is refused, and so is what is submitted now.
    let too_many = "8 is more than the 4 partitions of topic coast";
    wait_until("the job that waited has failed", || {
        let life = stage.life("waits");
        life["standing"]["state"] == "failed"
            && life["standing"]["why"].as_str().unwrap().contains(too_many)
    });
    let done = job(&["start", "coast"]);
    assert!(done.code == Some(2) && done.stderr.contains(too_many), "{done}");
    write("late", "coast");
    let done = job(&["submit", "late.toml"]);
    assert!(done.code == Some(2) && done.stderr.contains(too_many), "{done}");
    let done = job(&[
        "copy",
        "coast",
        "other",
        "--set",
        "max_parallelism=5",
        "--set",
        "sink=['csv:other']",
    ]);
    assert!(done.code == Some(2) && done.stderr.contains("5 is more than the 4"), "{done}");
    let fits = ["--set", "max_parallelism=4", "--set", "sink=['csv:other']", "--start"];
    job(&[&["copy", "coast", "other"], &fits[..]].concat()).ok();
    stage.wait_for_state("other", "running");
    server.stop_within(Signal::TERM, STOP).ok();
}
