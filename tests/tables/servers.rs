//! Tables of servers that have keys and values: Redis, HBase, and documents over HTTP, through the
//! program.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

#[cfg(feature = "hbase")]
use seismic_brokers::HBase;
#[cfg(feature = "redis")]
use seismic_brokers::Redis;

use crate::job::dimension::{self, USAGE, found, measured};
use crate::job::statement::append;
use crate::stage::Stage;

/// The job with its table at that place.
fn write_job(stage: &Stage, source: &str) {
    let job = USAGE.replace("source = \"file:thresholds.csv\"", source);
    fs::write(stage.path("usage.toml"), job).unwrap();
}

/// Two measurements, run and looked up.
fn look_up(stage: &Stage) -> Vec<String> {
    append(stage, &[measured("web", 90.0, 1), measured("tape", 60.0, 2)]);
    stage.ok(&["job", "check", "usage.toml"]);
    stage.ok(&["run", "--job", "usage.toml", "--until-caught-up"]);
    // What is shown as a file makes the same job.
    let shown = stage.ok(&["job", "show", "usage.toml"]);
    fs::write(stage.path("again.toml"), &shown).unwrap();
    stage.ok(&["job", "check", "again.toml"]);
    found(stage)
}

/// What `doctor` says of the table there.
fn doctor(stage: &Stage, source: &str) -> String {
    write_job(stage, source);
    let done = stage.run(&["doctor", "--job", "usage.toml", "--topic", "demo-source"]);
    done.stdout + &done.stderr
}

fn is_proved(stage: &Stage) {
    let proof = stage.ok(&["verify", "--complete", "--group", "usage"]);
    assert!(proof.starts_with("verified: "), "{proof}");
}

#[cfg(feature = "redis")]
#[test]
fn a_job_looks_things_up_in_keys_of_redis() {
    let Some(mut server) = Redis::start(&[]) else { return };
    let at = format!("source = \"redis://{}/0\"\n", server.address());
    for (key, value) in [("1", "0.8"), ("2", "0.5")] {
        server.call(0, &["HSET", &format!("hash:{key}"), "Value", value, "Other", "\u{ff}"]);
        server.call(0, &["SET", &format!("text:[{key}"), value]);
        server.call(0, &["HSET", "all", key, value]);
    }
    // Another one, which a pattern would find.
    server.call(0, &["SET", "text:1", "odd"]);
    let stages = ["hash:*", "text:[*", "all"].map(|table| {
        let stage = dimension::stage();
        write_job(&stage, &format!("{at}table = \"{table}\""));
        assert_eq!(look_up(&stage), ["tape 0.5", "web 0.8"], "{table}");
        let shown = stage.ok(&["status", "--group", "usage"]);
        assert!(shown.contains(&format!("/0, table {table}): version ")), "{shown}");
        stage
    });
    let stage = &stages[0];
    server.call(0, &["RPUSH", "list:1", "x"]);
    server.call(0, &["SET", "odd:1", "x"]);
    server.call(0, &["HSET", "raw:1", "Valu", "1"]);
    for (table, why) in [
        ("table = \"hash:*\"", "it can be read, and has 2 rows"),
        ("table = \"none\"", "there is no table none"),
        ("table = \"list:*\"", "the key \"list:1\" is a list, and rows are hashes or texts"),
        ("table = \"odd:*\"", "row 1: Value is to be real, and is the text \"x\""),
        ("table = \"text:1\"", "the key \"text:1\" is a string, and no hash"),
        ("query = \"KEYS *\"", "it answers no query"),
        ("", "say what is read there"),
        ("table = \"all\"\nsslmode = \"require\"", "has no option \"sslmode\""),
    ] {
        let said = doctor(stage, &format!("{at}{table}"));
        assert!(said.contains(why), "{table}: {said}");
    }
    server.kill();
    let said = doctor(stage, &format!("{at}table = \"all\""));
    assert!(said.contains("start the server, or correct host and port"), "{said}");
    stages.iter().for_each(is_proved);
}

