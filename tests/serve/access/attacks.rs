//! What is tried to get in, and to stay in.

use std::io::{Read as _, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{Guarded, JOB};
use crate::http::client::read;
use crate::stage::wait_until;

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

#[test]
fn a_token_counts_until_it_expires_is_rotated_or_withdrawn() {
    let guarded = Guarded::start();
    let get = |token: &str| guarded.with(token).get("/api/v1/jobs");
    let ends = json!({ "name": "short", "roles": ["viewer"], "expires_ms": now_ms() + 6_000 });
    let short = guarded.token_for(&ends);
    let who = guarded.with(&short).get("/api/v1/whoami").json(200);
    assert_eq!(
        (&who["who"], &who["may"], &who["is_proved"]),
        (&json!("short"), &json!(["own", "read"]), &json!(true))
    );
    wait_until("the token expires", || get(&short).status == 401);
    assert!(get(&short).body.contains("the token short has expired at"), "{:?}", get(&short));

    let first = guarded.token("anna", &["viewer"]);
    assert_eq!(get(&first).status, 200);
    let rotated = guarded.root().post("/api/v1/tokens/anna/rotate", "").json(200);
    let second = rotated["token"].as_str().unwrap();
    assert_eq!((get(&first).status, get(second).status), (401, 200));

    // Whoever follows with it is let go at once, and not when the connection ends.
    let mut stream = guarded.nobody().connect();
    let host = guarded.nobody().address;
    let ask = format!(
        "GET /api/v1/events?count=60 HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {second}\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(ask.as_bytes()).unwrap();
    let mut byte = [0];
    let mut begun = Vec::new();
    while !begun.ends_with(b"data: ") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "events have begun");
        begun.push(byte[0]);
    }
    let delete = guarded.root().with("X-Seismic-Request", "1");
    delete.ask("DELETE", "/api/v1/tokens/anna", "").json(202);
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.matches("event: jobs").count() < 20, "{rest}");
    assert_eq!(get(second).error(401), "unauthorized");

    // Names and numbers of those that are gone stay, and secrets are nowhere.
    let all = guarded.root().get("/api/v1/tokens");
    let shown = all.json(200)["tokens"].as_array().unwrap().clone();
    let anna = shown.iter().find(|it| it["name"] == "anna").unwrap();
    assert!(anna["revoked_ms"].is_i64() && anna["last_used_ms"].is_i64(), "{anna}");
    let again = json!({ "name": "anna", "roles": ["admin"] }).to_string();
    assert_eq!(guarded.root().post("/api/v1/tokens", &again).error(409), "conflict");
    let audit = Value::from(guarded.audit("")).to_string();
    let said = guarded.server.stderr();
    let folder = guarded.stage.stage.path("output");
    let files =
        std::fs::read_dir(folder).unwrap().filter_map(|it| std::fs::read(it.unwrap().path()).ok());
    let files: Vec<Vec<u8>> = files.collect();
    for secret in [short.as_str(), &first, second] {
        assert!(!all.body.contains(secret) && !audit.contains(secret) && !said.contains(secret));
        let has_it =
            |bytes: &Vec<u8>| bytes.windows(secret.len()).any(|it| it == secret.as_bytes());
        assert!(!files.iter().any(has_it));
    }
    guarded.end();
}

