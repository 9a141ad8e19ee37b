//! Addresses, secrets, TLS, and what `doctor` and `--ddl` say.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use seismic_brokers::Certificates;
use seismic_proto::Schema;
use seismic_queue::Kind;
use seismic_sinks::conformance::{ROWS, spans_of};
use seismic_sinks::{Context, Result, Sink as _, SinkSpec};
use serde_json::Value;

use super::fake::{Fake, Fault};
use super::indices;

fn recover(spec: &str) -> Result<()> {
    let spec: SinkSpec = spec.parse().unwrap();
    let context = Context::new("home", "results");
    seismic_sinks::open(&spec, &context)
        .and_then(|mut sink| sink.recover(&spans_of(ROWS)).map(drop))
}

/// What `doctor` says.
fn examined(spec: &str) -> String {
    let spec: SinkSpec = spec.parse().unwrap();
    let findings = (spec.entry().examine)(&spec);
    findings.iter().map(|finding| format!("{finding:?}\n")).collect()
}

#[test]
fn an_address_that_cannot_be_or_has_a_password_is_refused_and_shown_nowhere() {
    for spec in [
        "opensearch:http://me:hunter2@db:9200",
        "elasticsearch:https://me:hu/n@ter2@db:9200",
        "opensearch:https://me:hu/nter2@db:9200",
    ] {
        let error = spec.parse::<SinkSpec>().unwrap_err().to_string();
        assert!(!error.contains("ter2"), "{error}");
        assert!(error.contains("password_file"), "{error}");
    }
    for (spec, why) in [
        ("opensearch", "no address"),
        ("opensearch:db:9200", "no address"),
        ("opensearch:ftp://db:9200", "no address"),
        ("opensearch:http://:9200", "no host"),
        ("opensearch:http://db:9200?pretty", "more than host"),
        ("opensearch:http://db,password_file=p", "needs a user"),
        ("opensearch:http://me@db,api_key_file=p", "exclude each other"),
        ("opensearch:http://db,ssl_ca=ca.pem", "without https"),
        ("opensearch:http://db,index=Rows", "small letters"),
        ("opensearch:http://db,batch_rows=100001", "from 0 to 100000"),
        ("opensearch:http://db,flush_ms=100000001", "from 0 to 100000000 ms"),
        ("opensearch:http://db,batch_bytes=1GiB", "from 1024 to 100000000"),
        ("opensearch:http://db,merge_panes=true", "has no option \"merge_panes\""),
        ("opensearch:http://db,columns=a:", "a name of its own"),
    ] {
        let error = spec.parse::<SinkSpec>().unwrap_err().to_string();
        assert!(error.contains(why), "{spec}: {error}");
    }
    let one: SinkSpec = "elasticsearch:http://me@db:9200/".parse().unwrap();
    assert_eq!(one.scheme(), "opensearch");
    assert_eq!(one.name(), "opensearch:http://db:9200,index=seismic-%Y.%m.%d");
    assert_eq!(one.name().parse::<SinkSpec>().unwrap().name(), one.name());
    let other: SinkSpec = "opensearch:http://db:9200,index=x".parse().unwrap();
    assert!(!one.is_same_place(&other));
    assert_eq!((one.batch_rows(), one.flush_every().as_millis()), (1_000, 1_000));
}

