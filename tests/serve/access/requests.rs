//! Tokens that are asked for by whoever has none: granted, refused and taken back, and what is tried with
//! that.

use std::fs;
use std::time::Instant;

use serde_json::{Value, json};

use super::{Guarded, JOB, as_one};
use crate::http::client::{Answer, Client};
use crate::stage::wait_until;

const ALL: &str = "/api/v1/token-requests";
const OWN: &str = "/api/v1/token-requests/own";

/// Asks until it is not too soon.
fn ask(by: &Client, wanted: &Value) -> Answer {
    let mut answer = None;
    wait_until("another token may be asked for", || {
        let now = by.post(ALL, &wanted.to_string());
        let is_answer = now.status != 429;
        answer = Some(now);
        is_answer
    });
    answer.unwrap()
}

fn wanted(name: &str, role: &str) -> Value {
    json!({ "name": name, "roles": [role], "why": "to look" })
}

fn decide(by: &Client, number: &Value, what: &str, body: &Value) -> Answer {
    by.post(&format!("{ALL}/{number}/{what}"), &body.to_string())
}

fn delete(by: &Client, path: &str) -> Answer {
    by.with("X-Seismic-Request", "1").ask("DELETE", path, "")
}

#[test]
fn a_token_is_asked_for_granted_refused_and_given_up_by_commands_and_the_audit_log_tells_it() {
    let guarded = Guarded::start();
    let stage = &guarded.stage.stage;
    guarded.submit(JOB);
    guarded.submit(&JOB.replace("coast", "northern").replace("rows", "northern-rows"));
    let request = |name: &str, why: &str| {
        let out = format!("{name}.token");
        let args = [
            "token",
            "request",
            name,
            "--role",
            "developer",
            "--jobs",
            "coast*",
            "--why",
            why,
            "--out",
            &out,
            "--server",
            &guarded.url,
        ];
        let mut done = None;
        wait_until("another token may be asked for", || {
            let _ = fs::remove_file(stage.path(&out));
            let mut command = stage.command(&args);
            command.env_remove("SEISMIC_TOKEN").env("SEISMIC_USER", "a.smith");
            let now = stage.start(command).wait();
            let is_made = now.code == Some(0);
            done = Some(now);
            is_made
        });
        let secret = fs::read_to_string(stage.path(&out)).unwrap().trim().to_owned();
        (done.unwrap(), secret)
    };
    let (done, secret) = request("anna", "to submit windows of the coast");
    assert!(done.stderr.contains("request 1 waits") && !done.stderr.contains(&secret), "{done}");
    // It counts for nothing but itself.
    let refused = as_one(&guarded, "anna", &["job", "list"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("request 1, which is not granted"), "{refused}");
    let own = as_one(&guarded, "anna", &["token", "requests", "--own"]).ok().stdout;
    assert!(own.contains("anna") && !own.contains("granted"), "{own}");

    let waits = as_one(&guarded, "root", &["token", "requests"]).ok().stdout;
    for part in ["anna", "developer, jobs coast*", "by a.smith: to submit windows of the coast"] {
        assert!(waits.contains(part), "{part}: {waits}");
    }
    let grant = ["token", "grant", "1", "--comment", "she is new here"];
    assert_eq!(as_one(&guarded, "anna", &grant).code, Some(2), "nobody grants their own");
    as_one(&guarded, "root", &grant).ok();
    let list = as_one(&guarded, "anna", &["job", "list"]).ok().stdout;
    assert!(list.contains("coast") && !list.contains("northern"), "{list}");
    assert_eq!(as_one(&guarded, "anna", &["job", "start", "coast"]).code, Some(2));

    request("bert", "me too");
    as_one(&guarded, "root", &["token", "refuse", "2", "--comment", "ask anna"]).ok();
    let told = as_one(&guarded, "bert", &["token", "requests", "--own"]).ok().stdout;
    assert!(told.contains("refused at") && told.contains("by root: ask anna"), "{told}");
    assert_eq!(as_one(&guarded, "bert", &["job", "list"]).code, Some(2));
    request("carl", "for the night");
    as_one(&guarded, "carl", &["token", "withdraw"]).ok();
    let gone = as_one(&guarded, "carl", &["token", "requests", "--own"]);
    assert!(gone.stderr.contains("does not know this token"), "{gone}");
    let done = as_one(&guarded, "root", &["token", "requests", "--done"]).ok().stdout;
    let line = |name: &str| {
        let is_its = |it: &&str| it.split_whitespace().nth(1) == Some(name);
        done.lines().find(is_its).unwrap().to_owned()
    };
    assert!(line("anna").contains("granted at"), "{done}");
    assert!(line("bert").contains("refused at") && line("carl").contains("withdrawn at"), "{done}");
    assert!(as_one(&guarded, "root", &["token", "requests"]).ok().stdout.is_empty());

    // Whoever has a token gives it up; an admin revokes another one.
    as_one(&guarded, "anna", &["token", "withdraw"]).ok();
    assert_eq!(as_one(&guarded, "anna", &["job", "list"]).code, Some(2));
    let tokens = as_one(&guarded, "root", &["token", "list"]).ok().stdout;
    let anna = tokens.lines().find(|it| it.starts_with("anna")).unwrap();
    assert!(anna.contains("withdrawn at"), "{tokens}");
    tells_it_all(&guarded);
    // The secret is nowhere but with whom asked.
    let audit = Value::from(guarded.audit("?limit=1000")).to_string();
    let shown = guarded.root().get(&format!("{ALL}?state=done")).body
        + &guarded.root().get("/api/v1/tokens").body;
    assert!(![&audit, &shown, &guarded.server.stderr()].iter().any(|it| it.contains(&secret)));
    for entry in fs::read_dir(stage.path("output")).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(secret.len()).any(|it| it == secret.as_bytes()));
    }
    guarded.end();
}

