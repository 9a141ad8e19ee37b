//! What goes with a version that moves on to another environment: its content and variables, its author, and its test where the
//! rules are the same.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::Guarded;
use crate::http::client::Client;
use crate::stage::wait_until;

/// Both environments have the same rules.
const FILE: &str = "name = 'coast'\ndescription = 'of the {{site}} at {{place}}'\nsink = ['csv:rows-{{env}}']\n\
                    idle_timeout = '0'\n[env.test]\n[env.production]\nslots = 1\n";

const CONFIG: &str = "approval = true\n[variables]\nplace = 'bay'\n";

fn submit(by: &Client, text: &str) {
    let body = json!({ "text": text, "env": "test", "variables": { "site": "north" }, "comment": "first light" });
    by.post("/api/v1/jobs", &body.to_string()).json(201);
}

/// The newest version passed a test of its author.
fn pass_test(by: &Client, text: &str) {
    let diff = by.get("/api/v1/jobs/coast-test/diff").json(200);
    let body = json!({
        "text": text, "env": "test", "variables": { "site": "north" }, "rules": diff["rules"]["to"],
        "input": "pack.csv", "result": "0".repeat(64), "is_compared": true,
        "read": 7, "late": 1, "rejected": 0, "rows": 3,
    });
    by.post("/api/v1/jobs/coast-test/tested", &body.to_string()).json(200);
}

fn newest(guarded: &Guarded, job: &str) -> Value {
    let all = guarded.root().get(&format!("/api/v1/jobs/{job}/versions")).json(200);
    all["versions"][0].clone()
}

#[test]
fn variables_author_and_a_test_of_the_same_rules_move_on_with_a_version() {
    let guarded = Guarded::start_with(CONFIG, &[]);
    let anna = guarded.with(&guarded.token("anna", &["developer", "approver"]));
    let dora = guarded.with(&guarded.token("dora", &["developer"]));
    submit(&anna, FILE);
    pass_test(&anna, FILE);
    let promote = json!({ "to": "production", "comment": "it is fine" }).to_string();
    let told = dora.post("/api/v1/jobs/coast-test/promote", &promote).json(201);
    assert_eq!((&told["name"], &told["version"]), (&json!("coast"), &json!(1)));
    let version = newest(&guarded, "coast");
    assert_eq!(version["author"], "anna");
    assert_eq!(version["comment"], "version 1 of coast-test, promoted by dora: it is fine");
    assert_eq!(version["hash"], newest(&guarded, "coast-test")["hash"]);
    assert_eq!(version["stage"], "tested");
    assert_eq!((&version["tested"]["by"], &version["tested"]["read"]), (&json!("anna"), &json!(7)));
    let whole = guarded.root().get("/api/v1/jobs/coast/version").json(200);
    assert_eq!(whole["variables"], json!(["site"]));
    let values = guarded.root().get("/api/v1/jobs/coast/configuration").json(200)["values"].take();
    assert_eq!(values["description"]["value"], "of the north at bay");
    assert_eq!(values["slots"]["value"], 1);
    // Who wrote it approves it there as little as where it came from.
    let approve = json!({ "version": 1, "comment": "mine" }).to_string();
    let refused = anna.post("/api/v1/jobs/coast/approve", &approve);
    assert_eq!(refused.error(409), "conflict");
    assert!(refused.body.contains("anna"), "{refused:?}");
    let paul = guarded.with(&guarded.token("paul", &["approver"]));
    paul.post("/api/v1/jobs/coast/approve", &approve).json(200);
    // An older version moves on where it is asked for; what is there already is no further one.
    let again = dora.post("/api/v1/jobs/coast-test/promote", &promote).json(201);
    assert_eq!((&again["version"], &again["is_new_version"]), (&json!(1), &json!(false)));
    guarded.end();
}

#[test]
fn a_test_of_other_rules_does_not_move_on_and_neither_does_a_version_of_another_server_file() {
    let guarded = Guarded::start_with(CONFIG, &[]);
    let anna = guarded.with(&guarded.token("anna", &["developer"]));
    let other = FILE.replace("[env.test]\n", "[env.test]\nwindow = '2s'\n");
    submit(&anna, &other);
    pass_test(&anna, &other);
    assert_eq!(newest(&guarded, "coast-test")["stage"], "tested");
    let promote = json!({ "to": "production" }).to_string();
    anna.post("/api/v1/jobs/coast-test/promote", &promote).json(201);
    let version = newest(&guarded, "coast");
    assert_eq!((&version["tested"], &version["stage"]), (&Value::Null, &json!("draft")));
    // Neither an environment that the file does not have, nor a version that is not there.
    for (body, status) in [
        (json!({ "to": "nowhere" }), 400),
        (json!({ "to": "Not one" }), 400),
        (json!({ "to": "production", "version": 7 }), 404),
        (json!({ "to": "test" }), 409),
    ] {
        let answer = anna.post("/api/v1/jobs/coast-test/promote", &body.to_string());
        assert_eq!(answer.status, status, "{body}: {answer:?}");
    }
    // The server has another variable by now: what was tested would be something else there.
    let Guarded { stage, server, .. } = guarded;
    fs::write(stage.stage.path("serve.toml"), CONFIG.replace("bay", "cape")).unwrap();
    server.stop_within(Signal::TERM, crate::stage::STOP).ok();
    let guarded = Guarded::again(stage, &[]);
    let anna = guarded.with(&guarded.token("anna-2", &["developer"]));
    wait_until("its jobs are there", || anna.get("/api/v1/jobs/coast-test/versions").status == 200);
    let refused = anna.post("/api/v1/jobs/coast-test/promote", &promote);
    assert_eq!(refused.error(409), "conflict");
    assert!(refused.body.contains("submit it again"), "{refused:?}");
    guarded.end();
}
