//! Every route, answers and errors, against the description of the API.

use serde_json::Value;

use super::ServedJob;
use super::client::{Answer, Client};
use super::schema::faults;
use crate::stage::{Stage, wait_until};

/// The path with a job's name in it.
fn filled(path: &str, name: &str) -> String {
    // Events have no end unless it is said.
    let count = if path.ends_with("/events") { "?count=1" } else { "" };
    path.replace("{name}", name) + count
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
        "POST" => client.post(path, body),
        method => client.ask(method, path, body),
    }
}

#[test]
fn every_route_answers_and_refuses_as_it_is_described() {
    let stage = Stage::with_records(&["--records", "3000", "--anomaly-percent", "10"]);
    let served = ServedJob::start(&stage, &["--sink", "csv:rows"]);
    served.until_ready();
    let client = &served.client;
    let document = client.get("/api/v1/openapi.json").json(200);
    assert_eq!(document["openapi"], "3.1.0");
    let mut operations = operations(&document);
    // What ends the job comes last.
    operations.sort_by_key(|(_, path, _)| path.ends_with("/stop"));
    assert!(operations.len() >= 15, "{operations:?}");
    for (method, path, said) in &operations {
        let body = if path.ends_with("/savepoints") { r#"{"name":"before"}"# } else { "{}" };
        let answer = ask(client, method, &filled(path, "seismic"), body);
        assert!((200..300).contains(&answer.status), "{method} {path}: {answer:?}");
        check(&document, said, &answer);
        if path.ends_with("/stop") {
            continue;
        }
        // Errors: of a job that is not there, of a parameter that there is not, of another method.
        if path.contains("{name}") {
            let answer = ask(client, method, &filled(path, "nobody"), body);
            assert_eq!(answer.error(404), "not_found", "{path}");
            check(&document, said, &answer);
        }
        let path_alone = path.replace("{name}", "seismic");
        let strange = format!("{path_alone}?strange=1");
        let answer = ask(client, method, &strange, body);
        assert_eq!(answer.error(400), "bad_request", "{path}");
        check(&document, said, &answer);
        let other = client.with("X-Seismic-Request", "1").ask("PATCH", &filled(path, "x"), "");
        assert_eq!(other.error(405), "method_not_allowed", "{path}");
        check(&document, said, &other);
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
