//! Every route of a server, answers and errors, against the description of the API.

use rustix::process::Signal;
use serde_json::json;

use super::access::make_root;
use super::{ServeStage, url_of};
use crate::http::client::Client;
use crate::http::openapi::{Tour, call_every_route};
use crate::stage::{STOP, wait_until};

fn ends_with_one_of(path: &str, ends: &[&str]) -> bool {
    ends.iter().any(|end| path.ends_with(end))
}

/// What is said to ask for a token, and to decide about that.
fn of_request(path: &str) -> String {
    let said = match path.ends_with("/token-requests") {
        true => json!({ "name": "paul", "roles": ["approver"], "why": "to help" }),
        false => json!({ "comment": "one is enough" }),
    };
    said.to_string()
}

/// A pack, what is tried on it, and how many workers are wanted.
fn of_pack(path: &str) -> String {
    if path.ends_with("{resource}") {
        let head = "sensor_id,collect_timestamp,longitude,latitude,seismic_amplitude";
        return format!("{head}\nS1,1600000000000,-98,16.5,1\n");
    }
    match path.ends_with("/test") {
        true => json!({ "job": "coast", "input": ["table.csv"] }).to_string(),
        false => json!({ "workers": 2 }).to_string(),
    }
}

/// A job of somebody else, of whom others approve.
fn submit_theirs(client: &Client) {
    let anna = json!({ "name": "anna", "roles": ["developer"] }).to_string();
    let anna = client.post("/api/v1/tokens", &anna).json(201)["token"].take();
    let anna = client.with("Authorization", &format!("Bearer {}", anna.as_str().unwrap()));
    let theirs = "name = 'theirs'\nsink = ['csv:theirs-{{env}}']\n[env.test]\n";
    let submission = json!({ "text": theirs, "env": "test" }).to_string();
    anna.post("/api/v1/jobs", &submission).json(201);
}

/// A test of version 1 of this job that has passed.
fn test_of(client: &Client, job: &str) -> String {
    let diff = client.get("/api/v1/jobs/coast/diff?from=1&to=1").json(200);
    let test = json!({
        "text": job, "rules": diff["rules"]["to"], "input": "pack.csv",
        "result": "0".repeat(64), "is_compared": false,
        "read": 1, "late": 0, "rejected": 0, "rows": 1,
    });
    test.to_string()
}

/// Whoever asks all this has asked for their token first, and gives it up in the end.
fn asking_for_a_token(nobody: &Client, root: &Client) -> Client {
    let wanted = json!({ "name": "tour", "roles": ["admin"], "why": "to see all" }).to_string();
    let asked = nobody.post("/api/v1/token-requests", &wanted).json(201);
    let grant = "/api/v1/token-requests/1/grant";
    root.post(grant, &of_request(grant)).json(200);
    let token = asked["token"].as_str().unwrap();
    nobody.with("Authorization", &format!("Bearer {token}"))
}

