//! Findings about a topic, from its settings and replicas, and about brokers, from their settings.
//! Names are those of Kafka's configuration.

use std::collections::HashMap;

use crate::limits;
use seismic_queue::{Finding, Result};

/// Topics of Kafka's own: no commit is made without them.
pub(crate) const COMMITS: [&str; 2] = ["__consumer_offsets", "__transaction_state"];

/// Offsets of a group without members should be kept for longer than a job may be off, minutes: a
/// week, which is Kafka's own default.
const OFFSETS_MINUTES: u64 = 7 * 24 * 60;

/// So long a dead broker may be waited for, ms: with an election of controllers before, it is over
/// before a worker whose group that broker coordinated loses its place. Kafka's own default is
/// 9,000.
const BROKER_SESSION_MS: u64 = 6_000;

/// How many replicas a partition has, and how many of them keep up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replicas {
    pub(crate) partition: i32,
    pub(crate) all: usize,
    pub(crate) in_sync: usize,
}

/// Looks at the settings of a topic that we read.
pub(crate) fn topic(name: &str, settings: &HashMap<String, String>) -> Vec<Finding> {
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
            "set it above the longest outage of the job: messages deleted before they are read \
             are lost",
        ),
    }));
    findings
}

/// Looks at how well a topic is copied.
pub(crate) fn replicas(name: &str, min_in_sync: Option<&str>, found: &[Replicas]) -> Vec<Finding> {
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
            format!("{name}/{}: {} of {} replicas keep up", it.partition, it.in_sync, it.all),
            "find the broker that is down or slow; messages become visible only when the in-sync \
             replicas have them",
        )
    }));
    findings
}

/// Looks at the settings of each broker, by its number.
pub(crate) fn brokers(
    settings: impl ExactSizeIterator<Item = (i32, Result<HashMap<String, String>>)>,
) -> Vec<Finding> {
    let has_others = settings.len() > 1;
    let of = |(number, settings): (i32, Result<_>)| match settings {
        Ok(settings) => broker(number, &settings, has_others),
        Err(error) => vec![Finding::warning(
            format!("broker {number} does not report its settings: {error}"),
            "find out whether it is up, and whether we may ask it (DescribeConfigs of the cluster)",
        )],
    };
    settings.flat_map(of).collect()
}

fn broker(number: i32, settings: &HashMap<String, String>, has_others: bool) -> Vec<Finding> {
    let name = format!("broker {number}");
    let of = |key: &str| settings.get(key).map(String::as_str);
    let least = |key: &str, least, why| Finding::at_least(&name, key, of(key), least, why);
    let transaction_ms = limits::TRANSACTION_TIMEOUT.as_millis() as u64;
    let mut findings = vec![
        least(
            "offsets.retention.minutes",
            OFFSETS_MINUTES,
            "a job that was off for longer cannot continue, since its offsets are forgotten",
        ),
        least("transaction.max.timeout.ms", transaction_ms, "else no transaction can be begun"),
    ];
    // Asked of a broker; only where a controller has a process of its own may it have another.
    let session = of("broker.session.timeout.ms").and_then(|ms| ms.parse::<u64>().ok());
    if let (true, Some(ms)) = (has_others, session) {
        let what = format!(
            "{name}: broker.session.timeout.ms is {ms}: partitions led by a dead broker are \
             unavailable for that long"
        );
        findings.push(match ms {
            0..=BROKER_SESSION_MS => Finding::fine(what),
            _ => Finding::warning(
                what,
                "set it to 6000 or less on brokers and controllers: workers whose session (10 s) \
                 expires meanwhile must wait for a new one",
            ),
        });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use seismic_queue::{Error, Level};

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
    fn brokers_that_forget_a_job_wait_long_for_a_dead_one_or_are_down_are_warnings() {
        let of = |minutes: &str, ms: &str| -> HashMap<String, String> {
            let pairs = [
                ("offsets.retention.minutes", minutes),
                ("transaction.max.timeout.ms", "900000"),
                ("broker.session.timeout.ms", ms),
            ];
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let alone = brokers([(1, Ok(of("1440", "30000")))].into_iter());
        assert_eq!(levels(&alone), [Level::Warning, Level::Fine], "it has nobody to wait for");
        let down = Error::Busy { at: "broker".to_owned(), doing: "being asked" };
        let three = [(1, Ok(of("10080", "6000"))), (2, Ok(of("10080", "9000"))), (3, Err(down))];
        let found = brokers(three.into_iter());
        use Level::{Fine, Warning};
        assert_eq!(levels(&found), [Fine, Fine, Fine, Fine, Fine, Warning, Warning]);
        assert!(found[5].what.starts_with("broker 2: "), "{found:?}");
        assert!(found[6].what.starts_with("broker 3 does not report"), "{found:?}");
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
