//! What the generator says it published is what the pipeline says it found, kind by kind.

use seismic_generator::RecordKind;
use serde_json::Value;

use crate::stage::Stage;
use crate::truth::{self, Reasons, int};

/// The dead letters that the records of a generator's summary must end as.
pub fn expected_reasons(summary: &Value) -> Reasons {
    let mut reasons = Reasons::new();
    for kind in RecordKind::ALL {
        let records = int(&summary["by_kind"], kind.name());
        if let (Some(reason), 1..) = (kind.reason(), records) {
            *reasons.entry(reason.to_owned()).or_default() += records;
        }
    }
    reasons
}

/// Publishes a tenth anomalies, drains, and compares every count that anyone shows.
fn compare(seed: &str, pack: &str) {
    let options =
        ["--records", "6000", "--anomaly-percent", "10", "--sensors", "20", "--sample-rate-hz"];
    let stage = Stage::new();
    let summary =
        stage.generate(&[&options[..], &["100", "--seed", seed, "--pack", pack]].concat());
    stage.ok(&["run", "--drain", "--sink", "csv:csv"]);
    let status = stage.status();

    let expected = expected_reasons(&summary);
    let all = status["by_reason"].as_object().unwrap().iter();
    let counted: Reasons = all
        .map(|(reason, records)| (reason.clone(), records.as_u64().unwrap()))
        .filter(|&(_, records)| records > 0)
        .collect();
    assert_eq!(counted, expected, "status, seed {seed}, pack {pack}");
    assert_eq!(truth::check(&stage), expected, "dead letters, seed {seed}, pack {pack}");

    let by_kind = |kind: RecordKind| int(&summary["by_kind"], kind.name());
    let published: u64 = RecordKind::ALL.into_iter().map(by_kind).sum();
    assert_eq!((published, int(&summary, "published")), (6_000, 6_000));
    assert_eq!(int(&status, "read"), published);
    assert_eq!(int(&status, "closed"), by_kind(RecordKind::Valid) + by_kind(RecordKind::Duplicate));
    let places = ["closed", "open", "late", "rejected"];
    assert_eq!(places.iter().map(|place| int(&status, place)).sum::<u64>(), published);

    truth::check_csv(&stage, "csv");
    stage.verify(&["csv"]);
}

#[test]
fn every_kind_that_was_published_is_counted_under_its_reason() {
    ["1", "2", "3"].into_iter().for_each(|seed| compare(seed, "1"));
}

#[test]
fn every_kind_is_counted_under_its_reason_when_messages_are_packed() {
    ["1", "2", "3"].into_iter().for_each(|seed| compare(seed, "7"));
}

#[test]
fn duplicates_are_rejected_when_that_is_asked_for() {
    let stage = Stage::new();
    let summary = stage.generate(&["--anomaly-percent", "30", "--seed", "4"]);
    stage.ok(&["run", "--drain", "--dedupe", "time"]);
    let mut expected = expected_reasons(&summary);
    expected.insert("duplicate".to_owned(), int(&summary["by_kind"], "duplicate"));
    assert_eq!(truth::check(&stage), expected);
    stage.verify(&[]);
}

#[test]
fn every_kind_of_anomaly_is_published() {
    let stage = Stage::new();
    let summary = stage.generate(&["--anomaly-percent", "50"]);
    for kind in RecordKind::ALL {
        assert!(int(&summary["by_kind"], kind.name()) > 0, "no {}", kind.name());
    }
}
