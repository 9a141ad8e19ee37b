//! Versions, drafts and the audit log of a server: who made which, who was too late, and who did
//! what.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{ServeStage, url_of};
use crate::http::client::{Answer, Client};
use crate::stage::{Running, STOP};

const JOB: &str = "name = 'coast'\nwindow = '1s'\nsink = ['csv:rows']\nidle_timeout = '0'\n";

struct Served {
    stage: ServeStage,
    server: Running,
    url: String,
}

impl Served {
    fn start() -> Served {
        let stage = ServeStage::with_records(&["--records", "500"]);
        Served::on(stage)
    }

    fn on(stage: ServeStage) -> Served {
        let server = stage.stage.spawn(&["serve", "--http", "127.0.0.1:0,requests_per_s=100000"]);
        let url = url_of(&server);
        Served { stage, server, url }
    }

    /// Somebody who asks.
    fn as_user(&self, name: &str) -> Client {
        let address = self.url.trim_start_matches("http://").parse().unwrap();
        Client::new(address).with("X-Seismic-User", name).with("X-Seismic-Request", "1")
    }

    fn submit(&self, who: &str, text: &str, base: Option<&str>) -> Answer {
        let body = json!({ "text": text, "comment": format!("{who} says so") }).to_string();
        let client = self.as_user(who);
        let client = base.map_or(client.clone(), |base| client.with("If-Match", base));
        client.ask("POST", "/api/v1/jobs", &body)
    }

    fn get(&self, path: &str) -> Value {
        self.as_user("viewer").get(path).json(200)
    }

    /// `seismic job`, as somebody.
    fn job(&self, args: &[&str]) -> String {
        self.stage.stage.ok(&[&["job"], args, &["--server", &self.url]].concat())
    }

    fn end(self) {
        self.server.stop_within(Signal::TERM, STOP).ok();
    }
}

#[test]
fn the_second_of_two_editors_is_refused_or_takes_over_on_purpose() {
    let served = Served::start();
    let first = served.submit("anna", JOB, None);
    assert_eq!(first.header("etag"), Some("\"1\""), "{first:?}");
    assert_eq!(first.json(201)["version"], 1);
    // Both begin from version 1.
    let of_anna = JOB.replace("1s", "2s");
    assert_eq!(served.submit("anna", &of_anna, Some("\"1\"")).json(201)["version"], 2);
    let of_bert = JOB.replace("1s", "5s");
    let refused = served.submit("bert", &of_bert, Some("\"1\""));
    assert_eq!(refused.error(412), "precondition_failed");
    let why = refused.json(412)["error"]["message"].as_str().unwrap().to_owned();
    for said in ["version 2", "anna made", "anna says so", "If-Match: \"2\"", "job diff coast 1 2"]
    {
        assert!(why.contains(said), "{said}: {why}");
    }
    assert_eq!(served.submit("bert", &of_bert, Some("\"2\"")).json(201)["version"], 3);
    assert_eq!(served.submit("bert", JOB, Some("*")).json(201)["version"], 4);
    // The same again is no version.
    let again = served.submit("carl", JOB, None).json(201);
    assert_eq!((&again["version"], &again["is_new_version"]), (&json!(4), &json!(false)));
    let none = JOB.replace("coast", "other");
    assert_eq!(served.submit("bert", &none, Some("\"1\"")).error(412), "precondition_failed");
    let all = served.get("/api/v1/jobs/coast/versions");
    let all: Vec<_> = all["versions"].as_array().unwrap().iter().collect();
    let authors: Vec<_> = all.iter().map(|it| it["author"].as_str().unwrap()).collect();
    assert_eq!(authors, ["bert", "bert", "anna", "anna"]);
    assert_eq!(all[0]["hash"], all[3]["hash"], "the same content");
    assert_ne!(all[0]["hash"], all[1]["hash"]);
    let old = served.get("/api/v1/jobs/coast/version?number=2");
    assert_eq!((&old["text"], &old["comment"]), (&json!(of_anna), &json!("anna says so")));
    // Numbers go on when a job was forgotten: each means one thing.
    served.as_user("anna").ask("DELETE", "/api/v1/jobs/coast", "").json(202);
    assert_eq!(served.submit("anna", JOB, None).json(201)["version"], 5);
    served.end();
}

