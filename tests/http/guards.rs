//! Requests that the guards refuse.

use super::ServedJob;
use super::client::Client;
use crate::stage::Stage;

#[test]
fn other_names_other_sites_and_bare_writes_are_refused() {
    let stage = Stage::with_records(&["--records", "100"]);
    let served = ServedJob::start(&stage, &["--sink", "csv:rows"]);
    served.until_ready();
    let client = &served.client;
    let refused =
        |client: &Client, method: &str, path: &str| client.ask(method, path, "{}").error(403);
    // A page under a name that its owner points at this machine.
    for host in ["evil.example", "evil.example:80", "127.0.0.1.evil.example"] {
        refused(&client.with("Host", host), "GET", "/api/v1/jobs");
        refused(&client.with("Host", host), "GET", "/metrics");
    }
    // A page of another site.
    refused(&client.with("Origin", "http://evil.example"), "GET", "/api/v1/jobs");
    refused(&client.with("Sec-Fetch-Site", "cross-site"), "GET", "/api/v1/jobs");
    let evil = client.with("Origin", "http://evil.example").with("X-Seismic-Request", "1");
    refused(&evil, "POST", "/api/v1/jobs/seismic/stop");
    // A form, which cannot send a header of its own.
    let form = client.with("Content-Type", "application/x-www-form-urlencoded");
    refused(&form, "POST", "/api/v1/jobs/seismic/stop");
    // And the job works on.
    let page = client.with("Origin", &format!("http://{}", client.address));
    let answer = page.get("/api/v1/jobs");
    assert_eq!(answer.json(200)["jobs"][0]["state"], "running");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{answer:?}");
    }
    assert!(answer.header("content-security-policy").unwrap().contains("default-src 'none'"));
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[test]
fn what_is_no_request_of_ours_is_refused_and_the_job_works_on() {
    let stage = Stage::with_records(&["--records", "100"]);
    let served = ServedJob::start(&stage, &["--sink", "csv:rows"]);
    served.until_ready();
    let client = &served.client;
    for path in [
        "/../../etc/passwd",
        "/api/v1/jobs/..%2f..%2fetc%2fpasswd",
        "/api/v1/jobs/%00",
        "/api/v1/jobs/a%0d%0aX-Evil:%201",
        "/api/v1/",
        "/index.html",
    ] {
        let answer = client.get(path);
        assert!(matches!(answer.status, 400 | 404), "{path}: {answer:?}");
        assert_eq!(answer.header("x-evil"), None);
        assert!(!answer.body.contains("root:"), "{path}");
    }
    let long = "x".repeat(1 << 20);
    let savepoints = "/api/v1/jobs/seismic/savepoints";
    assert_eq!(client.post(savepoints, &format!(r#"{{"name":"{long}"}}"#)).error(413), "too_large");
    let head = client.with("X-Long", &long).get("/api/v1/jobs");
    assert_eq!(head.status, 431, "{head:?}");
    let uri = client.get(&format!("/api/v1/jobs?{long}"));
    assert!(matches!(uri.status, 414 | 431), "{uri:?}");
    for bytes in [
        &b"\0\0\0\0"[..],
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"PRI * HTTP/2.0\r\n\r\n",
    ] {
        let answer = client.send(&[bytes, &b"\r\n\r\n"[..]].concat());
        assert!(matches!(answer.status, 0 | 400 | 505), "{answer:?}");
    }
    assert_eq!(client.get("/api/v1/jobs").json(200)["jobs"][0]["state"], "running");
}

#[test]
fn an_address_that_others_reach_needs_a_token() {
    let stage = Stage::with_records(&["--records", "100"]);
    let refused = stage.refused(&["run", "--http", "0.0.0.0:0"], 2);
    assert!(refused.contains("--http-token-file"), "{refused}");
    let token = "6f1c9c0a5d1e4e1f8a2b";
    std::fs::write(stage.path("token"), format!("{token}\n")).unwrap();
    let options = ["--sink", "csv:rows", "--http-token-file", "token"];
    let served = ServedJob::at(&stage, "0.0.0.0:0", &options);
    let mut address = served.client.address;
    address.set_ip([127, 0, 0, 1].into());
    let client = Client::new(address);
    // Probes are for whoever starts it again; everything else is not.
    assert_eq!(client.get("/healthz").status, 200);
    for path in ["/metrics", "/api/v1/jobs", "/api/v1/openapi.json"] {
        let answer = client.get(path);
        assert_eq!(answer.error(401), "unauthorized", "{path}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        let wrong = client.with("Authorization", "Bearer 6f1c9c0a5d1e4e1f8a2c");
        assert_eq!(wrong.get(path).error(401), "unauthorized", "{path}");
        let right = client.with("Authorization", &format!("Bearer {token}"));
        assert_eq!(right.get(path).status, 200, "{path}");
    }
    assert!(!served.job.stderr().contains(token));
}

#[test]
fn what_cannot_be_served_is_said_before_the_job_begins() {
    let stage = Stage::with_records(&["--records", "100"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = stage.refused(&["run", "--http", &address], 2);
    assert!(refused.contains("another program listens there"), "{refused}");
    for (http, why) in [
        ("nowhere", "no address and port"),
        ("127.0.0.1:0,ready=1s", "there are ready_lag"),
        ("127.0.0.1:0,token_file=missing", "cannot be read"),
    ] {
        let refused = stage.refused(&["run", "--http", http], 2);
        assert!(refused.contains(why), "{http}: {refused}");
    }
    let alone = stage.refused(&["run", "--http-token-file", "x"], 2);
    assert!(alone.contains("--http ADDR"), "{alone}");
    // In a file as on the command line, as a word or as a table.
    std::fs::write(stage.path("job.toml"), format!("[http]\naddress = \"{address}\"\n")).unwrap();
    let refused = stage.refused(&["run", "--job", "job.toml"], 2);
    assert!(refused.contains("another program listens there"), "{refused}");
    std::fs::write(stage.path("job.toml"), "[http]\naddress = \"127.0.0.1:0\"\nready = 1\n")
        .unwrap();
    let refused = stage.refused(&["run", "--job", "job.toml"], 2);
    assert!(refused.contains("job.toml:1: http") && refused.contains("ready_lag"), "{refused}");
}