#[cfg(feature = "hbase")]
#[test]
fn a_job_looks_things_up_in_hbase() {
    let Some(server) = HBase::start() else { return };
    let stage = dimension::stage();
    let made = r#"{"name":"limits","ColumnSchema":[{"name":"f","VERSIONS":"1"}]}"#;
    assert_eq!(server.ask("PUT", "/limits/schema", made).0, 201);
    // 1 and 2; f:Value of 0.8 and 0.5; f:Valu of nothing.
    let rows = r#"{"Row":[{"key":"MQ==","Cell":[{"column":"ZjpWYWx1ZQ==","$":"MC44"}]},
        {"key":"Mg==","Cell":[{"column":"ZjpWYWx1ZQ==","$":"MC41"}]}]}"#;
    assert_eq!(server.ask("PUT", "/limits/x", rows).0, 200);
    let at = format!("source = \"hbase:http://{}\"\n", server.address());
    let good = format!("{at}table = \"limits\"\nfamily = \"f\"");
    write_job(&stage, &good);
    assert_eq!(look_up(&stage), ["tape 0.5", "web 0.8"]);
    for (table, why) in [
        ("table = \"limits\"", "table limits has no column family w"),
        ("table = \"limit\"\nfamily = \"f\"", "there is no table limit"),
    ] {
        let said = doctor(&stage, &format!("{at}{table}"));
        assert!(said.contains(why), "{table}: {said}");
    }
    let job = fs::read_to_string(stage.path("usage.toml")).unwrap();
    let job = job.replace("table = \"limit\"", "table = \"limits\"").replace("Value", "Values");
    fs::write(stage.path("usage.toml"), job).unwrap();
    let said = stage.run(&["doctor", "--job", "usage.toml", "--topic", "demo-source"]).stdout;
    assert!(said.contains("none of its rows has a value Values; did you mean Value?"), "{said}");
    is_proved(&stage);
}

/// A server of one document.
fn serve(document: &str) -> (String, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/limits?of=discs", listener.local_addr().unwrap());
    let document = Arc::new(Mutex::new(document.to_owned()));
    let shown = Arc::clone(&document);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut request) = (stream.unwrap(), [0; 4096]);
            let _ = stream.read(&mut request);
            let body = shown.lock().unwrap().clone();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n", body.len());
            let _ = write!(stream, "{head}Connection: close\r\n\r\n{body}");
        }
    });
    (address, document)
}

#[test]
fn a_job_looks_things_up_in_a_document_over_http() {
    let rows = r#"[{"Type":1,"Value":0.8},{"Type":2,"Value":0.5,"more":{}}]"#;
    let (address, document) = serve(&format!(r#"{{"data":{{"limits":{rows}}}}}"#));
    let stage = dimension::stage();
    let good = format!("source = \"{address}\"\npath = \"data.limits\"");
    write_job(&stage, &good);
    assert_eq!(look_up(&stage), ["tape 0.5", "web 0.8"]);
    let shown = stage.ok(&["status", "--group", "usage"]);
    assert!(shown.contains(&format!("table Threshold ({address}): version ")), "{shown}");
    is_proved(&stage);
    for (said, why) in [
        (format!(r#"{{"data":{rows}}}"#), "data is a list, and has no limits"),
        ("<html>".to_owned(), "line 1: it is no JSON"),
        (r#"{"data":{"limits":[{"Type":1}]}}"#.to_owned(), "none of its objects has a key Value"),
    ] {
        *document.lock().unwrap() = said;
        let examined = doctor(&stage, &good);
        assert!(examined.contains(why), "{examined}");
    }
    *document.lock().unwrap() = "Value,Type\n0.25,1\n".to_owned();
    let examined = doctor(&stage, &format!("source = \"{address}\"\nformat = \"csv\""));
    assert!(examined.contains("it can be read, and has 1 rows"), "{examined}");
}