#[test]
fn what_changes_results_stands_apart_in_a_diff_and_secrets_are_not_in_it() {
    let served = Served::start();
    let secret =
        "kafka = { 'sasl.password' = 'hunter2' }\n[alarms]\nwebhook = 'http://h.example/hunter2'\n";
    served.submit("anna", &format!("{JOB}{secret}"), None).json(201);
    let other = JOB.replace("1s", "2s").replace("csv:rows", "csv:more") + "description = 'new'\n";
    served.submit("anna", &format!("{other}{}", secret.replace("h.ex", "g.ex")), None).json(201);
    let diff = served.get("/api/v1/jobs/coast/diff?from=1&to=2");
    let keys = |of: &str| {
        let all = diff[of].as_array().unwrap().iter();
        all.map(|it| it["key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(keys("semantics"), ["window"]);
    assert_eq!(keys("other"), ["alarms.webhook", "description", "sink"]);
    assert_ne!(diff["rules"]["from"], diff["rules"]["to"]);
    let told = served.job(&["diff", "coast", "1", "2"]);
    let (semantics, rest) = told.split_once("where and how it runs").unwrap();
    assert!(semantics.contains("window: \"1s\" -> \"2s\""), "{told}");
    assert!(rest.contains("csv:more") && !rest.contains("window"), "{told}");
    assert!(served.job(&["diff", "coast"]).contains("version 1 to 2"));
    let text = served.job(&["version", "coast", "1"]);
    assert!(text.contains("window = '1s'"), "{text}");
    let shown = [told, diff.to_string(), text, served.get("/api/v1/audit").to_string()].concat();
    assert!(!shown.contains("hunter2"), "{shown}");
    let missing = served.as_user("a").get("/api/v1/jobs/coast/diff?from=1&to=9");
    assert_eq!(missing.error(404), "not_found");
    served.end();
}

#[test]
fn a_draft_may_be_wrong_makes_no_version_and_is_not_replaced_unseen() {
    let served = Served::start();
    served.submit("anna", JOB, None).json(201);
    let path = "/api/v1/jobs/coast/draft";
    let save = |who: &str, text: &str, at: Option<&str>| {
        let client = served.as_user(who);
        let client = at.map_or(client.clone(), |at| client.with("If-Match", at));
        client.ask("PUT", path, &json!({ "text": text }).to_string())
    };
    let saved = save("anna", "name = 'coast'\nlatenes = '2s'\n", None);
    assert_eq!(saved.header("etag"), Some("\"draft-1\""));
    assert!(saved.json(200)["faults"][0].as_str().unwrap().contains("latenes"), "{saved:?}");
    assert_eq!(save("bert", JOB, None).error(409), "conflict");
    assert_eq!(save("bert", JOB, Some("\"draft-9\"")).error(412), "precondition_failed");
    assert_eq!(
        save("bert", &JOB.replace("1s", "3s"), Some("\"draft-1\"")).json(200)["revision"],
        2
    );
    assert_eq!(save("anna", JOB, None).error(409), "conflict");
    assert_eq!(served.get("/api/v1/jobs/coast/versions")["newest"], 1);
    let draft = &served.get(path)["draft"];
    assert_eq!((&draft["author"], &draft["base"]), (&json!("bert"), &json!(1)));
    // Meanwhile somebody submits: the draft began before that.
    served.submit("anna", &JOB.replace("1s", "4s"), None).json(201);
    let submit = |at: Option<&str>| {
        let client = served.as_user("bert");
        let client = at.map_or(client.clone(), |at| client.with("If-Match", at));
        client.ask("POST", &format!("{path}/submit"), "{\"comment\":\"ready\"}")
    };
    assert_eq!(submit(None).error(412), "precondition_failed");
    // Not the draft that was seen, what is no tag, and the seen one of an older version.
    let other = submit(Some("\"draft-1\""));
    assert_eq!(other.error(412), "precondition_failed");
    let why = other.json(412)["error"]["message"].as_str().unwrap().to_owned();
    assert!(why.contains("bert saved another draft") && why.contains("draft-2"), "{why}");
    assert_eq!(submit(Some("\"dräft-1\"")).error(400), "bad_request");
    assert_eq!(submit(Some("\"draft-2\"")).error(412), "precondition_failed");
    assert_eq!(submit(Some("\"2\"")).json(201)["version"], 3);
    assert_eq!(submit(None).error(409), "conflict");
    assert!(served.get(path)["draft"].is_null());
    // The draft that was seen, of the version that there is.
    assert_eq!(save("bert", &JOB.replace("1s", "6s"), None).json(200)["revision"], 3);
    assert_eq!(submit(Some("\"draft-3\"")).json(201)["version"], 4);
    let newest = &served.get("/api/v1/jobs/coast/versions?limit=1")["versions"][0];
    assert_eq!((&newest["author"], &newest["comment"]), (&json!("bert"), &json!("ready")));
    served.end();
}

#[test]
fn the_audit_log_tells_who_did_what_and_what_was_refused_also_after_a_restart() {
    let served = Served::start();
    let (anna, bert) = (served.as_user("anna"), served.as_user("bert"));
    served.submit("anna", JOB, None).json(201);
    bert.ask("POST", "/api/v1/jobs/coast/start", "{}").json(202);
    served.stage.wait_for_state("coast", "running");
    anna.ask("POST", "/api/v1/jobs", &json!({ "text": JOB.replace("1s", "2s") }).to_string())
        .error(409);
    bert.ask("POST", "/api/v1/jobs/coast/stop", "").json(202);
    served.stage.wait_for_state("coast", "stopped");
    // Without the header that every write needs, and of another site.
    let address = anna.address;
    assert_eq!(
        Client::new(address).ask("DELETE", "/api/v1/jobs/coast", "").error(403),
        "forbidden"
    );
    let entries = |served: &Served, query: &str| {
        let all = served.get(&format!("/api/v1/audit{query}"))["entries"].clone();
        let one = |it: &Value| {
            let word = |key: &str| it[key].as_str().unwrap_or("-").to_owned();
            format!(
                "{} {} {} {} {}",
                word("who"),
                word("action"),
                word("job"),
                it["version"],
                word("result")
            )
        };
        all.as_array().unwrap().iter().map(one).collect::<Vec<_>>()
    };
    let expected = [
        "bert stop coast 1 done",
        "anna submit - null conflict",
        "bert start coast 1 done",
        "anna submit coast 1 done",
    ];
    crate::stage::wait_until("the refusal is noted", || entries(&served, "").len() == 5);
    let all = entries(&served, "");
    assert_eq!(all[1..], expected, "{all:?}");
    assert!(all[0].contains("DELETE /api/v1/jobs/coast - null forbidden"), "{all:?}");
    assert_eq!(entries(&served, "?job=coast&who=bert").len(), 2);
    assert_eq!(entries(&served, "?limit=1"), all[..1]);
    let told = served.job(&["audit", "coast"]);
    assert!(told.contains("bert") && told.contains("anna says so"), "{told}");
    let Served { stage, server, .. } = served;
    server.stop_within(Signal::TERM, STOP).ok();
    let served = Served::on(stage);
    assert_eq!(entries(&served, "")[..5], all);
    served.end();
}

#[test]
fn jobs_of_a_folder_have_versions_and_are_audited_too() {
    let stage = ServeStage::with_records(&["--records", "500"]);
    stage.write_job("coast.toml", JOB);
    let server = stage.serve(&[]);
    let url = url_of(&server);
    stage.wait_for_state("coast", "running");
    let ask = |args: &[&str]| stage.stage.ok(&[&["job"], args, &["--server", &url]].concat());
    let versions =
        |args: &[&str]| ask(args).lines().filter(|it| it.contains("jobs folder")).count();
    assert_eq!(versions(&["versions", "coast"]), 1);
    stage.write_job("coast.toml", &(JOB.to_owned() + "description = 'new'\n"));
    crate::stage::wait_until("another version", || versions(&["versions", "coast"]) == 2);
    let told = ask(&["audit", "coast"]);
    assert!(told.lines().any(|it| it.contains("jobs folder") && it.contains("submit")), "{told}");
    server.stop_within(Signal::TERM, STOP).ok();
}

#[test]
fn the_commands_submit_with_a_comment_and_refuse_an_old_base() {
    let served = Served::start();
    let stage = &served.stage.stage;
    let write = |text: &str| fs::write(stage.path("coast.toml"), text).unwrap();
    write(JOB);
    let told = served.job(&["submit", "coast.toml", "--comment", "first light"]);
    assert!(told.contains("version 1"), "{told}");
    assert!(served.job(&["versions", "coast"]).contains("first light"));
    write(&JOB.replace("1s", "2s"));
    assert!(served.job(&["submit", "coast.toml", "--base", "1"]).contains("version 2"));
    write(&JOB.replace("1s", "3s"));
    let args = ["job", "submit", "coast.toml", "--base", "1", "--server", &served.url];
    let refused = stage.refused(&args, 2);
    assert!(refused.contains("--base 2"), "{refused}");
    assert!(served.job(&["submit", "coast.toml", "--draft"]).contains("revision 1"));
    assert!(served.job(&["draft", "coast"]).contains("window = '3s'"));
    // Only the draft that was seen is replaced, discarded or submitted.
    let seen = ["submit", "coast.toml", "--draft", "--revision", "1"];
    assert!(served.job(&seen).contains("revision 2"));
    for args in [&seen[..], &["draft", "coast", "--submit", "--revision", "1"]] {
        let refused = stage.refused(&[&["job"], args, &["--server", &served.url]].concat(), 2);
        assert!(refused.contains("saved"), "{refused}");
    }
    let old = ["job", "draft", "coast", "--discard", "--revision", "1", "--server", &served.url];
    stage.refused(&old, 2);
    let told = served.job(&["draft", "coast", "--submit"]);
    assert!(told.contains("revision 2, by") && told.contains("version 3"), "{told}");
    assert!(served.job(&["draft", "coast"]).contains("has no draft"));
    served.end();
}

#[test]
fn a_state_from_before_versions_opens_and_its_jobs_have_a_first_one() {
    let stage = ServeStage::with_records(&["--records", "500"]);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/serve/layout-2.sql");
    fs::create_dir_all(stage.stage.path("output")).unwrap();
    let db = Connection::open(stage.stage.path("output/serve.db")).unwrap();
    db.execute_batch(&fs::read_to_string(file).unwrap()).unwrap();
    drop(db);
    let served = Served::on(stage);
    let all = served.get("/api/v1/jobs/coast/versions");
    assert_eq!((&all["newest"], &all["versions"][0]["author"]), (&json!(1), &json!("server")));
    let version = served.get("/api/v1/jobs/coast/version");
    assert!(version["text"].as_str().unwrap().contains("name = 'coast'"), "{version}");
    served.end();
}
