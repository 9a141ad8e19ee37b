//! The state of a server as written by the previous version, and as a later one will write it.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use rustix::process::Signal;

use super::{ServeStage, url_of};
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
