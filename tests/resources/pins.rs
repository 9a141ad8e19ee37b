//! A version of a job has the content that a name had when it was submitted.

use std::fs;

use serde_json::json;

use super::{Server, contents, served};
use crate::job::dimension::{self, USAGE, measured};
use crate::job::statement::append;
use crate::serve::ServeStage;
use crate::stage::{Stage, wait_until};

fn stage() -> ServeStage {
    let stage = dimension::stage();
    let job = USAGE.replace("file:thresholds.csv", "resource:thresholds.csv");
    fs::write(stage.path("usage.toml"), format!("name = \"usage\"\n{job}")).unwrap();
    served(stage)
}

/// A command that asks the server.
fn ask(stage: &Stage, server: &Server, args: &[&str]) -> String {
    stage.ok(&[args, &["--server", &server.url]].concat())
}

/// Appends a measurement, and waits for its row with this threshold.
fn measure(stage: &Stage, name: &str, threshold: f64) {
    append(stage, &[measured(name, 1.0, 1)]);
    wait_until(&format!("{name} has the threshold {threshold}"), || {
        let done = stage.run(&["read", "demo-sink", "--group", "usage", "--format", "json"]);
        let mut lines = done.stdout.lines();
        let is_it = |line: &str| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            row["value"]["JobName"] == name && row["value"]["UsedThreshold"] == threshold
        };
        lines.any(is_it)
    });
}

#[test]
fn a_version_has_the_content_that_the_name_had_when_it_was_submitted() {
    let serve = stage();
    let stage = &serve.stage;
    // Without a server, the file is right, and cannot be run.
    stage.ok(&["job", "check", "usage.toml"]);
    let refused = stage.refused(&["run", "--job", "usage.toml", "--until-caught-up"], 2);
    assert!(refused.contains("dimension.Threshold: the resource thresholds.csv"), "{refused}");
    let server = Server::start(stage);
    let refused = stage.refused(&["job", "submit", "usage.toml", "--server", &server.url], 2);
    assert!(refused.contains("this server has no resource thresholds.csv"), "{refused}");
    assert!(refused.contains("seismic resource put"), "{refused}");

    let put = ask(stage, &server, &["resource", "put", "thresholds.csv"]);
    let first = put.trim().rsplit(' ').next().unwrap().to_owned();
    ask(stage, &server, &["job", "submit", "usage.toml", "--start"]);
    measure(stage, "a", 0.8);
    // Another content under the name is not that of the version: not while it runs, ...
    dimension::set_table(stage, "Type,Value\n1,0.25\n");
    let put = ask(stage, &server, &["resource", "put", "thresholds.csv"]);
    let second = put.trim().rsplit(' ').next().unwrap().to_owned();
    assert_eq!(contents(stage), [first.clone(), second.clone()].into());
    measure(stage, "b", 0.8);
    // ... nor when it is started again, by this server or the next one.
    ask(stage, &server, &["job", "stop", "usage"]);
    ask(stage, &server, &["job", "start", "usage"]);
    measure(stage, "c", 0.8);
    server.stop();
    let server = Server::start(stage);
    measure(stage, "d", 0.8);
    assert_eq!(server.names(), [("thresholds.csv".to_owned(), second.clone())]);

    // Pinned contents stay: versions and `job show` give name and hash.
    let versions = ask(stage, &server, &["job", "versions", "usage"]);
    assert!(
        versions.contains(&format!("resource thresholds.csv has sha256 {first}")),
        "{versions}"
    );
    let shown = ask(stage, &server, &["job", "show", "usage"]);
    assert!(shown.contains("pinned = ") && shown.contains(&first), "{shown}");
    // Submitted again, it is another version, with what the name has now.
    ask(stage, &server, &["job", "stop", "usage"]);
    ask(stage, &server, &["job", "submit", "usage.toml", "--start"]);
    measure(stage, "e", 0.25);
    let diff = ask(stage, &server, &["job", "diff", "usage", "1", "2"]);
    assert!(diff.contains("pinned: ") && diff.contains(&first) && diff.contains(&second), "{diff}");
    let delete = ["resource", "delete", "thresholds.csv", "--server", &server.url];
    let refused = stage.refused(&delete, 2);
    assert!(refused.contains("version 2 of job usage has pinned its content"), "{refused}");
    let listed = ask(stage, &server, &["resource", "list"]);
    assert!(listed.contains("thresholds.csv") && listed.contains("usage 2"), "{listed}");
    assert!(listed.contains(&second[..12]), "{listed}");
    let shown = ask(stage, &server, &["resource", "show", "thresholds.csv", "--out", "copy.csv"]);
    assert!(shown.contains(&second) && shown.contains("usage 2"), "{shown}");
    let copy = fs::read_to_string(stage.path("copy.csv")).unwrap();
    assert_eq!(copy, "Type,Value\n1,0.25\n");

    // Forgotten with its versions, the content may go.
    ask(stage, &server, &["job", "stop", "usage"]);
    let proof = stage.ok(&["verify", "--complete", "--group", "usage"]);
    assert!(proof.starts_with("verified: "), "{proof}");
    ask(stage, &server, &["job", "delete", "usage"]);
    ask(stage, &server, &["resource", "delete", "thresholds.csv"]);
    assert!(contents(stage).is_empty());
    let audit = ask(stage, &server, &["job", "audit"]);
    assert!(audit.contains("put resource") && audit.contains("delete resource"), "{audit}");
    assert!(audit.contains(&format!("resource: thresholds.csv, sha256: {second}")), "{audit}");
    server.stop();
}

#[test]
fn a_copy_and_a_draft_have_what_they_were_made_of_and_what_there_is_now() {
    let serve = stage();
    let stage = &serve.stage;
    let server = Server::start(stage);
    let first = server.put("thresholds.csv", "Type,Value\n1,0.8\n").json(200)["sha256"].take();
    ask(stage, &server, &["job", "submit", "usage.toml"]);
    let second = server.put("thresholds.csv", "Type,Value\n1,0.5\n").json(200)["sha256"].take();
    let client = server.client();
    let pinned = |job: &str| {
        let version = client.get(&format!("/api/v1/jobs/{job}/version")).json(200);
        version["resources"]["thresholds.csv"].clone()
    };
    // A copy is of the version.
    let set = json!({ "group": "'other'", "dead_topic": "'other-dead'" });
    let copy = json!({ "name": "other", "set": set });
    client.post("/api/v1/jobs/usage/copy", &copy.to_string()).json(201);
    assert_eq!((pinned("usage"), pinned("other")), (first.clone(), first));
    // A draft is submitted with what there is then; what it lacks is said before.
    let edit = json!({ "set": [{ "path": ["description"], "value": "again" }] }).to_string();
    client.ask("PUT", "/api/v1/jobs/usage/draft", &edit).json(200);
    client.post("/api/v1/jobs/usage/draft/submit", "{}").json(201);
    assert_eq!(pinned("usage"), second);
    let text = fs::read_to_string(stage.path("usage.toml")).unwrap();
    let text = text.replace("resource:thresholds.csv", "resource:nothing.csv");
    let found = client.post("/api/v1/check", &json!({ "text": text }).to_string()).json(200);
    assert!(found["faults"].to_string().contains("no resource nothing.csv"), "{found}");
    server.stop();
}