#[test]
fn nobody_gets_in_by_headers_paths_or_length() {
    let guarded = Guarded::start();
    let token = guarded.token("vera", &["viewer"]);
    let (nobody, host) = (guarded.nobody(), guarded.nobody().address);
    for value in [
        token.clone(),
        format!("Basic {token}"),
        format!("Bearer {token}x"),
        format!("Bearer {}", &token[..token.len() - 1]),
        format!("Bearer {}", token.to_uppercase()),
        format!("Bearer {token}, Bearer {token}"),
        format!("Bearer {}", "x".repeat(10_000)),
        "Bearer".to_owned(),
        "Bearer null".to_owned(),
    ] {
        let answer = nobody.with("Authorization", &value).get("/api/v1/jobs");
        assert_eq!(answer.error(401), "unauthorized", "{value}");
    }
    let huge = nobody.with("Authorization", &format!("Bearer {}", "x".repeat(1 << 20)));
    assert_eq!(huge.get("/api/v1/jobs").status, 431);
    // Elsewhere than in the header.
    assert_eq!(nobody.get(&format!("/api/v1/jobs?token={token}")).status, 401);
    assert_eq!(nobody.with("Cookie", &format!("token={token}")).get("/api/v1/jobs").status, 401);
    // Two headers, of which one is right.
    let two = format!(
        "GET /api/v1/jobs HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: Bearer \
         {token}\r\nAuthorization: Bearer wrong\r\n\r\n"
    );
    assert_eq!(nobody.send(two.as_bytes()).status, 401);
    // As somebody on this machine, or behind a proxy, or by another method.
    for (name, value) in [
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Seismic-User", "root"),
        ("X-HTTP-Method-Override", "GET"),
        ("X-Original-URL", "/healthz"),
        ("Host", "localhost"),
    ] {
        assert_eq!(nobody.with(name, value).get("/api/v1/jobs").status, 401, "{name}");
    }
    for path in [
        "//api/v1/jobs",
        "/healthz/../api/v1/jobs",
        "/healthz%2f..%2fapi%2fv1%2fjobs",
        "/api/v1/jobs/",
        "/api/v1/jobs#/healthz",
        "/api/v1/jobs?/healthz",
        "/api/v1/jobs;/healthz",
        "/API/V1/JOBS",
        "/style.css/../metrics",
        "/metrics/",
    ] {
        let answer = nobody.get(path);
        assert!(matches!(answer.status, 400 | 401), "{path}: {answer:?}");
    }
    for method in ["HEAD", "OPTIONS", "TRACE", "PATCH", "CONNECT"] {
        let answer = nobody.ask(method, "/api/v1/jobs", "");
        assert!(matches!(answer.status, 0 | 400 | 401 | 403), "{method}: {answer:?}");
    }
    // A viewer is whom the token names, whatever is said.
    let vera = guarded.with(&token).with("X-Seismic-User", "root");
    assert_eq!(vera.get("/api/v1/whoami").json(200)["who"], "vera");
    assert_eq!(
        vera.post("/api/v1/tokens", r#"{"name":"me","roles":["admin"]}"#).error(403),
        "forbidden"
    );
    // A name that would be another header, markup, or another line of a log.
    for name in ["a\r\nSet-Cookie: x=y", "<b>", "a b", "", "../x", "a\u{1b}[2K", &"x".repeat(65)] {
        let wanted = json!({ "name": name, "roles": ["viewer"] }).to_string();
        assert_eq!(
            guarded.root().post("/api/v1/tokens", &wanted).error(400),
            "bad_request",
            "{name}"
        );
    }
    for (roles, jobs) in [
        (json!(["root"]), json!(["*"])),
        (json!([]), json!(["*"])),
        (json!(["viewer"]), json!(["a b"])),
    ] {
        let wanted = json!({ "name": "new", "roles": roles, "jobs": jobs }).to_string();
        assert_eq!(
            guarded.root().post("/api/v1/tokens", &wanted).error(400),
            "bad_request",
            "{wanted}"
        );
    }
    guarded.end();
}

#[test]
fn pages_of_other_sites_write_nothing_also_with_a_token_that_counts() {
    let guarded = Guarded::start();
    guarded.submit(JOB);
    let root = guarded.root();
    let delete = "/api/v1/jobs/coast";
    for (name, value) in [
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Host", "evil.example"),
    ] {
        let evil = root.with(name, value).with("X-Seismic-Request", "1");
        assert_eq!(evil.ask("DELETE", delete, "").error(403), "forbidden", "{name}: {value}");
    }
    // A form cannot send the header, and says no JSON.
    let form = root.with("Content-Type", "application/x-www-form-urlencoded");
    assert_eq!(form.ask("POST", "/api/v1/jobs/coast/start", "a=b").error(403), "forbidden");
    let answer = root.get("/api/v1/jobs");
    assert_eq!(answer.json(200)["jobs"][0]["state"], "created");
    for header in ["access-control-allow-origin", "set-cookie"] {
        assert_eq!(answer.header(header), None, "{header}");
    }
    guarded.end();
}

#[test]
fn who_is_refused_is_counted_noted_within_bounds_and_slows_nobody() {
    let guarded = Guarded::start();
    let vera = guarded.with(&guarded.token("vera", &["viewer"]));
    // Half a head each, for as long as a head may take.
    let slow: Vec<_> = (0..50)
        .map(|_| {
            let mut stream = guarded.nobody().connect();
            stream.write_all(b"GET /api/v1/jobs HTTP/1.1\r\nHost: 127").unwrap();
            stream
        })
        .collect();
    for _ in 0..2_000 {
        assert_eq!(guarded.with("seismic-guess").get("/api/v1/jobs").status, 401);
    }
    assert_eq!(vera.get("/api/v1/jobs").status, 200);
    drop(slow);
    assert_eq!(vera.post("/api/v1/jobs/coast/start", "{}").error(403), "forbidden");
    let metrics = guarded.root().get("/metrics").body;
    let count = |code: &str| {
        let name = format!("seismic_http_refusals_total{{code=\"{code}\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
        line.unwrap_or_else(|| panic!("{code}: {metrics}")).parse::<u64>().unwrap()
    };
    assert_eq!((count("unauthorized"), count("forbidden")), (2_000, 1));
    wait_until("that vera was refused is noted", || !guarded.audit("?who=vera").is_empty());
    let of_vera = &guarded.audit("?who=vera")[0];
    assert_eq!(
        (&of_vera["action"], &of_vera["result"], &of_vera["job"]),
        (&json!("start"), &json!("forbidden"), &json!("coast"))
    );
    let all = guarded.audit("?limit=1000");
    let guesses = all.iter().filter(|it| it["result"] == "unauthorized").count();
    assert!((1..1_000).contains(&guesses), "{guesses}");
    // Nothing pushed out what was done.
    assert!(all.iter().any(|it| it["action"] == "create token" && it["who"] == "root"));
    let mut idle = guarded.nobody().connect();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        .unwrap();
    assert_eq!(read(&mut idle).status, 200);
    guarded.end();
}

#[test]
fn on_this_machine_nobody_needs_a_token_unless_a_proxy_asks_and_it_is_said() {
    let stage = super::ServeStage::with_records(&["--records", "100"]);
    let server = stage.stage.spawn(&["serve", "--http", "127.0.0.1:0"]);
    let url = super::url_of(&server);
    let local =
        crate::http::client::Client::new(url.trim_start_matches("http://").parse().unwrap());
    wait_until("it is said", || server.stderr().contains("no token is asked for"));
    assert!(server.stderr().contains("--http-require-token"), "{}", server.stderr());
    let who = local.with("X-Seismic-User", "carl").get("/api/v1/whoami").json(200);
    assert_eq!((&who["who"], &who["is_proved"]), (&json!("carl"), &json!(false)));
    assert_eq!(
        local.with("X-Forwarded-For", "10.0.0.7").get("/api/v1/jobs").error(401),
        "unauthorized"
    );
    // What a token says counts here, too.
    let made = local.post("/api/v1/tokens", r#"{"name":"vera","roles":["viewer"]}"#).json(201);
    let vera = local.with("Authorization", &format!("Bearer {}", made["token"].as_str().unwrap()));
    assert_eq!(vera.get("/api/v1/tokens").error(403), "forbidden");
    assert_eq!(local.with("Authorization", "Bearer wrong").get("/api/v1/jobs").status, 401);
    server.stop_within(rustix::process::Signal::TERM, crate::stage::STOP).ok();
}