/// Who, what, and what came of it.
fn tells_it_all(guarded: &Guarded) {
    let has = |who: &str, is_proved: bool, action: &str, detail: &[&str]| {
        guarded.audit("?limit=1000").iter().any(|it| {
            let says = it["detail"].as_str().unwrap();
            let is_it = it["who"] == who && it["action"] == action && it["result"] == "done";
            is_it && it["is_proved"] == is_proved && detail.iter().all(|part| says.contains(part))
        })
    };
    for (who, is_proved, action, detail) in [
        ("a.smith", false, "request token", &["name: anna", "why: to submit windows"][..]),
        (
            "root",
            true,
            "grant token",
            &["request: 1", "comment: she is new", "name: anna", "developer"],
        ),
        ("root", true, "refuse token", &["request: 2", "comment: ask anna", "name: bert"]),
        ("request 3", false, "withdraw token", &[]),
        ("anna", true, "withdraw token", &[]),
    ] {
        wait_until(&format!("{who} {action}"), || has(who, is_proved, action, detail));
    }
}

#[test]
fn a_request_gives_nothing_before_it_is_granted_and_no_name_is_anybodys_by_it() {
    let guarded = Guarded::start();
    guarded.submit(JOB);
    let (nobody, root) = (guarded.nobody(), guarded.root());
    // As who is there already; that is not said to strangers.
    let asked = ask(&nobody, &wanted("root", "admin")).json(201);
    let number = asked["request"]["id"].clone();
    let waits = guarded.with(asked["token"].as_str().unwrap());
    let me = waits.get("/api/v1/whoami").json(200);
    assert_eq!((&me["roles"], &me["may"]), (&json!([]), &json!(["own"])));
    assert_eq!(
        (&me["who"], &me["is_proved"]),
        (&json!(format!("request {number}")), &json!(false))
    );
    for path in ["/api/v1/jobs", "/api/v1/tokens", ALL, "/metrics", "/api/v1/events?count=1"] {
        assert_eq!(waits.get(path).error(403), "forbidden", "{path}");
    }
    assert_eq!(
        decide(&waits, &number, "grant", &json!({ "comment": "me" })).error(403),
        "forbidden"
    );
    for client in [&nobody, &guarded.with("seismic-wrong")] {
        assert_eq!(client.get(ALL).error(401), "unauthorized");
        assert_eq!(client.get(OWN).error(401), "unauthorized");
        assert_eq!(delete(client, OWN).error(401), "unauthorized");
    }
    // A token that nobody asked for is nothing of this, and no viewer looks at requests.
    let vera = guarded.with(&guarded.token("vera", &["viewer"]));
    assert_eq!(vera.get(OWN).error(404), "not_found");
    assert_eq!(delete(&vera, OWN).error(404), "not_found");
    assert_eq!(vera.get(ALL).error(403), "forbidden");
    assert_eq!(vera.get("/api/v1/jobs").status, 200);

    // An admin sees that the name is taken, and grants less under another one.
    let fine = json!({ "comment": "fine" });
    assert_eq!(decide(&root, &number, "grant", &fine).error(409), "conflict");
    for wrong in [json!({}), json!({ "comment": " " }), json!({ "comment": "x".repeat(1_001) })] {
        assert_eq!(decide(&root, &number, "grant", &wrong).error(400), "bad_request");
        assert_eq!(decide(&root, &number, "refuse", &wrong).error(400), "bad_request");
    }
    let less =
        json!({ "comment": "only that", "name": "otto", "roles": ["viewer"], "jobs": ["north*"] });
    let granted = decide(&root, &number, "grant", &less).json(200);
    assert_eq!((&granted["about"]["token"], &granted["token"]), (&json!("otto"), &Value::Null));
    let me = waits.get("/api/v1/whoami").json(200);
    assert_eq!(
        (&me["who"], &me["roles"], &me["jobs"], &me["is_proved"]),
        (&json!("otto"), &json!(["viewer"]), &json!(["north*"]), &json!(true))
    );
    assert_eq!(waits.get("/api/v1/jobs").json(200)["jobs"], json!([]));
    assert_eq!(waits.get(OWN).json(200)["about"]["state"], "granted");
    for what in ["grant", "refuse"] {
        assert_eq!(decide(&root, &number, what, &fine).error(409), "conflict", "{what}");
    }
    // Rotated, it is still the one that was asked for; the secret of before is nobody's.
    let rotated = root.post("/api/v1/tokens/otto/rotate", "").json(200);
    assert_eq!(waits.get(OWN).error(401), "unauthorized");
    let otto = guarded.with(rotated["token"].as_str().unwrap());
    delete(&otto, OWN).json(202);
    assert_eq!(otto.get("/api/v1/whoami").error(401), "unauthorized");
    guarded.end();
}

