//! Findings about brokers, from their settings. Names are those of RocketMQ's `BrokerConfig` and
//! `MessageStoreConfig`.

use std::collections::BTreeMap;

use crate::limits;
use seismic_queue::Finding;

/// Retention below this is shorter than a long weekend's outage, hours.
const RESERVED_HOURS: u64 = 96;

/// Settings of each broker, by its name.
pub(crate) fn brokers(settings: &BTreeMap<String, BTreeMap<String, String>>) -> Vec<Finding> {
    if settings.is_empty() {
        return vec![Finding::problem(
            "the nameserver knows no broker",
            "start one, or wait until it is registered: up to half a minute",
        )];
    }
    settings.iter().flat_map(|(name, settings)| broker(name, settings)).collect()
}

fn broker(name: &str, settings: &BTreeMap<String, String>) -> Vec<Finding> {
    let of = |key: &str| settings.get(key).map(String::as_str);
    let mut findings = vec![flush(name, of("flushDiskType"))];
    let pulls = limits::PULL_MESSAGES.into();
    let why = "a pull brings no more messages than this";
    for key in ["maxTransferCountOnMessageInMemory", "maxTransferCountOnMessageInDisk"] {
        findings.push(Finding::at_least(name, key, of(key), pulls, why));
    }
    let why = "older messages are deleted whether the job has read them or not";
    let key = "fileReservedTime";
    findings.push(Finding::at_least(name, key, of(key), RESERVED_HOURS, why));
    findings
}

fn flush(name: &str, found: Option<&str>) -> Finding {
    let found = found.unwrap_or("unknown");
    let what = format!("{name}: flushDiskType is {found}");
    match found {
        "SYNC_FLUSH" => Finding::fine(what),
        _ => Finding::warning(
            what,
            "set it to SYNC_FLUSH: a power cut loses messages that were acknowledged",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seismic_queue::Level;

    fn settings(pairs: &[(&str, &str)]) -> BTreeMap<String, BTreeMap<String, String>> {
        let of = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        [("broker-a".to_owned(), pairs.iter().map(of).collect())].into()
    }

    #[test]
    fn a_broker_as_it_comes_has_four_warnings_and_one_as_advised_none() {
        let count = |pairs: &[(&str, &str)]| {
            let findings = brokers(&settings(pairs));
            findings.iter().filter(|finding| finding.level == Level::Warning).count()
        };
        let as_it_comes = [
            ("flushDiskType", "ASYNC_FLUSH"),
            ("maxTransferCountOnMessageInMemory", "32"),
            ("maxTransferCountOnMessageInDisk", "8"),
            ("fileReservedTime", "72"),
        ];
        assert_eq!(count(&as_it_comes), 4);
        let as_advised = [
            ("flushDiskType", "SYNC_FLUSH"),
            ("maxTransferCountOnMessageInMemory", "4096"),
            ("maxTransferCountOnMessageInDisk", "4096"),
            ("fileReservedTime", "168"),
        ];
        assert_eq!(count(&as_advised), 0);
    }

    #[test]
    fn no_broker_at_all_is_a_problem() {
        assert_eq!(brokers(&BTreeMap::new())[0].level, Level::Problem);
    }
}
