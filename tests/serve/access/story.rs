//! A team at one server, by its commands.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::{Guarded, JOB, as_one};
use crate::stage::wait_until;

#[test]
fn one_submits_another_operates_a_third_looks_and_the_audit_log_tells_it_all() {
    let guarded = Guarded::start();
    let stage = &guarded.stage.stage;
    fs::write(stage.path("coast.toml"), JOB).unwrap();
    for (name, role) in [("anna", "developer"), ("olga", "operator"), ("vera", "viewer")] {
        let out = format!("{name}.token");
        let made = ["token", "create", name, "--role", role, "--expires", "1d", "--out", &out];
        as_one(&guarded, "root", &made).ok();
        let mode = fs::metadata(stage.path(&out)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let refused = |who: &str, args: &[&str]| {
        let done = as_one(&guarded, who, args);
        assert_eq!(done.code, Some(2), "{who} {args:?}: {done}");
        done.stderr
    };
    let submit = ["job", "submit", "coast.toml", "--comment", "first light"];
    assert!(refused("vera", &submit).contains("has the role viewer"));
    assert!(refused("olga", &submit).contains("needs the role developer or admin"));
    as_one(&guarded, "anna", &submit).ok();
    assert!(refused("anna", &["job", "start", "coast"]).contains("operator"));
    as_one(&guarded, "olga", &["job", "start", "coast"]).ok();
    guarded.stage.wait_for_state("coast", "running");
    for command in ["start", "stop", "pause", "resume", "delete"] {
        refused("vera", &["job", command, "coast"]);
    }
    refused("vera", &["job", "savepoint", "coast", "mine"]);
    refused("vera", &["job", "copy", "coast", "mine"]);
    refused("vera", &["token", "list"]);
    refused("anna", &["token", "create", "me", "--role", "admin"]);
    refused("olga", &["token", "revoke", "anna"]);
    assert!(as_one(&guarded, "vera", &["job", "list"]).ok().stdout.contains("coast"));
    assert_eq!(guarded.stage.state("coast"), "running");
    // By the variable; a file says more.
    let mut by_variable = stage.command(&["job", "stop", "coast", "--server", &guarded.url]);
    by_variable.env("SEISMIC_TOKEN", fs::read_to_string(stage.path("olga.token")).unwrap());
    assert_eq!(stage.start(by_variable).wait().code, Some(0));
    let mut nobody = stage.command(&["job", "list", "--server", &guarded.url]);
    nobody.env_remove("SEISMIC_TOKEN");
    let done = stage.start(nobody).wait();
    assert!(done.code == Some(2) && done.stderr.contains("SEISMIC_TOKEN"), "{done}");

    // Who, what, which version, and what came of it; each proved by a token.
    let has = |who: &str, action: &str, job: Option<&str>, result: &str| {
        guarded.audit("?limit=1000").iter().any(|it| {
            let is_it = it["who"] == who && it["action"] == action && it["result"] == result;
            is_it && it["job"] == json!(job) && it["is_proved"] == true && it["at_ms"].is_i64()
        })
    };
    for (who, action, job, result) in [
        ("root", "create token", None, "done"),
        ("vera", "submit", None, "forbidden"),
        ("olga", "submit", None, "forbidden"),
        ("anna", "submit", Some("coast"), "done"),
        ("anna", "start", Some("coast"), "forbidden"),
        ("olga", "start", Some("coast"), "done"),
        ("vera", "stop", Some("coast"), "forbidden"),
        ("vera", "delete", Some("coast"), "forbidden"),
        ("anna", "create token", None, "forbidden"),
        ("olga", "revoke token", None, "forbidden"),
        ("olga", "stop", Some("coast"), "done"),
    ] {
        wait_until(&format!("{who} {action} {job:?} {result}"), || has(who, action, job, result));
    }
    let started = guarded.audit("?job=coast&who=olga");
    assert!(started.iter().all(|it| it["version"] == 1), "{started:?}");
    let told = as_one(&guarded, "vera", &["job", "audit", "coast"]).ok().stdout;
    assert!(told.contains("olga") && told.contains("first light"), "{told}");
    let versions = guarded.root().get("/api/v1/jobs/coast/versions").json(200);
    assert_eq!(versions["versions"][0]["author"], "anna");
    // The list says who was there and when; a withdrawn token is gone at once.
    as_one(&guarded, "root", &["token", "revoke", "vera"]).ok();
    assert!(refused("vera", &["job", "list"]).contains("does not know this token"));
    let listed = as_one(&guarded, "root", &["token", "list"]).ok().stdout;
    let line = |name: &str| listed.lines().find(|it| it.starts_with(name)).unwrap().to_owned();
    assert!(line("vera").contains("withdrawn at"), "{listed}");
    assert!(
        line("anna").contains("developer") && line("anna").contains("counts until"),
        "{listed}"
    );
    guarded.end();
}

#[test]
fn tokens_are_made_without_a_server_and_only_while_none_runs() {
    let guarded = Guarded::start();
    let stage = &guarded.stage.stage;
    let state = ["--state", "sqlite:output/serve.db"];
    let create = [&["token", "create", "second", "--role", "admin"][..], &state].concat();
    let refused = stage.run(&create);
    assert_ne!(refused.code, Some(0));
    assert!(refused.stderr.contains("leave --state out"), "{refused}");
    let Guarded { stage: folder, server, .. } = guarded;
    server.stop_within(rustix::process::Signal::TERM, crate::stage::STOP).ok();
    let stage = &folder.stage;
    let printed = stage.run(&create).ok();
    let secret = printed.stdout.trim();
    assert!(secret.starts_with("seismic-") && !printed.stderr.contains(secret), "{printed}");
    let again = stage.run(&create);
    assert!(again.code == Some(2) && again.stderr.contains("names are used once"), "{again}");
    let listed = stage.ok(&[&["token", "list", "--json"][..], &state].concat());
    assert!(listed.contains("second") && !listed.contains(secret), "{listed}");
    stage.ok(&[&["token", "rotate", "second"][..], &state].concat());
    stage.ok(&[&["token", "revoke", "second"][..], &state].concat());
    let unknown = stage.run(&[&["token", "revoke", "third"][..], &state].concat());
    assert!(unknown.code == Some(2) && unknown.stderr.contains("no token \"third\""), "{unknown}");
    let both = ["token", "list", "--server", "http://127.0.0.1:1"];
    assert_eq!(stage.run(&[&both[..], &state].concat()).code, Some(2));
}
