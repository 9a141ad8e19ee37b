//! Every route, answers and errors, against the description of the API.

use serde_json::Value;

use super::ServedJob;
use super::client::{Answer, Client};
use super::schema::faults;
use crate::stage::{Stage, wait_until};

/// The path with a name in it, of a job, a token, a request or a resource.
fn filled(path: &str, name: &str) -> String {
    // Events have no end unless it is said.
    let count = if path.ends_with("/events") { "?count=1" } else { "" };
    named(path, name) + count
}

fn named(path: &str, name: &str) -> String {
    let parts = ["{name}", "{token}", "{request}", "{resource}"];
    parts.iter().fold(path.to_owned(), |path, part| path.replace(part, name))
}

/// Checks an answer against what is said of this operation.
#[track_caller]
fn check(document: &Value, operation: &Value, answer: &Answer) {
    let responses = &operation["responses"];
    let said = responses.get(answer.status.to_string()).unwrap_or(&responses["default"]);
    let content = said["content"].as_object().unwrap();
    let media_type = answer.header("content-type").unwrap();
    let (name, said) = content.iter().next().unwrap();
    assert!(media_type.starts_with(name.as_str()), "{media_type} {answer:?}");
    if name == "application/json" {
        let value: Value = serde_json::from_str(&answer.body).unwrap();
        let found = faults(document, &said["schema"], &value);
        assert!(found.is_empty(), "{found:#?}\n{answer:?}");
    }
}

/// Every operation of the document: method, path and what is said of it.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, said)| (method.to_uppercase(), path.clone(), said.clone()))
    });
    all.collect()
}

fn ask(client: &Client, method: &str, path: &str, body: &str) -> Answer {
    match method {
        "GET" => client.ask(method, path, body),
        _ => client.with("X-Seismic-Request", "1").ask(method, path, body),
    }
}

/// How every route is called.
pub struct Tour<'a> {
    /// Where a route comes: what ends something comes last.
    pub order: &'a dyn Fn(&str, &str) -> usize,
    /// The job that it is about.
    pub name: &'a dyn Fn(&str, &str) -> String,
    /// What is sent.
    pub body: &'a dyn Fn(&str, &str) -> String,
    /// What is waited for before it, and after it.
    pub before: &'a dyn Fn(&str, &str),
    /// Whether no one answers any more after it.
    pub is_last: &'a dyn Fn(&str) -> bool,
}

/// Calls every route that is described, rightly and wrongly; each answer must be as it is
/// described.
pub fn call_every_route(client: &Client, tour: &Tour<'_>) -> usize {
    let document = client.get("/api/v1/openapi.json").json(200);
    assert_eq!(document["openapi"], "3.1.0");
    let mut operations = operations(&document);
    operations.sort_by_key(|(method, path, _)| (tour.order)(method, path));
    for (method, path, said) in &operations {
        let (name, body) = ((tour.name)(method, path), (tour.body)(method, path));
        (tour.before)(method, path);
        let answer = ask(client, method, &filled(path, &name), &body);
        if path.ends_with("/scale") {
            // A job in one process has one worker.
            assert_eq!(answer.error(409), "conflict", "{answer:?}");
        } else {
            assert!((200..300).contains(&answer.status), "{method} {path}: {answer:?}");
            let status = answer.status.to_string();
            assert!(said["responses"].get(&status).is_some(), "{method} {path}: {answer:?}");
        }
        check(&document, said, &answer);
        if (tour.is_last)(path) {
            continue;
        }
        // Errors: of a job that is not there, of a parameter that there is not, of another method.
        // What is put under a name need not be there.
        let is_put = method == "PUT" && path.ends_with("{resource}");
        if path.contains('{') && !is_put {
            let answer = ask(client, method, &filled(path, "nobody"), &body);
            assert_eq!(answer.error(404), "not_found", "{path}");
            check(&document, said, &answer);
        }
        let path_alone = named(path, &name);
        let strange = format!("{path_alone}?strange=1");
        let answer = ask(client, method, &strange, &body);
        assert_eq!(answer.error(400), "bad_request", "{path}");
        check(&document, said, &answer);
        let other = client.with("X-Seismic-Request", "1").ask("PATCH", &filled(path, "x"), "");
        assert_eq!(other.error(405), "method_not_allowed", "{path}");
        check(&document, said, &other);
        // A body that is none of its own; a file may be anything.
        if !said["requestBody"]["content"]["application/json"].is_null() {
            for wrong in ["[]", "no json"] {
                let answer = ask(client, method, &filled(path, &name), wrong);
                assert_eq!(answer.error(400), "bad_request", "{method} {path} {wrong}");
                check(&document, said, &answer);
            }
        }
        // A number that is none.
        let numbers = said["parameters"].as_array().unwrap().iter();
        for number in numbers.filter(|it| it["schema"]["type"] == "integer") {
            let name = number["name"].as_str().unwrap();
            let path = format!("{path_alone}?{name}=-1");
            let answer = client.get(&path);
            assert_eq!(answer.error(400), "bad_request", "{path}");
            check(&document, said, &answer);
        }
    }
    operations.len()
}

#[test]
fn every_route_answers_and_refuses_as_it_is_described() {
    let stage = Stage::with_records(&["--records", "3000", "--anomaly-percent", "10"]);
    let served = ServedJob::start(&stage, &["--sink", "csv:rows"]);
    served.until_ready();
    let savepoint = r#"{"name":"before"}"#;
    let tour = Tour {
        order: &|_, path| usize::from(path.ends_with("/stop")),
        name: &|_, _| "seismic".to_owned(),
        body: &|_, path| if path.ends_with("/savepoints") { savepoint } else { "{}" }.to_owned(),
        before: &|_, _| {},
        is_last: &|path| path.ends_with("/stop"),
    };
    let routes = call_every_route(&served.client, &tour);
    assert!(routes >= 15, "{routes}");
    served.job.wait().ok();
}

#[test]
fn a_savepoint_is_requested_and_found_and_its_name_is_given_once() {
    let stage = Stage::with_records(&["--records", "2000"]);
    let served = ServedJob::start(&stage, &["--sink", "csv:rows"]);
    served.until_ready();
    let client = &served.client;
    let path = "/api/v1/jobs/seismic/savepoints";
    client.post(path, r#"{"name":"friday"}"#).json(202);
    wait_until("a savepoint that is complete", || {
        let all = client.get(path).json(200);
        let named = all["savepoints"].as_array().unwrap().iter();
        named.into_iter().any(|it| it["name"] == "friday" && it["is_complete"] == true)
    });
    assert!(stage.ok(&["checkpoint", "list"]).contains("friday"));
    assert_eq!(client.post(path, r#"{"name":"friday"}"#).error(409), "conflict");
    for wrong in ["{}", r#"{"name":7}"#, r#"{"name":"a b"}"#, "no json", "[]"] {
        assert_eq!(client.post(path, wrong).error(400), "bad_request", "{wrong}");
    }
}
