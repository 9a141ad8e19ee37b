//! Encryption with an authority of one's own, and servers that others can reach.

use std::fs;

use rustix::process::Signal;
use seismic_brokers::Certificates;

use super::{ServeStage, make_root, url_of};
use crate::stage::{Running, STOP, wait_until};

/// A server that others can reach, with the certificate of a folder.
fn serve(stage: &ServeStage, folder: &str, name: &str) -> Running {
    let (cert, key) = (format!("{folder}/{name}.pem"), format!("{folder}/{name}.key"));
    let http = "0.0.0.0:0,requests_per_s=100000";
    stage.stage.spawn(&["serve", "--http", http, "--tls-cert", &cert, "--tls-key", &key])
}

/// Its address by which the certificate is valid.
fn address(server: &Running) -> String {
    let url = url_of(server);
    assert!(url.starts_with("https://"), "{url}");
    url.replace("0.0.0.0", "127.0.0.1")
}

#[test]
fn commands_check_whose_certificate_it_is_and_a_new_one_is_taken_at_a_signal() {
    let stage = ServeStage::with_records(&["--records", "100"]);
    let run = |args: &[&str]| stage.stage.run(args);
    make_root(&stage);
    Certificates::make(&stage.stage.path("old"));
    Certificates::make(&stage.stage.path("new"));
    let server = serve(&stage, "old", "server");
    let url = address(&server);
    let list = |ca: &str| {
        run(&["job", "list", "--server", &url, "--ca-file", ca, "--token-file", "root.token"])
    };
    list("old/ca.pem").ok();
    let top = ["top", "--once", "--server", &url, "--ca-file", "old/ca.pem"];
    run(&[&top[..], &["--token-file", "root.token"]].concat()).ok();
    // Signed by somebody else, or by no authority that is known.
    let refused = list("old/stranger.pem");
    assert!(refused.code != Some(0) && refused.stderr.contains("UnknownIssuer"), "{refused}");
    let unnamed = run(&["job", "list", "--server", &url, "--token-file", "root.token"]);
    assert!(unnamed.code != Some(0) && unnamed.stderr.contains("--ca-file"), "{unnamed}");
    // Of another host, and without a token or encryption.
    let elsewhere = url.replace("127.0.0.1", "localhost");
    let named = ["job", "list", "--server", &elsewhere, "--ca-file", "old/ca.pem"];
    assert_ne!(run(&named).code, Some(0));
    let bare = run(&["job", "list", "--server", &url, "--ca-file", "old/ca.pem"]);
    assert!(bare.code == Some(2) && bare.stderr.contains("need a token"), "{bare}");
    let plain = url.replace("https", "http");
    assert_ne!(run(&["job", "list", "--server", &plain]).code, Some(0));
    for (file, why) in [("root.token", "no certificate"), ("missing", "cannot be read")] {
        let wrong = list(file);
        assert!(wrong.code == Some(2) && wrong.stderr.contains(why), "{wrong}");
    }

    // A file that is no certificate changes nothing; a new certificate counts from the signal on.
    let good = fs::read(stage.stage.path("old/server.pem")).unwrap();
    fs::write(stage.stage.path("old/server.pem"), "not a certificate").unwrap();
    server.signal(Signal::HUP);
    wait_until("it is said", || server.stderr().contains("read before stays"));
    list("old/ca.pem").ok();
    drop(good);
    for name in ["server.pem", "server.key"] {
        fs::copy(stage.stage.path("new").join(name), stage.stage.path("old").join(name)).unwrap();
    }
    server.signal(Signal::HUP);
    wait_until("the new certificate counts", || list("new/ca.pem").code == Some(0));
    assert!(list("old/ca.pem").stderr.contains("invalid peer certificate"));
    server.stop_within(Signal::TERM, STOP).ok();
}

#[test]
fn an_expired_certificate_is_refused_by_commands_and_a_wrong_key_by_the_server() {
    let stage = ServeStage::with_records(&["--records", "100"]);
    make_root(&stage);
    Certificates::make(&stage.stage.path("certs"));
    let server = serve(&stage, "certs", "expired");
    let url = address(&server);
    let list = ["job", "list", "--server", &url, "--ca-file", "certs/ca.pem"];
    let done = stage.stage.run(&[&list[..], &["--token-file", "root.token"]].concat());
    assert!(done.code != Some(0) && done.stderr.to_lowercase().contains("expired"), "{done}");
    server.stop_within(Signal::TERM, STOP).ok();
    let refused = |cert: &str, key: &str| {
        let http = ["serve", "--http", "127.0.0.1:0"];
        stage.stage.refused(&[&http[..], &["--tls-cert", cert, "--tls-key", key]].concat(), 2)
    };
    let other = refused("certs/server.pem", "certs/client.key");
    assert!(other.contains("certs/client.key"), "{other}");
    assert!(refused("certs/server.key", "certs/server.key").contains("none in PEM"));
    assert!(refused("certs/server.pem", "missing").contains("missing cannot be read"));
    stage.stage.refused(&["serve", "--tls-cert", "certs/server.pem"], 2);
}

#[test]
fn an_address_that_others_reach_needs_encryption_and_a_token_of_an_admin() {
    let stage = ServeStage::with_records(&["--records", "100"]);
    let refused = stage.stage.refused(&["serve", "--http", "0.0.0.0:0"], 2);
    assert!(refused.contains("--tls-cert") && refused.contains("--http-plain"), "{refused}");
    let plain = ["serve", "--http", "0.0.0.0:0", "--http-plain"];
    let refused = stage.stage.refused(&plain, 2);
    assert!(refused.contains("seismic token create"), "{refused}");
    let needs = stage.stage.refused(&["serve", "--http", "127.0.0.1:0", "--http-require-token"], 2);
    assert!(needs.contains("seismic token create"), "{needs}");
    let root = make_root(&stage);
    let server = stage.stage.spawn(&plain);
    let url = url_of(&server).replace("0.0.0.0", "127.0.0.1");
    wait_until("it is said", || server.stderr().contains("connections are not encrypted"));
    let client =
        crate::http::client::Client::new(url.trim_start_matches("http://").parse().unwrap());
    for path in ["/metrics", "/api/v1/jobs", "/api/v1/openapi.json", "/api/v1/whoami"] {
        assert_eq!(client.get(path).error(401), "unauthorized", "{path}");
        let known = client.with("Authorization", &format!("Bearer {root}"));
        assert_eq!(known.get(path).status, 200, "{path}");
    }
    // Probes and the page itself are for everyone, and say nothing of jobs.
    for path in ["/healthz", "/readyz", "/", "/app.js"] {
        let answer = client.get(path);
        assert!(answer.status == 200, "{path}: {answer:?}");
    }
    server.stop_within(Signal::TERM, STOP).ok();
}
