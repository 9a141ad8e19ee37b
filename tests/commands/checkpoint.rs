//! `seismic checkpoint`: naming, inspecting and deleting checkpoints.

use rustix::process::Signal;
use serde_json::Value;

use crate::stage::Stage;
use crate::truth::int;

fn list(stage: &Stage) -> Vec<Value> {
    stage.json(&["checkpoint", "list", "--json"]).as_array().unwrap().clone()
}

fn named<'a>(list: &'a [Value], name: &str) -> Vec<&'a Value> {
    let has = |one: &&Value| one["names"].as_array().unwrap().contains(&name.into());
    list.iter().filter(has).collect()
}

#[test]
fn a_running_job_takes_a_checkpoint_when_it_is_asked_for_one() {
    let stage = Stage::with_records(&[]);
    let job = stage.spawn(&["run"]);
    stage.wait_for_job(|status| int(status, "lag") == 0);
    let saved = stage.json(&["checkpoint", "save", "quake", "--json"]);
    assert_eq!(saved["name"], "quake");
    let all = list(&stage);
    let named = named(&all, "quake");
    let positions: u64 = named.iter().map(|one| int(one, "position")).sum();
    assert_eq!((named.len(), positions), (4, 3_000));
    let partitions = saved["partitions"].as_array().unwrap();
    for (saved, named) in partitions.iter().zip(&named) {
        assert_eq!((&saved["number"], &saved["position"]), (&named["number"], &named["position"]));
    }
    let again = stage.refused(&["checkpoint", "save", "quake"], 2);
    assert!(again.contains("has a checkpoint named \"quake\" already"), "{again}");
    job.stop(Signal::TERM).ok();
    stage.verify(&[]);
}

#[test]
fn a_job_that_does_not_answer_in_time_is_named_with_its_partitions() {
    let stage = Stage::with_records(&[]);
    let job = stage.spawn(&["run"]);
    stage.wait_for_job(|status| int(status, "lag") == 0);
    job.signal(Signal::STOP);
    let late = stage.refused(&["checkpoint", "save", "quake", "--timeout", "1"], 1);
    assert!(late.contains("partition 0, 1, 2, 3 had not taken checkpoint \"quake\""), "{late}");
    job.signal(Signal::CONT);
    job.stop(Signal::TERM).ok();
    assert_eq!(named(&list(&stage), "quake").len(), 0, "it was taken back");
    assert!(stage.json(&["checkpoint", "save", "quake", "--json"])["name"] == "quake");
}

#[test]
fn the_newest_checkpoint_of_a_stopped_job_is_named_shown_and_deleted() {
    let stage = Stage::with_records(&["--anomaly-percent", "20"]);
    stage.ok(&["run", "--until-caught-up"]);
    let text = stage.ok(&["checkpoint", "save", "before-the-quake"]);
    assert!(text.starts_with("saved before-the-quake\n"), "{text}");
    stage.generate(&["--records", "250"]);
    stage.ok(&["run", "--drain"]);

    let status = stage.status();
    let shown = stage.json(&["checkpoint", "show", "before-the-quake", "--json"]);
    let shown = shown.as_array().unwrap();
    let sum = |field: &str| shown.iter().map(|one| int(one, field)).sum::<u64>();
    assert_eq!(sum("position"), 3_000);
    assert_eq!(sum("read"), 3_000);
    assert_eq!(sum("closed") + sum("open") + sum("late") + sum("rejected"), 3_000);
    for one in shown {
        assert!(one["whole"] == true && one["log_reaches_it"] == true, "{one}");
        assert_eq!(one["rules"], status["partitions"][0]["rules"]);
    }
    let text = stage.ok(&["checkpoint", "show", "before-the-quake"]);
    assert!(text.ends_with("a job can start from \"before-the-quake\"\n"), "{text}");
    let text = stage.ok(&["checkpoint", "list"]);
    assert!(text.contains("newest, before-the-quake\n"), "{text}");

    stage.ok(&["checkpoint", "delete", "before-the-quake"]);
    assert_eq!(named(&list(&stage), "before-the-quake").len(), 0);
    stage.refused(&["checkpoint", "show", "before-the-quake"], 2);
    stage.refused(&["checkpoint", "delete", "before-the-quake"], 2);
    stage.refused(&["checkpoint", "show", "99"], 2);
    stage.refused(&["checkpoint", "save", "12"], 2);
}

#[test]
fn as_many_of_the_newest_are_kept_as_the_job_says_and_named_ones_beside_them() {
    let stage = Stage::with_records(&[]);
    // Of the first partition, where a checkpoint is made by each run that reads something there.
    let kept = |all: &[Value], class: &str| {
        let is_it = |one: &&Value| int(one, "partition") == 0 && one["kept_as"] == *class;
        all.iter().filter(is_it).count()
    };
    let run = |args: &[&str]| {
        stage.generate(&["--records", "400"]);
        stage.ok(&[&["run", "--until-caught-up"], args].concat());
    };
    run(&[]);
    stage.ok(&["checkpoint", "save", "first"]);
    (0..5).for_each(|_| run(&["--checkpoints-kept", "3"]));
    let all = list(&stage);
    assert_eq!(kept(&all, "newest"), 3);
    let first = named(&all, "first");
    assert!(first.len() == 4 && first[0]["kept_as"] != "newest", "{first:?}");
    // What it says later counts from its next checkpoint on.
    (0..2).for_each(|_| run(&["--checkpoints-kept", "40"]));
    assert!(kept(&list(&stage), "newest") >= 5);
    stage.verify(&[]);
}
