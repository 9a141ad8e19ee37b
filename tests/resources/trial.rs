//! `seismic test` with packs and expected rows that a server keeps.

use std::fs;

use serde_json::json;

use super::{Server, served};
use crate::stage::Stage;

const JOB: &str = "name = 'coast'\nwindow = '1s'\nlateness = '500ms'\nidle_timeout = '0ms'\nsink = ['csv:rows']\n";

/// Two sensors, ten records a second for ten seconds.
fn pack() -> String {
    let record = |at: i64, sensor: &str| {
        json!({ "sensor_id": sensor, "collect_timestamp": 1_600_000_000_000 + at * 100,
                "longitude": -98.0, "latitude": 16.5, "seismic_amplitude": at % 7 })
        .to_string()
    };
    (0..100).flat_map(|at| ["S1", "S2"].map(|sensor| record(at, sensor) + "\n")).collect()
}

#[test]
fn packs_and_expected_rows_are_fetched_from_the_server_and_told_with_their_hashes() {
    let serve = served(Stage::new());
    let stage = &serve.stage;
    fs::write(stage.path("job.toml"), JOB).unwrap();
    fs::write(stage.path("pack.jsonl"), pack()).unwrap();
    let local = ["test", "--job", "job.toml", "--input", "pack.jsonl"];
    stage.ok(&[&local[..], &["--write-rows", "rows.csv"]].concat());
    let server = Server::start(stage);
    let at = ["--server", &server.url];
    let hash =
        stage.ok(&[&["resource", "put", "pack.jsonl", "--name", "p.jsonl"], &at[..]].concat());
    let hash = hash.trim().rsplit(' ').next().unwrap().to_owned();
    stage.ok(&[&["resource", "put", "rows.csv"], &at[..]].concat());
    stage.ok(&[&["job", "submit", "job.toml"], &at[..]].concat());
    fs::remove_file(stage.path("pack.jsonl")).unwrap();
    fs::remove_file(stage.path("rows.csv")).unwrap();

    let kept = ["test", "--job", "job.toml", "--input", "resource:p.jsonl"];
    let expect = ["--expect", "resource:rows.csv"];
    let from = ["--resources", &server.url];
    let said = stage.ok(&[&kept[..], &expect, &from].concat());
    assert!(said.contains("read 200 records"), "{said}");
    // With --server the result is reported to the server too.
    let done = stage.run(&[&kept[..], &expect, &at].concat()).ok();
    assert!(done.stderr.contains("version 1 of job coast is tested"), "{done}");
    let version = server.client().get("/api/v1/jobs/coast/version").json(200);
    let input = version["tested"]["input"].as_str().unwrap();
    assert_eq!(input, format!("resource:p.jsonl (sha256 {hash})"));

    // What differs is said as with files, and what is not there by its name.
    server.put("rows.csv", "sensor_id\nS1\n").json(200);
    stage.refused(&[&kept[..], &expect, &from].concat(), 3);
    let nothing = ["test", "--job", "job.toml", "--input", "resource:nothing.jsonl"];
    let refused = stage.refused(&[&nothing[..], &from].concat(), 2);
    assert!(refused.contains("there is no resource \"nothing.jsonl\""), "{refused}");
    let strange = ["test", "--job", "job.toml", "--input", "resource:../x"];
    let refused = stage.refused(&[&strange[..], &from].concat(), 2);
    assert!(refused.contains("is no name of a resource"), "{refused}");
    server.stop();
}
