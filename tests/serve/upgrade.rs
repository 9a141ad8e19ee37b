//! The state of a server as written by the previous version, and as a later one will write it.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::json;

use super::{ServeStage, url_of};
use crate::http::client::Client;
use crate::stage::{STOP, wait_until};

#[test]
fn the_state_of_the_layout_before_is_taken_over_and_that_of_a_later_one_refused() {
    let stage = ServeStage::with_records(&["--records", "500"]);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/serve/layout-1.sql");
    let path = stage.stage.path("output/serve.db");
    let db = Connection::open(&path).unwrap();
    db.execute_batch(&fs::read_to_string(file).unwrap()).unwrap();
    drop(db);
    // The job is in the state; its server was ended with it, and this one starts it again.
    let server = stage.stage.spawn(&["serve", "--http", "127.0.0.1:0"]);
    let url = url_of(&server);
    stage.wait_for_state("coast", "running");
    let job = |args: &[&str]| stage.stage.ok(&[&["job"], args, &["--server", &url]].concat());
    let shown = job(&["alarms", "coast"]);
    assert!(shown.contains("no_data: it has read nothing for 1 s"), "{shown}");
    wait_until("what was not delivered is tried again", || {
        job(&["alarms"]).contains("not delivered to webhook at 127.0.0.1:1 (waiting, 3 tries)")
            || job(&["alarms"]).contains("waiting, 4 tries")
    });
    server.stop_within(Signal::TERM, STOP).ok();
    let text = stage.stage.ok(&[
        "verify",
        "--complete",
        "--store",
        "sqlite:output/coast.db",
        "--group",
        "coast-23c075",
        "--sink",
        "csv:rows",
    ]);
    assert!(text.contains("verified: "), "{text}");
    // A later version has written it.
    let db = Connection::open(&path).unwrap();
    let layout: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    db.pragma_update(None, "user_version", layout + 1).unwrap();
    drop(db);
    let before = fs::read(&path).unwrap();
    let refused = stage.stage.refused(&["serve", "--http", "127.0.0.1:0"], 2);
    assert!(refused.contains(&format!("has layout {}", layout + 1)), "{refused}");
    assert!(refused.contains("use the newer version of seismic that wrote it"), "{refused}");
    assert_eq!(fs::read(&path).unwrap(), before, "and left as it is");
}

/// The token of the admin in the state of layout 5, whose hash is there.
const ROOT: &str = "seismic-FdedRM7fbZ_eglSSvgWX1cu_19b1kbKg5MZjTZ7iuLU";

#[test]
fn versions_of_layout_5_are_drafts_that_their_authors_submit_again_before_they_are_approved() {
    let stage = ServeStage::with_records(&["--records", "10"]);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/serve/layout-5.sql");
    fs::create_dir_all(stage.stage.path("output")).unwrap();
    let db = Connection::open(stage.stage.path("output/serve.db")).unwrap();
    db.execute_batch(&fs::read_to_string(file).unwrap()).unwrap();
    drop(db);
    fs::write(stage.stage.path("serve.toml"), "approval = true\n").unwrap();
    let server = stage.stage.spawn(&["serve", "--http", "127.0.0.1:0", "--config", "serve.toml"]);
    let address = url_of(&server).trim_start_matches("http://").parse().unwrap();
    let client = Client::new(address);
    let with = |token: &str| client.with("Authorization", &format!("Bearer {token}"));
    let root = with(ROOT);
    let anna = json!({ "name": "anna", "roles": ["developer", "approver"] }).to_string();
    let anna = root.post("/api/v1/tokens", &anna).json(201)["token"].take();
    let anna = with(anna.as_str().unwrap());
    let versions = || root.get("/api/v1/jobs/coast/versions").json(200);
    let before = versions();
    let stages: Vec<_> =
        before["versions"].as_array().unwrap().iter().map(|it| &it["stage"]).collect();
    assert_eq!(stages, ["draft", "draft"]);
    assert_eq!(root.get("/api/v1/jobs/coast/configuration").json(200)["version"], 2);
    let draft = root.get("/api/v1/jobs/coast/draft").json(200);
    assert_eq!((&draft["draft"]["revision"], &draft["draft"]["base"]), (&json!(1), &json!(2)));
    let approve = |version: u64| {
        let body = json!({ "version": version, "comment": "read it", "untested": true });
        anna.post("/api/v1/jobs/coast/approve", &body.to_string())
    };
    let refused = approve(2);
    assert!(refused.body.contains("nobody has proved who submitted version 2"), "{refused:?}");
    let text = root.get("/api/v1/jobs/coast/version").json(200)["text"].take();
    let submitted = root.post("/api/v1/jobs", &json!({ "text": text }).to_string()).json(201);
    assert_eq!((&submitted["version"], &submitted["is_new_version"]), (&json!(3), &json!(true)));
    assert_eq!(approve(3).json(200)["stage"], "approved");
    assert_eq!(versions()["versions"][0]["hash"], before["versions"][0]["hash"]);
    server.stop_within(Signal::TERM, STOP).ok();
}
