//! Tokens that are limited to topics: what their jobs may read and write, and what they see.

use serde_json::{Value, json};

use super::{Guarded, JOB, as_one};
use crate::http::client::{Answer, Client};
use crate::stage::wait_until;

fn submit(by: &Client, text: &str) -> Answer {
    by.post("/api/v1/jobs", &json!({ "text": text }).to_string())
}

#[test]
fn jobs_of_a_token_read_and_write_its_topics_alone_and_it_sees_no_others() {
    let guarded = Guarded::start();
    let wanted = json!({
        "name": "dora", "roles": ["developer", "operator"],
        "select": ["seismic-*"], "insert": ["coast-*"],
    });
    let dora = guarded.with(&guarded.token_for(&wanted));
    // Each topic that a job reads or writes, under whichever key.
    for (more, key) in [
        (
            "topic = 'secret'\n",
            "topic: token dora may read topics seismic-*, and not \\\"secret\\\"",
        ),
        ("result_topic = 'north-rows'\n", "result_topic: token dora may write topics coast-*"),
        ("dead_topic = 'seismic-dead'\n", "dead_topic: "),
        ("result_topic = 'coast'\nrollup = ['1m']\n", "result_topic: "),
        ("[alarms]\ntopic = 'alarms'\n", "alarms.topic: "),
    ] {
        let text = format!("{JOB}{more}");
        let refused = submit(&dora, &text);
        assert_eq!(refused.error(403), "forbidden", "{more}");
        assert!(refused.body.contains(key), "{more}: {refused:?}");
        let checked = dora.post("/api/v1/check", &json!({ "text": text }).to_string()).json(200);
        let faults = checked["faults"].to_string();
        assert!(faults.contains(key.split(':').next().unwrap()), "{more}: {faults}");
    }
    let statement = "name = 'coast-sql'\nsql = 'select a from rows'\n[input]\ntopic = 'secret'\n\
                     columns = ['a int']\n[output]\ntopic = 'coast-out'\ncolumns = ['a int']\n";
    assert_eq!(submit(&dora, statement).error(403), "forbidden");
    assert_eq!(
        submit(&dora, &statement.replace("'secret'", "'seismic-in'")).json(201)["version"],
        1
    );
    submit(&dora, &format!("{JOB}rollup = ['1m']\n")).json(201);
    // Neither by a copy nor by a draft.
    let copy = |set: &str, value: &str| {
        let set = json!({ "sink": "['csv:copied']", set: value });
        let body = json!({ "name": "coast-copy", "set": set }).to_string();
        dora.post("/api/v1/jobs/coast/copy", &body)
    };
    assert_eq!(copy("topic", "'secret'").error(403), "forbidden");
    let put = dora.with("X-Seismic-Request", "1");
    let set = json!({ "set": [{ "path": ["result_topic"], "value": "north-rows" }] }).to_string();
    put.ask("PUT", "/api/v1/jobs/coast/draft", &set).json(200);
    assert_eq!(dora.post("/api/v1/jobs/coast/draft/submit", "{}").error(403), "forbidden");
    // It runs, whoever starts it.
    guarded.root().post("/api/v1/jobs/coast/start", "{}").json(202);
    guarded.stage.wait_for_state("coast", "running");

    // Rows, dead letters and sensors are those of topics.
    let sees = |client: &Client| {
        ["rows?sensor=x", "dead-letters", "sensors"]
            .map(|what| client.get(&format!("/api/v1/jobs/coast/{what}")).status)
    };
    wait_until("its store is there", || sees(&guarded.root()) == [200, 200, 200]);
    let looks = |name: &str, select: &str| {
        let wanted = json!({ "name": name, "roles": ["viewer"], "select": [select] });
        guarded.with(&guarded.token_for(&wanted))
    };
    assert_eq!(sees(&looks("of-rows", "coast-*")), [200, 200, 403]);
    assert_eq!(sees(&looks("of-input", "seismic-*")), [403, 403, 200]);
    let nothing = looks("of-nothing", "nothing");
    assert_eq!(sees(&nothing), [403, 403, 403]);
    assert_eq!(nothing.get("/api/v1/jobs/coast").status, 200);
    // Of a job that is not there it is said as before.
    assert_eq!(nothing.get("/api/v1/jobs/nobody/rows?sensor=x").error(404), "not_found");

    // It is said of them, also by the commands, and noted.
    let me = dora.get("/api/v1/whoami").json(200);
    assert_eq!((&me["select"], &me["insert"]), (&json!(["seismic-*"]), &json!(["coast-*"])));
    assert_eq!(guarded.root().get("/api/v1/whoami").json(200)["select"], json!(["*"]));
    let create = ["token", "create", "erik", "--role", "viewer", "--select", "raw-*,coast-rows"];
    as_one(&guarded, "root", &create).ok();
    let list = as_one(&guarded, "root", &["token", "list"]).ok().stdout;
    let line = list.lines().find(|it| it.starts_with("erik")).unwrap();
    assert!(line.contains("reads topics coast-rows,raw-*") && !line.contains("writes"), "{line}");
    for wrong in [json!({ "select": ["a b"] }), json!({ "insert": ["*x"] })] {
        let mut wanted = json!({ "name": "wrong", "roles": ["viewer"] });
        wanted.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let refused = guarded.root().post("/api/v1/tokens", &wanted.to_string());
        assert_eq!(refused.error(400), "bad_request", "{wanted}");
    }
    let noted = guarded.audit("?who=root&limit=1000");
    let said =
        |it: &Value| it["detail"].as_str().is_some_and(|it| it.contains("select: [\"nothing\"]"));
    assert!(noted.iter().any(said), "{noted:?}");
    guarded.end();
}