#[test]
fn whoever_asks_for_many_tokens_fills_neither_the_server_nor_its_audit_log() {
    let guarded = Guarded::start();
    let nobody = guarded.nobody();
    let huge = json!({ "name": "a", "roles": ["viewer"], "why": "x".repeat(1_001) });
    for wrong in [
        json!({}),
        json!({ "name": "a", "roles": ["viewer"] }),
        json!({ "name": "a", "roles": ["viewer"], "why": " " }),
        json!({ "name": "a\r\nSet-Cookie: x=y", "roles": ["viewer"], "why": "why" }),
        json!({ "name": "<b>", "roles": ["viewer"], "why": "why" }),
        json!({ "name": "a", "roles": ["root"], "why": "why" }),
        json!({ "name": "a", "roles": [], "why": "why" }),
        json!({ "name": "a", "roles": ["viewer"], "why": "why", "jobs": ["../x"] }),
        json!({ "name": "a", "roles": ["viewer"], "why": "why", "secret": "mine" }),
        huge,
    ] {
        assert_eq!(nobody.post(ALL, &wrong.to_string()).error(400), "bad_request", "{wrong}");
    }
    let long = json!({ "name": "a", "roles": ["viewer"], "why": "x".repeat(100_000) });
    assert_eq!(nobody.post(ALL, &long.to_string()).error(413), "too_large");
    // Neither by a page of another site, nor by a form.
    let fine = wanted("anna", "viewer").to_string();
    let evil = nobody.with("Origin", "https://evil.example");
    assert_eq!(evil.post(ALL, &fine).error(403), "forbidden");
    let form = nobody.with("Content-Type", "application/x-www-form-urlencoded");
    assert_eq!(form.ask("POST", ALL, &fine).error(403), "forbidden");
    assert_eq!(nobody.with("Host", "evil.example").post(ALL, &fine).error(403), "forbidden");

    ask(&nobody, &wanted("anna", "viewer")).json(201);
    let since = Instant::now();
    let asked: Vec<u16> = (0..50).map(|_| nobody.post(ALL, &fine).status).collect();
    let made = asked.iter().filter(|&&status| status == 201).count();
    assert!(asked.iter().all(|status| matches!(status, 201 | 429)), "{asked:?}");
    let most = since.elapsed().as_secs_f64() * 2.0 + 2.0;
    assert!(made as f64 <= most, "{made} were asked for, and {most} may be");
    let waiting = guarded.root().get(ALL).json(200)["requests"].as_array().unwrap().len();
    assert_eq!(waiting, made + 1);
    // What is kept of strangers is kept apart.
    let state = rusqlite::Connection::open(guarded.stage.stage.path("output/serve.db")).unwrap();
    wait_until("all is noted", || {
        let sql = "SELECT count(*) FROM audit WHERE action = 'request token' AND by_guard = 1";
        let apart: usize = state.query_row(sql, [], |row| row.get(0)).unwrap();
        apart >= waiting
    });
    let sql = "SELECT count(*) FROM audit WHERE action = 'request token' AND by_guard = 0";
    assert_eq!(state.query_row(sql, [], |row| row.get::<_, usize>(0)).unwrap(), 0);
    guarded.end();
}
