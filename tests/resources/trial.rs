//! `seismic test` with packs and expected rows that a server keeps.

use std::fs;

use serde_json::{Value, json};

use super::{Server, served};
use crate::job::dimension::{self, USAGE};
use crate::serve::ServeStage;
use crate::stage::{Stage, wait_until};

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

#[test]
fn the_server_tries_a_job_on_its_packs_as_the_command_does_and_keeps_nothing() {
    let serve = served(Stage::new());
    let stage = &serve.stage;
    fs::write(stage.path("job.toml"), JOB).unwrap();
    // One line is no record, and one record comes too late.
    let late = pack().lines().next().unwrap().to_owned();
    let text = format!("{}nothing\n{late}\n", pack());
    fs::write(stage.path("pack.jsonl"), &text).unwrap();
    let local = ["test", "--job", "job.toml", "--input", "pack.jsonl", "--json"];
    let server = Server::start(stage);
    server.put("pack.jsonl", &text).json(200);
    let client = server.client();
    let with = |more: Value| {
        let mut body = json!({ "text": JOB, "input": ["pack.jsonl"] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        client.post("/api/v1/test", &body.to_string())
    };
    for (more, options) in [
        (json!({}), &[][..]),
        (json!({ "duplicate_percent": 20, "seed": 7 }), &["--duplicate", "20", "--seed", "7"]),
        (json!({ "drop_percent": 30, "shuffle_s": 2.5 }), &["--drop", "30", "--shuffle", "2.5"]),
        (json!({ "delay_s": { "S1": 60 } }), &["--delay", "S1=60"]),
    ] {
        let (here, there) = (with(more).json(200), stage.json(&[&local[..], options].concat()));
        // It has 20 rows, and a server shows as many as 200.
        for key in ["rows", "counts", "dead_letters", "disturbed", "rollups"] {
            assert_eq!(here[key], there[key], "{options:?}: {key}");
        }
        assert_eq!(here["input"]["records"], there["input"]["records"]);
    }
    // Expected rows are compared.
    stage.ok(&[&local[..5], &["--write-rows", "rows.csv"]].concat());
    server.put("rows.csv", &fs::read_to_string(stage.path("rows.csv")).unwrap()).json(200);
    let same = with(json!({ "expect": "rows.csv" })).json(200);
    assert_eq!(
        (&same["expected"]["equal"], &same["expected"]["differing"]),
        (&json!(20), &json!(0))
    );
    let other = with(json!({ "expect": "rows.csv", "drop_percent": 50 })).json(200);
    assert!(!other["expected"]["differences"].as_array().unwrap().is_empty(), "{other}");

    // What is wrong is said.
    for (more, why) in [
        (json!({ "input": [] }), "name 1 to 16 resources"),
        (json!({ "input": ["nothing.csv"] }), "there is no resource \"nothing.csv\""),
        (json!({ "input": ["../x"] }), "is no name of a resource"),
        (json!({ "drop_percent": 101 }), "drop_percent: it is no number from 0 to 100"),
        (json!({ "shuffle_s": -1 }), "shuffle_s: -1 is no number of seconds"),
        (
            json!({ "delay_s": { "S9": 1 } }),
            "delay of S9: no record of the input is of this sensor",
        ),
        (json!({ "tolerance": -1 }), "it is no number from 0 on"),
        (json!({ "expect": "pack.jsonl" }), "resource:pack.jsonl"),
        (json!({ "text": "window = '1s'\nwindow_s = 1\n" }), "the job file is not valid"),
        (json!({ "what": 1 }), "unknown field"),
    ] {
        let answer = with(more.clone());
        assert!(matches!(answer.status, 400 | 404), "{more}: {answer:?}");
        assert!(answer.body.replace("\\\"", "\"").contains(why), "{more}: {answer:?}");
        assert!(!answer.body.contains("serve.db"), "{answer:?}");
    }
    // Nothing stays: no job, no topic, no folder.
    assert_eq!(client.get("/api/v1/jobs").json(200)["jobs"], json!([]));
    let left = fs::read_dir(stage.path("output")).unwrap();
    for entry in left.map(|it| it.unwrap().file_name().into_string().unwrap()) {
        assert!(entry.starts_with("serve.db") && entry != "serve.db.trial", "{entry}");
    }
    server.stop();
}

const LINES: &str = r#"{"JobName":"web","UsedGB":90,"TotalGB":100,"Type":1}
{"JobName":"odd","UsedGB":1,"TotalGB":100,"Type":7}
{"JobName":"tape","UsedGB":60,"TotalGB":100,"Type":2}
"#;

/// A server, the job of docs/sql.md with a table that the server keeps, and lines.
fn of_statement() -> (ServeStage, Server) {
    let serve = served(dimension::stage());
    let job = USAGE.replace("file:thresholds.csv", "resource:thresholds.csv");
    fs::write(serve.stage.path("usage.toml"), format!("name = \"usage\"\n{job}")).unwrap();
    fs::write(serve.stage.path("lines.jsonl"), LINES).unwrap();
    let server = Server::start(&serve.stage);
    server.put("thresholds.csv", "Type,Value\n1,0.8\n2,0.5\n").json(200);
    server.put("lines.jsonl", LINES).json(200);
    (serve, server)
}

#[test]
fn a_version_whose_statement_looks_into_a_resource_is_tested_with_the_content_it_has_pinned() {
    let (serve, server) = of_statement();
    let stage = &serve.stage;
    let at = ["--server", &server.url];
    stage.ok(&[&["job", "submit", "usage.toml"], &at[..]].concat());
    let test = ["test", "--job", "usage.toml", "--input", "lines.jsonl"];
    let done = stage.run(&[&test[..], &at].concat()).ok();
    assert!(done.stdout.contains("2 gave 2 rows, 0 gave none, 1 are dead letters"), "{done}");
    assert!(done.stderr.contains("version 1 of job usage is tested"), "{done}");
    let version = server.client().get("/api/v1/jobs/usage/version").json(200);
    assert_eq!((&version["tested"]["read"], &version["tested"]["rows"]), (&json!(3), &json!(2)));
    // With another content it is no test of that version, ...
    server.put("thresholds.csv", "Type,Value\n1,0.7\n").json(200);
    let refused = stage.refused(&[&test[..], &at].concat(), 2);
    assert!(refused.contains("the contents of its resources"), "{refused}");
    // ... but of the one that is submitted with it.
    stage.ok(&[&["job", "submit", "usage.toml"], &at[..]].concat());
    let done = stage.run(&[&test[..], &at].concat()).ok();
    assert!(done.stderr.contains("version 2 of job usage is tested"), "{done}");
    // Without a server to tell, the table is fetched all the same.
    let said = stage.ok(&[&test[..], &["--resources", &server.url]].concat());
    assert!(said.contains("table Threshold (resource:thresholds.csv): version "), "{said}");
    server.stop();
}

#[test]
fn the_server_tries_a_statement_with_tables_that_it_keeps_and_reads_no_others() {
    let (serve, server) = of_statement();
    let stage = &serve.stage;
    let text = fs::read_to_string(stage.path("usage.toml")).unwrap();
    let with = |more: Value| {
        let mut body = json!({ "text": text, "input": ["lines.jsonl"] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        server.client().post("/api/v1/test", &body.to_string())
    };
    let local = ["test", "--job", "usage.toml", "--input", "lines.jsonl", "--json"];
    let there = stage.json(&[&local[..], &["--resources", &server.url]].concat());
    let here = with(json!({})).json(200);
    for key in ["rows", "counts"] {
        assert_eq!(here[key], there[key], "{key}");
    }
    assert_eq!(here["dead_letters"][0]["detail"], there["dead_letters"][0]["detail"]);
    assert_eq!(here["tables"][0]["rows"], 2);
    assert!(here["differences"].is_null(), "{here}");
    // Expected rows are compared.
    server.put("rows.jsonl", "{\"JobName\":\"web\",\"UsedRatio\":0.5}\n").json(200);
    let other = with(json!({ "expect": "rows.jsonl" })).json(200);
    let differences = other["differences"].to_string();
    assert!(differences.contains("row 1: UsedRatio is 0.9, expected 0.5"), "{other}");

    // What is wrong is said; nobody has approved that this server reads files for this job.
    let of_file = text.replace("resource:thresholds.csv", "file:thresholds.csv");
    for (more, why) in [
        (json!({ "text": of_file }), "a test here reads resources alone"),
        (json!({ "drop_percent": 3 }), "are for jobs that make windows"),
        (json!({ "expect": "thresholds.csv" }), "it is no JSON"),
        (json!({ "tolerance": -1 }), "it is no number from 0 on"),
        (json!({ "text": text.replace("a.JobName", "a.JobNam") }), "JobNam"),
    ] {
        let answer = with(more.clone());
        assert_eq!(answer.status, 400, "{more}: {answer:?}");
        assert!(answer.body.contains(why), "{more}: {answer:?}");
    }
    assert!(!stage.path("output/serve.db.trial").exists());
    server.stop();
}

#[test]
fn a_test_that_takes_too_long_is_ended_and_only_one_runs_at_a_time() {
    let serve = served(Stage::new());
    let stage = &serve.stage;
    let server = Server::start_with(stage, "trial=sleep(600000)");
    server.put("pack.jsonl", &pack()).json(200);
    let body = json!({ "text": JOB, "input": ["pack.jsonl"] }).to_string();
    let (client, body) = (&server.client(), &body);
    let ask = move || client.post("/api/v1/test", body);
    std::thread::scope(|scope| {
        let first = scope.spawn(ask);
        wait_until("a test runs", || stage.path("output/serve.db.trial").exists());
        let second = ask();
        assert_eq!(second.error(429), "too_many_requests");
        assert!(second.body.contains("another test runs"), "{second:?}");
        // The server does other things meanwhile.
        assert_eq!(client.get("/api/v1/jobs").json(200)["jobs"], json!([]));
        let first = first.join().unwrap();
        assert_eq!(first.error(400), "bad_request");
        assert!(first.body.contains("takes longer than 12 s"), "{first:?}");
    });
    assert!(!stage.path("output/serve.db.trial").exists());
    server.stop();
}
