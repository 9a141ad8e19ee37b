//! A job with a Kafka store of an earlier version of the program.

use std::fs;
use std::path::Path;

use seismic_brokers::Kafka;
use serde_json::Value;

use super::trial::Trial;
use crate::stage::{DEAD, ROWS, parse};
use crate::truth::int;

/// Rows and dead letters without where and when they were written: partition, key and value, in
/// order.
fn contents(text: &str) -> Vec<(u64, Value, Value)> {
    let content =
        |line: Value| (int(&line, "partition"), line["key"].clone(), line["value"].clone());
    let mut all: Vec<_> = parse(text).into_iter().map(content).collect();
    all.sort_by_key(|(partition, ..)| *partition);
    all
}

/// Asserts that a row has every field of the expected one, bit by bit as far as JSON shows them;
/// what was added to rows since may be there too.
fn assert_has(found: &Value, expected: &Value) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&found[name], value, "{name} of {found}");
    }
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_store_of_the_first_layout_goes_on_to_the_rows_that_its_own_program_made() {
    let archive = "tests/data/stores/kafka/cluster.tar.gz";
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join(archive);
    let Some(trial) = Kafka::of_archive(&archive).map(Trial::on) else { return };
    let stage = &trial.stage;
    stage.ok(&["verify", "--complete"]);
    let before = stage.status();
    assert_eq!(int(&before, "read"), 1_500, "{before}");
    let named = stage.json(&["checkpoint", "list", "--json"]).to_string();
    assert!(named.contains("before"), "{named}");
    let job = ["run", "--quiet", "--rollup", "10s"];
    stage.ok(&[&job[..], &["--max-records", "700", "--slots", "1"]].concat());
    // From here on by what today's program has committed.
    stage.ok(&[&job[..], &["--drain"]].concat());
    stage.ok(&["verify", "--complete"]);
    for topic in [ROWS, DEAD, "seismic-agg-topic-10s"] {
        let expected = trial.kafka.archived().join(format!("expected/{topic}.json"));
        let expected = contents(&fs::read_to_string(expected).unwrap());
        let found = contents(&stage.ok(&["read", topic, "--in", "home", "--format", "json"]));
        assert_eq!(found.len(), expected.len(), "{topic}");
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!((found.0, &found.1), (expected.0, &expected.1), "{topic}");
            assert_has(&found.2, &expected.2);
        }
    }
    stage.ok(&["sink", "csv:rows", "--until-caught-up"]);
    stage.verify(&["rows"]);
}
