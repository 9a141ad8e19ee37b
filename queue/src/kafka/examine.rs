//! What there is to say of a topic, by its settings and its replicas. Names as in Kafka's topic
//! configuration.

use std::collections::HashMap;

use crate::Finding;

/// How many replicas a partition has, and how many of them keep up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replicas {
    pub(super) partition: i32,
    pub(super) all: usize,
    pub(super) in_sync: usize,
}

/// Looks at the settings of a topic that we read.
pub(super) fn topic(name: &str, settings: &HashMap<String, String>) -> Vec<Finding> {
    let of = |key: &str| settings.get(key).map_or("not set", String::as_str);
    let says = |key: &str| format!("{name}: {key} is {}", of(key));
    let mut findings = Vec::new();
    findings.push(match of("cleanup.policy") {
        "delete" => Finding::fine(says("cleanup.policy")),
        _ => Finding::problem(
            says("cleanup.policy"),
            "set it to delete: compaction takes messages out of the middle of the log",
        ),
    });
    findings.push(match of("message.timestamp.type") {
        "LogAppendTime" => Finding::fine(says("message.timestamp.type")),
        _ => Finding::warning(
            says("message.timestamp.type"),
            "set it to LogAppendTime: else the future guard is as good as the producers' clocks",
        ),
    });
    findings.push(match of("unclean.leader.election.enable") {
        "false" => Finding::fine(says("unclean.leader.election.enable")),
        _ => Finding::problem(
            says("unclean.leader.election.enable"),
            "set it to false: a replica that lacks acknowledged messages may become the leader",
        ),
    });
    let kept = ["retention.ms", "retention.bytes"];
    findings.extend(kept.map(|key| match of(key) {
        "-1" => Finding::fine(says(key)),
        _ => Finding::warning(
            says(key),
            "make sure that it is more than the longest outage of the job: what is deleted before \
             it was read is lost",
        ),
    }));
    findings
}

/// Looks at how well a topic is copied.
pub(super) fn replicas(name: &str, min_in_sync: Option<&str>, found: &[Replicas]) -> Vec<Finding> {
    let fewest = found.iter().map(|it| it.all).min().unwrap_or(0);
    let mut findings = vec![match fewest {
        0 | 1 => Finding::warning(
            format!("{name}: a partition has {fewest} replica"),
            "give the topic three: with one, the loss of a broker's disk loses messages",
        ),
        _ => Finding::fine(format!("{name}: each partition has at least {fewest} replicas")),
    }];
    if fewest > 1 && min_in_sync == Some("1") {
        findings.push(Finding::warning(
            format!("{name}: min.insync.replicas is 1"),
            "set it to 2: else a message may be acknowledged that is on one disk alone",
        ));
    }
    let behind = found.iter().filter(|it| it.in_sync < it.all);
    findings.extend(behind.map(|it| {
        Finding::warning(
            format!(
                "{name}/{}: {} of {} replicas keep up",
                it.partition, it.in_sync, it.all
            ),
            "find the broker that is gone or slow; what is appended shows only when the others have it",
        )
    }));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    fn levels(findings: &[Finding]) -> Vec<Level> {
        findings.iter().map(|finding| finding.level).collect()
    }

    #[test]
    fn a_topic_that_is_compacted_or_elects_uncleanly_is_a_problem() {
        let settings = |pairs: &[(&str, &str)]| -> HashMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let ours = [
            ("cleanup.policy", "delete"),
            ("message.timestamp.type", "LogAppendTime"),
            ("unclean.leader.election.enable", "false"),
            ("retention.ms", "-1"),
            ("retention.bytes", "-1"),
        ];
        assert_eq!(levels(&topic("t", &settings(&ours))), [Level::Fine; 5]);
        let theirs = [
            ("cleanup.policy", "compact"),
            ("message.timestamp.type", "CreateTime"),
            ("unclean.leader.election.enable", "true"),
            ("retention.ms", "604800000"),
            ("retention.bytes", "-1"),
        ];
        let found = levels(&topic("t", &settings(&theirs)));
        use Level::{Fine, Problem, Warning};
        assert_eq!(found, [Problem, Warning, Problem, Warning, Fine]);
    }

    #[test]
    fn few_replicas_and_those_that_lag_are_warnings() {
        let of = |all, in_sync| [Replicas { partition: 0, all, in_sync }];
        assert_eq!(levels(&replicas("t", Some("1"), &of(1, 1))), [Level::Warning]);
        assert_eq!(levels(&replicas("t", Some("2"), &of(3, 3))), [Level::Fine]);
        assert_eq!(
            levels(&replicas("t", Some("1"), &of(3, 2))),
            [Level::Fine, Level::Warning, Level::Warning]
        );
    }
}
