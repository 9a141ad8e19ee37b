//! Each route with each role, and with a token for other jobs: the list is the server's own, so that
//! a route that says no right fails here.

use serde_json::json;

use super::{Guarded, JOB, operations};
use crate::http::client::{Answer, Client};

/// What each role may do.
const ROLES: [(&str, &[&str]); 5] = [
    ("viewer", &["own", "read"]),
    ("developer", &["own", "read", "submit"]),
    ("approver", &["own", "read", "approve"]),
    ("operator", &["own", "read", "operate"]),
    ("admin", &["own", "read", "submit", "approve", "operate", "administer"]),
];

/// Asks for a job, a token, a request and a resource of that name.
fn ask(client: &Client, method: &str, path: &str, name: &str) -> Answer {
    let count = if path.ends_with("/events") { "?count=1" } else { "" };
    let path = ["{name}", "{token}", "{request}", "{resource}"]
        .iter()
        .fold(path.to_owned(), |path, part| path.replace(part, name));
    let path = path + count;
    let body = if method == "GET" { "" } else { "{}" };
    client.with("X-Seismic-Request", "1").ask(method, &path, body)
}

#[test]
fn each_route_with_each_role_is_as_the_table_says_and_every_route_says_its_right() {
    let guarded = Guarded::start();
    let operations = operations(&guarded);
    assert!(operations.len() >= 65, "{}", operations.len());
    let open: Vec<(&str, &str)> = operations
        .iter()
        .filter(|(_, _, said)| said["security"].is_null())
        .map(|(method, path, _)| (method.as_str(), path.as_str()))
        .collect();
    let probes = [("GET", "/healthz"), ("GET", "/readyz")];
    let for_everyone = [&[("POST", "/api/v1/token-requests")][..], &probes].concat();
    assert_eq!(open, for_everyone, "only probes, and that somebody asks for a token");
    let tokens = ROLES.map(|(role, may)| (role, may, guarded.token(role, &[role])));
    for (method, path, said) in &operations {
        if open.contains(&(method.as_str(), path.as_str())) {
            let status = ask(&guarded.nobody(), method, path, "x").status;
            // Who asks for a token says what for.
            assert!(matches!((&**method, status), ("GET", 200 | 503) | ("POST", 400)), "{path}");
            continue;
        }
        let right = said["x-seismic-right"].as_str();
        let right = right.unwrap_or_else(|| panic!("{method} {path} says no right that it needs"));
        assert!(method == "GET" || right != "read", "{method} {path} changes something");
        assert!(right != "own" || path.ends_with("/own") || path.ends_with("/whoami"), "{path}");
        for (role, may, token) in &tokens {
            // Of a job that is not there, so that nothing is done.
            let answer = ask(&guarded.with(token), method, path, "nobody");
            match may.contains(&right) {
                true => {
                    assert!(
                        !matches!(answer.status, 401 | 403),
                        "{role} {method} {path}: {answer:?}"
                    );
                }
                false => {
                    assert_eq!(answer.error(403), "forbidden", "{role} {method} {path}");
                    assert!(answer.body.contains(role), "{answer:?}");
                }
            }
        }
        for client in [guarded.nobody(), guarded.with("seismic-wrong"), guarded.with("")] {
            let answer = ask(&client, method, path, "nobody");
            assert_eq!(answer.error(401), "unauthorized", "{method} {path}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    // What is at no route is no way to learn what is there.
    for path in ["/nothing", "/api/v1/", "/api/v2/jobs"] {
        assert_eq!(guarded.nobody().get(path).error(401), "unauthorized", "{path}");
    }
    guarded.end();
}

#[test]
fn a_token_of_a_project_reaches_its_jobs_and_learns_of_no_other() {
    let guarded = Guarded::start();
    guarded.submit(JOB);
    guarded.submit(&JOB.replace("coast", "northern").replace("rows", "northern-rows"));
    let wanted = json!({ "name": "dev", "roles": ["developer", "operator"], "jobs": ["coast*"] });
    let dev = guarded.with(&guarded.token_for(&wanted));
    for (method, path, said) in &operations(&guarded) {
        if said["security"].is_null() {
            continue;
        }
        if path.contains("{resource}") {
            assert_eq!(ask(&dev, method, path, "northern").error(403), "forbidden");
            continue;
        }
        if path.contains("{name}") {
            let there = ask(&dev, method, path, "northern");
            assert_eq!(there.error(403), "forbidden", "{method} {path}");
            // It is as if it were not there.
            let not_there = ask(&dev, method, path, "southern");
            assert_eq!(there.body.replace("northern", "southern"), not_there.body);
            continue;
        }
        let answer = ask(&dev, method, path, "dev");
        assert!(!answer.body.contains("northern"), "{method} {path}: {answer:?}");
        let is_shown = matches!(answer.status, 200 | 400);
        let is_of_all = path == "/metrics" || path.contains("/token");
        assert_eq!(is_shown, !is_of_all, "{method} {path}: {answer:?}");
    }
    // Nor do they learn who has a place that they want.
    let taken = JOB.replace("coast", "coast-7").replace("'csv:rows'", "'csv:northern-rows'");
    let body = json!({ "text": taken }).to_string();
    for answer in [dev.post("/api/v1/jobs", &body), dev.post("/api/v1/check", &body)] {
        assert!(answer.body.contains("as a job of another project"), "{answer:?}");
        assert!(!answer.body.contains("job northern"), "{answer:?}");
    }
    let told = guarded.root().post("/api/v1/jobs", &body);
    assert_eq!(told.error(409), "conflict");
    assert!(told.body.contains("as job northern; give it its own"), "{told:?}");
    let names = |client: &Client| {
        let all = client.get("/api/v1/jobs").json(200);
        let all = all["jobs"].as_array().unwrap().iter();
        all.map(|it| it["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&dev), ["coast"]);
    assert_eq!(names(&guarded.root()), ["coast", "northern"]);
    // A job of another project is neither submitted nor copied, whatever the path says.
    let submit = |text: &str| dev.post("/api/v1/jobs", &json!({ "text": text }).to_string());
    let of_other = JOB.replace("coast", "northern");
    assert_eq!(submit(&of_other).error(403), "forbidden");
    assert_eq!(submit(&JOB.replace("coast", "other")).error(403), "forbidden");
    let copy = |name: &str| {
        let body = json!({ "name": name, "set": { "sink": "['csv:copied']" } }).to_string();
        dev.post("/api/v1/jobs/coast/copy", &body)
    };
    assert_eq!(copy("northern-2").error(403), "forbidden");
    assert_eq!(copy("coast-2").json(201)["name"], "coast-2");
    let draft = "/api/v1/jobs/coast/draft";
    let put = dev.with("X-Seismic-Request", "1");
    put.ask("PUT", draft, &json!({ "text": of_other }).to_string()).json(200);
    assert!(matches!(dev.post(&format!("{draft}/submit"), "{}").status, 403 | 409));
    let seen = guarded.root().get("/api/v1/jobs/northern/versions").json(200);
    assert_eq!(seen["newest"], 1);
    assert_eq!(names(&dev), ["coast", "coast-2"]);
    guarded.end();
}
