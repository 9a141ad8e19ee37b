//! What is tried with files that are sent to a server.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};

use rustix::process::Signal;
use serde_json::json;

use super::contents;
use crate::http::client::{Client, read};
use crate::job::dimension::USAGE;
use crate::serve::access::Guarded;
use crate::stage::{STOP, wait_until};

const LIMIT: usize = 64 << 20;

fn put(client: &Client, name: &str, content: &str) -> crate::http::client::Answer {
    let client = client.with("X-Seismic-Request", "1");
    client.ask("PUT", &format!("/api/v1/resources/{name}"), content)
}

fn delete(client: &Client, name: &str) -> crate::http::client::Answer {
    client.with("X-Seismic-Request", "1").ask("DELETE", &format!("/api/v1/resources/{name}"), "")
}

/// The files of the stage, but for those of the state.
fn files(guarded: &Guarded) -> BTreeSet<String> {
    let all = fs::read_dir(guarded.stage.stage.path("")).unwrap();
    all.map(|it| it.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn no_name_leads_out_of_the_folder_or_is_markup() {
    let guarded = Guarded::start();
    let (root, before) = (guarded.root(), files(&guarded));
    for name in [
        "..",
        "%2e%2e",
        "..%2fevil",
        "..%2f..%2fserve.toml",
        "%2fetc%2fpasswd",
        "..%5cevil",
        ".new-1-0",
        "a%00b",
        "a%0d%0aX-Evil:%201",
        "%3Cimg%20src=x%20onerror=alert(1)%3E",
        "k%C3%BCste",
        "",
        &"x".repeat(101),
    ] {
        for method in ["PUT", "GET", "DELETE"] {
            let path = format!("/api/v1/resources/{name}");
            let answer = root.with("X-Seismic-Request", "1").ask(method, &path, "evil");
            assert!(matches!(answer.status, 400 | 404 | 405), "{method} {name}: {answer:?}");
            assert_eq!(answer.header("x-evil"), None);
        }
    }
    for path in ["/api/v1/resources/../../../serve.toml", "/api/v1/resources/a/../../tokens/x"] {
        let answer = root.with("X-Seismic-Request", "1").ask("PUT", path, "evil");
        assert!(matches!(answer.status, 404 | 405), "{path}: {answer:?}");
    }
    assert_eq!(files(&guarded), before);
    assert!(contents(&guarded.stage.stage).is_empty());
    // What a file says is no page of this server.
    put(&root, "page.html", "<script>alert(1)</script>").json(200);
    let answer = root.get("/api/v1/resources/page.html/content");
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    assert_eq!(answer.header("content-disposition"), Some("attachment"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    guarded.end();
}

#[test]
fn each_role_may_what_it_may_and_only_with_the_header() {
    let guarded = Guarded::start();
    let with = |role: &str| guarded.with(&guarded.token(role, &[role]));
    let (viewer, developer) = (with("viewer"), with("developer"));
    put(&developer, "table.csv", "a").json(200);
    for role in ["approver", "operator"] {
        assert_eq!(put(&with(role), "table.csv", "b").error(403), "forbidden", "{role}");
    }
    assert_eq!(put(&viewer, "table.csv", "b").error(403), "forbidden");
    assert_eq!(delete(&viewer, "table.csv").error(403), "forbidden");
    assert_eq!(viewer.get("/api/v1/resources/table.csv/content").body, "a");
    for path in ["", "/table.csv", "/table.csv/content"] {
        let path = format!("/api/v1/resources{path}");
        assert_eq!(guarded.nobody().get(&path).error(401), "unauthorized");
        assert_eq!(viewer.get(&path).status, 200);
    }
    // Without the header, and from pages of others.
    for (method, body) in [("PUT", "evil"), ("DELETE", "")] {
        let answer = developer.ask(method, "/api/v1/resources/table.csv", body);
        assert_eq!(answer.error(403), "forbidden");
        let other = developer.with("Origin", "https://evil.example").with("X-Seismic-Request", "1");
        assert_eq!(other.ask(method, "/api/v1/resources/table.csv", body).error(403), "forbidden");
    }
    assert_eq!(viewer.get("/api/v1/resources/table.csv/content").body, "a");
    assert_eq!(contents(&guarded.stage.stage).len(), 1);
    let audit = guarded.audit("");
    let put: Vec<_> = audit.iter().filter(|it| it["action"] == "put resource").collect();
    let results: BTreeSet<_> = put.iter().map(|it| it["result"].as_str().unwrap()).collect();
    assert_eq!(results, ["done", "forbidden"].into());
    assert!(put.iter().all(|it| it["job"].is_null()), "{put:?}");
    guarded.end();
}

#[test]
fn more_than_fits_and_what_comes_slowly_takes_nothing_from_others() {
    let guarded = Guarded::start();
    let root = guarded.root().with("X-Seismic-Request", "1");
    let token = guarded.token("dev", &["developer"]);
    let host = guarded.nobody().address;
    let head = |how: &str| {
        format!(
            "PUT /api/v1/resources/big HTTP/1.1\r\nHost: {host}\r\nX-Seismic-Request: 1\r\n\
             Authorization: Bearer {token}\r\nConnection: close\r\n{how}\r\n\r\n"
        )
    };
    // It is said before it has come, ...
    let answer = root.send(head(&format!("Content-Length: {}", LIMIT + 1)).as_bytes());
    assert_eq!(answer.error(413), "too_large");
    assert!(answer.body.contains("64 MiB"), "{answer:?}");
    // ... and where it does not say how long it is, when it has come so far.
    let mut stream = root.connect();
    stream.write_all(head("Transfer-Encoding: chunked").as_bytes()).unwrap();
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..=LIMIT >> 20 {
        let sent = write!(stream, "{:x}\r\n", piece.len())
            .and_then(|()| stream.write_all(&piece))
            .and_then(|()| stream.write_all(b"\r\n"));
        if sent.is_err() {
            break;
        }
    }
    assert_eq!(read(&mut stream).error(413), "too_large");
    wait_until("nothing is left of it", || contents(&guarded.stage.stage).is_empty());
    // The largest one is kept.
    let whole = "x".repeat(LIMIT);
    assert_eq!(put(&root, "largest", &whole).json(200)["bytes"], LIMIT);
    let got = root.get("/api/v1/resources/largest/content");
    assert!(got.body == whole, "{} bytes", got.body.len());

    // Whoever sends slowly keeps out others who send, and nobody else.
    let slow: Vec<_> = (0..4)
        .map(|_| {
            let mut stream = root.connect();
            stream.write_all(head("Content-Length: 100").as_bytes()).unwrap();
            stream
        })
        .collect();
    wait_until("four come", || contents(&guarded.stage.stage).len() == 5);
    assert_eq!(put(&root, "table.csv", "a").error(429), "too_many_requests");
    assert_eq!(root.get("/api/v1/jobs").status, 200);
    drop(slow);
    wait_until("their places are free", || put(&root, "table.csv", "a").status == 200);
    // An answer that nobody reads holds up nobody either.
    let mut idle: Vec<_> = (0..8).map(|_| root.connect()).collect();
    let get = format!(
        "GET /api/v1/resources/largest/content HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer \
         {token}\r\n\r\n"
    );
    for stream in &mut idle {
        stream.write_all(get.as_bytes()).unwrap();
        stream.read_exact(&mut [0; 100]).unwrap();
    }
    assert_eq!(root.get("/api/v1/resources/table.csv/content").body, "a");
    guarded.end();
}

#[test]
fn a_token_of_a_project_has_to_do_with_its_resources_alone() {
    let guarded = Guarded::start();
    let wanted = json!({ "name": "dev", "roles": ["developer"], "jobs": ["coast*"] });
    let dev = guarded.with(&guarded.token_for(&wanted));
    let root = guarded.root();
    put(&root, "north.csv", "Type,Value\n1,0.8\n").json(200);
    put(&dev, "coast.csv", "Type,Value\n1,0.8\n").json(200);
    for answer in [
        put(&dev, "north.csv", "evil"),
        delete(&dev, "north.csv"),
        dev.get("/api/v1/resources/north.csv"),
        dev.get("/api/v1/resources/north.csv/content"),
        dev.get("/api/v1/resources/nothing.csv"),
    ] {
        assert_eq!(answer.error(403), "forbidden");
    }
    let listed = dev.get("/api/v1/resources").json(200);
    assert_eq!(listed["resources"].as_array().unwrap().len(), 1);
    // Nor by a job that names it.
    let job = |name: &str, resource: &str| {
        let text = USAGE.replace("file:thresholds.csv", &format!("resource:{resource}"));
        json!({ "text": format!("name = '{name}'\n{}", text.replace("\"usage", &format!("\"{name}"))) })
            .to_string()
    };
    let refused = dev.post("/api/v1/jobs", &job("coast", "north.csv"));
    assert_eq!(refused.error(403), "forbidden");
    assert!(refused.body.contains("for resources coast*"), "{refused:?}");
    dev.post("/api/v1/jobs", &job("coast", "coast.csv")).json(201);
    let why = delete(&dev, "coast.csv");
    assert!(why.body.contains("version 1 of job coast"), "{why:?}");
    // A job of another project that has it is not named.
    let deleted = guarded.root().with("X-Seismic-Request", "1");
    root.post("/api/v1/jobs", &job("north", "coast.csv").replace("demo-s", "north-s")).json(201);
    deleted.ask("DELETE", "/api/v1/jobs/coast", "").json(202);
    let why = delete(&dev, "coast.csv");
    assert_eq!(why.error(409), "conflict");
    assert!(why.body.contains("of another project") && !why.body.contains("north"), "{why:?}");
    let shown = dev.get("/api/v1/resources/coast.csv").json(200);
    assert_eq!((&shown["is_pinned"], &shown["pinned_by"]), (&json!(true), &json!([])));
    guarded.server.stop_within(Signal::TERM, STOP).ok();
}

#[test]
fn a_job_that_is_submitted_reads_no_table_outside_of_the_roots() {
    let guarded = Guarded::start();
    let text =
        format!("name = 'usage'\n{}", USAGE.replace("file:thresholds.csv", "file:/etc/passwd"));
    let text = text.replace("key = \"Type\"", "format = \"csv\"\nkey = \"Type\"");
    let submission = json!({ "text": text }).to_string();
    let refused = guarded.root().post("/api/v1/jobs", &submission);
    assert_eq!(refused.error(403), "forbidden");
    assert!(refused.body.contains("dimension.Threshold: /etc/passwd"), "{refused:?}");
    guarded.end();
}
