//! Findings about the topics of an outlet, for `doctor`. It changes nothing.

use std::collections::HashMap;

use super::{Outlet, POSITIONS};
use crate::client::admin::Admin;
use crate::examine::{self, COMMITS};
use crate::limits;
use seismic_queue::{Finding, Result};

/// Segments of the topic of positions that are longer take long to be read by whoever takes over.
const SEGMENT_BYTES: u64 = 64 << 20;

impl Outlet {
    /// What weakens what it promises, or does not work.
    ///
    /// # Errors
    /// When the cluster cannot be asked.
    pub fn examine(&self) -> Result<Vec<Finding>> {
        let brokers = self.cluster.brokers()?;
        let mut findings = vec![Finding::fine(format!("{} brokers", brokers.len()))];
        for (right, resource) in self.cluster.missing_rights(&self.needs())? {
            findings.push(Finding::problem(
                format!("{right} on {resource} is missing: the sink writes there in transactions"),
                "grant it, as with kafka-acls.sh --add",
            ));
        }
        let admin = Admin::new(&self.cluster)?;
        for broker in brokers {
            // One that does not say keeps nobody from writing.
            let Ok(settings) = admin.broker_settings(broker) else { continue };
            let (key, least) =
                ("transaction.max.timeout.ms", limits::TRANSACTION_TIMEOUT.as_millis() as u64);
            let (name, found) = (format!("broker {broker}"), settings.get(key).map(String::as_str));
            let why = "else no transaction can be begun";
            findings.push(Finding::at_least(&name, key, found, least, why));
        }
        let topics = [self.topic.as_str(), POSITIONS].into_iter().chain(COMMITS);
        for topic in topics.filter(|topic| *topic != "__consumer_offsets") {
            let Ok(settings) = admin.settings(topic) else { continue };
            let min_in_sync = settings.get("min.insync.replicas").map(String::as_str);
            let replicas = self.cluster.replicas(topic)?;
            findings.extend(examine::replicas(topic, min_in_sync, &replicas));
            if topic == self.topic {
                findings.extend(of_rows(topic, &settings));
            } else if topic == POSITIONS {
                findings.extend(of_positions(&settings));
            }
        }
        Ok(findings)
    }
}

fn of<'a>(settings: &'a HashMap<String, String>, key: &str) -> &'a str {
    settings.get(key).map_or("not set", String::as_str)
}

fn is_clean(topic: &str, settings: &HashMap<String, String>) -> Finding {
    let key = "unclean.leader.election.enable";
    let what = format!("{topic}: {key} is {}", of(settings, key));
    match of(settings, key) {
        "true" => Finding::problem(
            what,
            "set it to false: a replica that lacks committed rows may become the leader, and the position \
             counts them",
        ),
        _ => Finding::fine(what),
    }
}

fn of_rows(topic: &str, settings: &HashMap<String, String>) -> Vec<Finding> {
    let key = "cleanup.policy";
    let what = format!("{topic}: {key} is {}", of(settings, key));
    let policy = match of(settings, key) {
        "delete" => Finding::fine(what),
        _ => Finding::warning(
            what,
            "set it to delete if readers need every row: compaction keeps the newest one of each sensor, and \
             `seismic verify --sink` names the others as missing",
        ),
    };
    vec![policy, is_clean(topic, settings)]
}

fn of_positions(settings: &HashMap<String, String>) -> Vec<Finding> {
    let what = |key: &str| format!("{POSITIONS}: {key} is {}", of(settings, key));
    let mut findings = Vec::new();
    let (policy, kept) = (of(settings, "cleanup.policy"), of(settings, "retention.ms"));
    findings.push(match (policy, kept) {
        ("compact", _) => Finding::fine(what("cleanup.policy")),
        ("delete", "-1") => Finding::warning(
            what("cleanup.policy"),
            "set it to compact: it grows with every commit, and all of it may be read by who takes over",
        ),
        _ => Finding::problem(
            what("cleanup.policy"),
            "set it to compact: a position that is deleted leaves it unknown which rows are there",
        ),
    });
    if of(settings, "segment.bytes").parse().is_ok_and(|bytes: u64| bytes > SEGMENT_BYTES) {
        findings.push(Finding::warning(
            what("segment.bytes"),
            "set it to 4194304: the last segment is never compacted, and is read by who takes over",
        ));
    }
    findings.push(is_clean(POSITIONS, settings));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use seismic_queue::Level::{Fine, Problem, Warning};

    #[test]
    fn positions_that_are_deleted_or_never_compacted_are_named() {
        let levels = |policy: &str, kept: &str, bytes: &str| {
            let settings = [
                ("cleanup.policy", policy),
                ("retention.ms", kept),
                ("segment.bytes", bytes),
                ("unclean.leader.election.enable", "false"),
            ];
            let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned()));
            let found = of_positions(&HashMap::from(settings));
            found.iter().map(|finding| finding.level).collect::<Vec<_>>()
        };
        assert_eq!(levels("compact", "604800000", "4194304"), [Fine, Fine]);
        assert_eq!(levels("compact", "604800000", "1073741824"), [Fine, Warning, Fine]);
        assert_eq!(levels("delete", "-1", "4194304"), [Warning, Fine]);
        assert_eq!(levels("delete", "604800000", "4194304"), [Problem, Fine]);
        assert_eq!(levels("compact,delete", "604800000", "4194304"), [Problem, Fine]);
    }
}