#[test]
fn secrets_come_from_files_and_are_in_no_message() {
    let (fake, _) = indices("");
    let folder = tempfile::tempdir().unwrap();
    let secret = |name: &str, text: &str| {
        let at = folder.path().join(name);
        fs::write(&at, text).unwrap();
        at.display().to_string()
    };
    let (password, key) = (secret("password", "hunter2\n"), secret("key", "id:hunter2"));
    let encoded = secret("encoded", "aWQ6aHVudGVyMg==\n");
    for (spec, header) in [
        (
            format!("opensearch:http://keeper@{},password_file={password}", fake.address()),
            "Basic a2VlcGVyOmh1bnRlcjI=",
        ),
        (
            format!("opensearch:http://{},api_key_file={key}", fake.address()),
            "ApiKey aWQ6aHVudGVyMg==",
        ),
        (
            format!("opensearch:http://{},api_key_file={encoded}", fake.address()),
            "ApiKey aWQ6aHVudGVyMg==",
        ),
    ] {
        fake.heal();
        recover(&format!("{spec},create=true")).unwrap();
        for request in fake.requests() {
            let head = request.head.to_lowercase();
            assert!(head.contains(&format!("authorization: {}", header.to_lowercase())), "{head}");
        }
        assert!(examined(&spec).contains("goes over the network as it is"));
        fake.plan(|_, _| Fault::Say(401, r#"{"error":{"type":"security_exception","reason":"unable to authenticate"},"status":401}"#));
        let error = recover(&spec).unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        let said = format!("{error} {}", examined(&spec));
        assert!(
            said.contains("401: security_exception") && said.contains("password_file=FILE"),
            "{said}"
        );
        for word in ["hunter", "keeper@", "a2VlcGVy", "aWQ6"] {
            assert!(!said.contains(word), "{said}");
        }
    }
    let none = format!("opensearch:http://me@{},password_file=/no/such", fake.address());
    assert!(recover(&none).unwrap_err().to_string().contains("/no/such"));
}

/// What a server shows as the holder of a certificate of that name.
fn holder(folder: &Path, name: &str) -> ServerConfig {
    let chain = CertificateDer::pem_file_iter(folder.join(format!("{name}.pem"))).unwrap();
    let chain = chain.map(std::result::Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(folder.join(format!("{name}.key"))).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap()
}

#[test]
fn tls_believes_its_authority_alone() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("tls");
    Certificates::make(&at);
    let file = |name: &str| at.join(name).display().to_string();
    let (server, expired) =
        (Fake::with_tls(holder(&at, "server")), Fake::with_tls(holder(&at, "expired")));
    let spec = |fake: &Fake, authority: &str| {
        format!("opensearch:https://{},create=true{authority}", fake.address())
    };
    let trusting = |name: &str| format!(",ssl_ca={}", file(name));
    recover(&spec(&server, &trusting("ca.pem"))).unwrap();
    let port = server.address().rsplit_once(':').unwrap().1;
    let elsewhere =
        format!("opensearch:https://localhost:{port},create=true{}", trusting("ca.pem"));
    for refused in [
        spec(&server, &trusting("stranger.pem")),
        spec(&server, ""),
        spec(&expired, &trusting("ca.pem")),
        elsewhere,
    ] {
        let error = recover(&refused).unwrap_err();
        assert_eq!(error.kind(), Kind::Config, "{refused}: {error}");
        assert!(error.to_string().contains("certificate"), "{error}");
        assert!(examined(&refused).contains("ssl_ca=FILE"));
    }
    for (name, why) in [("none.pem", "none.pem"), ("server.key", "else than certificates")] {
        let error = recover(&spec(&server, &trusting(name))).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
    assert!(server.indices().names().contains(&"seismic_position"));
    assert!(expired.indices().names().is_empty(), "nothing was sent to it");
}

#[test]
fn doctor_says_what_is_missing_and_what_weakens_the_promise() {
    let (fake, place) = indices("");
    let spec = format!("opensearch:http://{},index=rows-%Y.%m.%d", fake.address());
    let said = examined(&spec);
    for part in [
        "opensearch 2.19.6",
        "no index template rows-yyyy.mm.dd",
        "no index seismic_position",
        "create=true",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = examined(&format!("{spec},create=true"));
    assert!(said.contains("seismic_position will be made"), "{said}");
    place.sink_at(fake.address()).recover(&spans_of(ROWS)).map(drop).unwrap();
    fake.indices().set("rows-1970.01.01", "index.translog.durability", "async");
    fake.indices().set("seismic_position", "index.number_of_replicas", "0");
    let said = examined(&spec);
    for part in [
        "template rows-yyyy.mm.dd is there",
        "durability of rows-1970.01.01 is not request",
        "seismic_position has no replica",
        "its position is that of store home",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let error = examined(&format!("{spec},time=sensor_id"));
    assert!(error.contains("no times in ms"), "{error}");
    let gone = examined("opensearch:http://127.0.0.1:1");
    assert!(gone.contains("start the server"), "{gone}");
}

#[test]
fn the_definitions_are_a_template_and_an_index_of_positions() {
    let spec: SinkSpec = "opensearch:http://db:9200".parse().unwrap();
    let ddl = (spec.entry().ddl.unwrap())(&spec, Schema::windows()).unwrap();
    let (template, positions) = ddl.split_once("PUT /seismic_position\n").unwrap();
    let template = template.strip_prefix("PUT /_index_template/seismic-yyyy.mm.dd\n").unwrap();
    let template: Value = serde_json::from_str(template).unwrap();
    assert_eq!(template["index_patterns"][0], "seismic-*.*.*");
    let fields = &template["template"]["mappings"]["properties"];
    for (field, kind) in [
        ("sensor_id", "keyword"),
        ("window_start_ts", "date"),
        ("max_amplitude", "float"),
        ("rsam", "double"),
        ("pane", "integer"),
        ("closed_by", "keyword"),
        ("result_offset", "long"),
    ] {
        assert_eq!(fields[field]["type"], kind, "{field}");
    }
    let positions: Value = serde_json::from_str(positions).unwrap();
    assert_eq!(positions["mappings"]["dynamic"], false);
}
