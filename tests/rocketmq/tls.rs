//! A broker and a nameserver that accept only TLS with client certificates.

use seismic_brokers::RocketMq;
use serde_json::Value;

use crate::stage::{Done, Stage};

/// A stage beside an encrypted broker.
struct Encrypted {
    stage: Stage,
    rocketmq: RocketMq,
}

impl Encrypted {
    fn new() -> Option<Encrypted> {
        let rocketmq = RocketMq::encrypted()?;
        let mut stage = Stage::new();
        let url = rocketmq.url().replace("rocketmq:", "rocketmqs:");
        stage.place = vec!["--queue".to_owned(), url];
        Some(Encrypted { stage, rocketmq })
    }

    /// Runs `seismic` with these settings; where one names a file, that of the broker's folder.
    fn with(&self, settings: &[(&str, &str)], args: &[&str]) -> Done {
        let mut command = self.stage.command(args);
        for (name, value) in settings {
            let file = self.rocketmq.folder().join("tls").join(value);
            let is_file = name.ends_with("_FILE");
            command.env(name, if is_file { file.as_os_str() } else { value.as_ref() });
        }
        self.stage.start(command).wait()
    }
}

const OURS: [(&str, &str); 3] = [
    ("ROCKETMQ_TLS_CA_FILE", "ca.pem"),
    ("ROCKETMQ_TLS_CERT_FILE", "client.pem"),
    ("ROCKETMQ_TLS_KEY_FILE", "client.key"),
];

#[test]
#[ignore = "more on brokers: .ci/run"]
fn records_and_rows_go_over_tls() {
    let Some(encrypted) = Encrypted::new() else { return };
    // Sends and answers are longer than what one TLS record holds.
    encrypted.with(&OURS, &["generate", "--records", "80000"]).ok();
    let sink = "rocketmq:rows";
    encrypted.with(&OURS, &["run", "--drain", "--quiet", "--sink", sink]).ok();
    let verify = ["verify", "--complete", "--sink", sink, "--json"];
    let report = encrypted.with(&OURS, &verify).ok().stdout;
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["read"], 80_000, "{report}");
    assert_eq!(report["sinks"][0]["rows"], report["windows"], "{report}");
    // Another name than that of the host, if certificates have one.
    let named = [OURS.as_slice(), &[("ROCKETMQ_TLS_SERVER_NAME", "127.0.0.1")]].concat();
    encrypted.with(&named, &["read", "rows", "--in", "queue", "--max", "1"]).ok();
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_server_that_is_not_known_or_has_another_name_is_refused_with_words() {
    let Some(encrypted) = Encrypted::new() else { return };
    let generate = ["generate", "--records", "10"];
    let instead = |name: &'static str, value: &'static str| {
        let others = OURS.into_iter().filter(|(its, _)| *its != name);
        others.chain([(name, value)]).collect::<Vec<_>>()
    };
    for (name, value, words) in [
        ("ROCKETMQ_TLS_CA_FILE", "stranger.pem", "UnknownIssuer"),
        ("ROCKETMQ_TLS_SERVER_NAME", "elsewhere.test", "elsewhere.test"),
        ("ROCKETMQ_TLS_SERVER_NAME", "no name", "ROCKETMQ_TLS_SERVER_NAME"),
        ("ROCKETMQ_TLS_CA_FILE", "missing.pem", "missing.pem"),
        ("ROCKETMQ_TLS_CA_FILE", "client.key", "no certificate"),
        ("ROCKETMQ_TLS_KEY_FILE", "client.pem", "ROCKETMQ_TLS_KEY_FILE"),
    ] {
        let done = encrypted.with(&instead(name, value), &generate);
        assert_eq!(done.code, Some(2), "{name}={value}: {done}");
        assert!(done.stderr.contains(words), "{name}={value}: {done}");
    }
    let done = encrypted.with(&[], &generate);
    assert_eq!(done.code, Some(2), "{done}");
    assert!(done.stderr.contains("ROCKETMQ_TLS_CA_FILE"), "{done}");
    // The broker, for its part, does not know who has no certificate.
    let done = encrypted.with(&OURS[..1], &["read", "any", "--in", "queue"]);
    assert_eq!(done.code, Some(1), "{done}");
    assert!(done.stderr.contains("alert"), "{done}");
}