#[test]
fn every_route_of_a_server_answers_and_refuses_as_it_is_described() {
    let stage = ServeStage::with_records(&["--records", "3000", "--anomaly-percent", "10"]);
    // Whoever decides about versions says who they are, and about those of somebody else.
    let root = make_root(&stage);
    let server = stage.stage.spawn(&["serve", "--http", "127.0.0.1:0,requests_per_s=100000"]);
    let address = url_of(&server).trim_start_matches("http://").parse().unwrap();
    let nobody = Client::new(address);
    let root = nobody.with("Authorization", &format!("Bearer {root}"));
    let client = asking_for_a_token(&nobody, &root);
    submit_theirs(&client);
    let job = "name = 'coast'\nsink = ['csv:rows']\nidle_timeout = '0'\n\
               [elastic]\naction = 'observe'\ninterval_s = 1\nfor_s = 3\n";
    // A job is submitted, started, looked at, paused, resumed and stopped; its copy is deleted.
    let steps = ["/start", "/savepoints", "/pause", "/resume", "/stop"];
    let order = |method: &str, path: &str| match (method, path) {
        ("POST", "/api/v1/jobs" | "/api/v1/tokens" | "/api/v1/token-requests") => 0,
        ("DELETE", path) if path.ends_with("/own") => 20,
        // A draft is saved, submitted and, as all that is stopped, started.
        ("PUT", _) => 1,
        ("POST", path) if path.ends_with("/draft/submit") => 2,
        ("POST", path) if path.ends_with("/start") => 3,
        ("DELETE", path) if path.ends_with("/history") => 4,
        ("DELETE", _) => 19,
        ("POST", path) if path.ends_with("/archive") => 17,
        ("POST", path) if path.ends_with("/unarchive") => 18,
        ("POST", path) => 5 + steps.iter().position(|it| path.ends_with(it)).unwrap_or(0),
        _ => 4,
    };
    let name = |method: &str, path: &str| match method {
        _ if path.contains("{token}") => "vera".to_owned(),
        _ if path.contains("{resource}") => "table.csv".to_owned(),
        _ if path.ends_with("/grant") => "2".to_owned(),
        _ if path.ends_with("/refuse") => "3".to_owned(),
        _ if ends_with_one_of(path, &["/approve", "/reject", "/promote"]) => {
            "theirs-test".to_owned()
        }
        _ if ends_with_one_of(path, &["/archive", "/unarchive"]) => "copied".to_owned(),
        "DELETE" if !path.ends_with("/draft") && !path.ends_with("/history") => "copied".to_owned(),
        _ => "coast".to_owned(),
    };
    let body = |method: &str, path: &str| match (method, path) {
        ("PUT", path) if path.ends_with("{resource}") => of_pack(path),
        ("POST", path) if ends_with_one_of(path, &["/test", "/scale"]) => of_pack(path),
        ("POST", "/api/v1/jobs") | ("PUT", _) => json!({ "text": job }).to_string(),
        ("POST", path) if path.ends_with("/copy") => {
            json!({ "name": "copied", "set": { "sink": "['csv:copied']" } }).to_string()
        }
        ("POST", "/api/v1/tokens") => json!({ "name": "vera", "roles": ["viewer"] }).to_string(),
        ("POST", path) if path.contains("/token-requests") => of_request(path),
        ("POST", path) if path.ends_with("/approve") => {
            json!({ "version": 1, "comment": "fine", "untested": true }).to_string()
        }
        ("POST", path) if path.ends_with("/reject") => {
            json!({ "version": 1, "comment": "not so fine" }).to_string()
        }
        ("POST", path) if path.ends_with("/promote") => json!({ "to": "production" }).to_string(),
        ("POST", path) if path.ends_with("/withdraw") => json!({ "version": 1 }).to_string(),
        ("POST", path) if path.ends_with("/tested") => test_of(&client, job),
        ("POST", path) if path.ends_with("/savepoints") => json!({ "name": "before" }).to_string(),
        _ => "{}".to_owned(),
    };
    let state_is = |state: &str| {
        wait_until(&format!("the job is {state}"), || {
            let all = client.get("/api/v1/jobs").json(200);
            let mut all = all["jobs"].as_array().unwrap().iter();
            all.any(|it| it["name"] == "coast" && it["state"] == *state)
        });
    };
    let before = |method: &str, path: &str| match (method, path) {
        ("GET", _) => {
            state_is("running");
            // Its store is made, and its lag known, a moment after.
            wait_until("it is ready and has a status", || {
                [
                    "/readyz",
                    "/api/v1/jobs/coast/checkpoints",
                    "/api/v1/jobs/coast/status",
                    "/api/v1/jobs/coast/autoscale",
                ]
                .iter()
                .all(|path| client.get(path).status == 200)
            });
        }
        ("POST", path) if path.ends_with("/refuse") => {
            wait_until("another one may be asked for", || {
                let path = "/api/v1/token-requests";
                nobody.post(path, &of_request(path)).status == 201
            });
        }
        ("POST", path) if path.ends_with("/resume") => state_is("paused"),
        ("POST", path) if path.ends_with("/autoscale") => state_is("running"),
        ("POST", path) if path.ends_with("/stop") => state_is("running"),
        _ => {}
    };
    let tour = Tour {
        order: &order,
        name: &name,
        body: &body,
        before: &before,
        is_last: &|path| path.ends_with("/own"),
    };
    let routes = call_every_route(&client, &tour);
    assert!(routes >= 63, "{routes}");
    server.stop_within(Signal::TERM, STOP).ok();
}
