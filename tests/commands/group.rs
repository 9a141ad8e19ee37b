//! `seismic group`, and the warning that names the holder of a log.

use rustix::process::Signal;

use crate::stage::{DATA, Stage, wait_until};
use crate::truth::int;

/// A log of 3,000 records appended two hours ago, of which a minute is to be kept; the group
/// `stuck` has read some hundred and needs the rest.
fn stuck() -> Stage {
    let stage = Stage::new();
    let mut generate = stage.command(&["generate", "--start", "2026-01-01T00:00:00Z"]);
    generate.env("FAILPOINTS", "wall-clock=return(-7200000)");
    stage.start(generate).wait().ok();
    stage.ok(&["run", "--group", "stuck", "--max-records", "100", "--slots", "1"]);
    stage.ok(&["retention", DATA, "--max-age-ms", "60000"]);
    stage
}

#[test]
fn status_and_the_running_service_name_who_keeps_the_log_and_how_to_let_go() {
    let stage = stuck();
    let text = stage.ok(&["status", "--group", "stuck"]);
    let release = text.split_once("--release '").unwrap().1.split('\'').next().unwrap().to_owned();
    assert!(release.starts_with("stuck (") && text.contains("120 min old"), "{text}");
    let status = stage.json(&["status", "--group", "stuck", "--json"]);
    assert_eq!(status["pinned"][0]["holder"], release.as_str());
    assert!(int(&status["pinned"][0], "bytes") > 0);

    let service = stage.spawn(&["run"]);
    wait_until("the alarm", || service.stderr().contains(&format!("{release} holds ")));
    service.stop(Signal::TERM).ok();
    stage.ok(&["retention", DATA, "--release", &release]);
    assert_eq!(stage.status()["pinned"].as_array().unwrap().len(), 0);
}

#[test]
fn groups_are_listed_and_one_that_is_over_is_deleted_with_what_it_holds() {
    let stage = stuck();
    let service = stage.spawn(&["run"]);
    stage.wait_for_job(|status| int(status, "lag") == 0);
    let listed = || stage.json(&["group", "list", "--json"]);
    let list = listed();
    let of = |group: &str| {
        let holds = list["holds"].as_array().unwrap();
        let is_of = |hold: &&serde_json::Value| {
            hold["holder"].as_str().unwrap().starts_with(&format!("{group} ("))
        };
        holds.iter().find(is_of).unwrap_or_else(|| panic!("{list}")).clone()
    };
    assert!(int(&of("stuck"), "messages") > 1_000 && int(&of("stuck"), "oldest_ms") > 7_000_000);
    assert!(of("stuck")["home"].as_str().unwrap().contains("queue.stuck.home.db"));
    assert!(of("seismic")["home"].as_str().unwrap().contains("run by process"));
    let text = stage.ok(&["group", "list"]);
    assert!(text.contains("stuck (") && text.contains(DATA), "{text}");

    let running = stage.refused(&["group", "delete", "seismic", "--yes"], 4);
    assert!(running.contains("is owned by process"), "{running}");
    let unsure = stage.refused(&["group", "delete", "stuck"], 2);
    assert!(unsure.contains("--yes"), "{unsure}");
    assert!(stage.path("output/queue.stuck.home.db").exists());

    stage.ok(&["group", "delete", "stuck", "--yes"]);
    assert!(!stage.path("output/queue.stuck.home.db").exists());
    assert!(stage.path("output/queue.seismic.home.db").exists());
    let left = listed();
    assert_eq!(left["holds"].as_array().unwrap().len(), 1, "{left}");
    stage.refused(&["group", "delete", "stuck", "--yes"], 2);
    service.stop(Signal::TERM).ok();
    stage.verify(&[]);
}

#[test]
fn holds_of_a_store_that_was_deleted_by_hand_are_let_go_of_by_the_name_of_the_group() {
    let stage = stuck();
    std::fs::remove_file(stage.path("output/queue.stuck.home.db")).unwrap();
    let list = stage.json(&["group", "list", "--json"]);
    assert!(list["holds"][0]["home"].is_null(), "{list}");
    stage.ok(&["group", "delete", "stuck", "--yes"]);
    let list = stage.json(&["group", "list", "--json"]);
    assert_eq!(list["holds"].as_array().unwrap().len(), 0);
}

#[test]
fn a_group_outside_kafka_has_nothing_to_repair_and_is_told_so() {
    let stage = Stage::new();
    stage.ok(&["generate"]);
    let missing = stage.refused(&["group", "repair", "seismic"], 2);
    assert!(missing.contains("queue.seismic.home.db"), "{missing}");
    stage.ok(&["run", "--drain", "--quiet"]);
    let said = stage.ok(&["group", "repair", "seismic"]);
    assert!(said.contains("there is nothing to repair"), "{said}");
}
