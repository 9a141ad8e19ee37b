//! Decides who fetches: this client if it honours every setting that concerns reading, otherwise
//! librdkafka.

use std::time::Duration;

use rdkafka::ClientConfig;

use crate::limits;
use crate::security::is_honoured;

/// What fetching honours.
const HONOURED: [&str; 10] = [
    "bootstrap.servers",
    "client.id",
    "fetch.max.bytes",
    "fetch.message.max.bytes",
    "fetch.min.bytes",
    "fetch.wait.max.ms",
    "max.partition.fetch.bytes",
    "reconnect.backoff.max.ms", // It is asked for again twice a second at least.
    "socket.keepalive.enable",  // There is always a question under way, which has its time.
    "socket.timeout.ms",
];

/// Beginnings of settings of groups, producers, questions and logs, which librdkafka has all the
/// same.
const OTHERS: [&str; 25] = [
    "batch.",
    "compression.",
    "debug",
    "delivery.",
    "group.",
    "heartbeat.interval.ms",
    "linger.ms",
    "log",
    "max.in.flight",
    "max.poll.interval.ms",
    "message.max.bytes",
    "message.send.max.retries",
    "message.timeout.ms",
    "metadata.max.age.ms",
    "metadata.recovery.",
    "queue.buffering.",
    "queuing.strategy",
    "reconnect.backoff.ms",
    "request.",
    "retries",
    "retry.backoff.",
    "session.timeout.ms",
    "sticky.",
    "topic.metadata.",
    "transaction.timeout.ms",
];

/// How messages are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FetchSettings {
    pub(super) client: String,
    /// How long a leader waits for that many bytes.
    pub(super) wait_ms: i32,
    pub(super) min_bytes: i32,
    /// Bytes of an answer, and of one partition in it; a leader gives one batch at least.
    pub(super) answer_bytes: i32,
    pub(super) partition_bytes: i32,
    /// How long nothing may come that was asked for, besides the leader's own waiting.
    pub(super) patience: Duration,
}

impl FetchSettings {
    /// Those of `config`, of which `given` names what is not there for librdkafka alone.
    ///
    /// # Errors
    /// The setting that only librdkafka honours.
    pub(super) fn of<'a>(
        config: &ClientConfig,
        given: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<FetchSettings, String> {
        for (key, value) in given {
            let is_other = OTHERS.iter().any(|beginning| key.starts_with(beginning));
            if !is_honoured(key, value) && !is_other && !HONOURED.contains(&key) {
                return Err(key.to_owned());
            }
        }
        let number = |key: &str, default: i32| match config.get(key) {
            Some(value) => value.parse().map_err(|_| key.to_owned()),
            None => Ok(default),
        };
        let bytes = "max.partition.fetch.bytes";
        let partition_bytes = number(bytes, limits::PARTITION_BYTES)?;
        let patience_ms = number("socket.timeout.ms", 60_000)?;
        Ok(FetchSettings {
            client: config.get("client.id").unwrap_or_default().to_owned(),
            wait_ms: number("fetch.wait.max.ms", 500)?,
            min_bytes: number("fetch.min.bytes", 1)?,
            answer_bytes: number("fetch.max.bytes", limits::ANSWER_BYTES)?,
            partition_bytes: number("fetch.message.max.bytes", partition_bytes)?,
            patience: Duration::from_millis(u64::try_from(patience_ms).unwrap_or(0)),
        })
    }

    /// How long a question may be under way without a byte of its answer.
    pub(super) fn silence(&self) -> Duration {
        self.patience + Duration::from_millis(u64::try_from(self.wait_ms).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(given: &[(&str, &str)]) -> Result<FetchSettings, String> {
        let mut config = ClientConfig::new();
        for (key, value) in given {
            config.set(*key, *value);
        }
        FetchSettings::of(&config, given.iter().copied())
    }

    #[test]
    fn what_is_set_for_fetching_is_honoured() {
        let terms = terms(&[
            ("client.id", "me"),
            ("fetch.wait.max.ms", "7"),
            ("fetch.min.bytes", "8"),
            ("fetch.max.bytes", "9"),
            ("fetch.message.max.bytes", "10"),
            ("socket.timeout.ms", "11"),
            ("session.timeout.ms", "12"),
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanisms", "SCRAM-SHA-512"),
            ("sasl.password", "hunter2"),
            ("ssl.ca.location", "ca.pem"),
            ("ssl.endpoint.identification.algorithm", "https"),
        ]);
        let patience = Duration::from_millis(11);
        let (wait_ms, min_bytes, answer_bytes, partition_bytes) = (7, 8, 9, 10);
        let client = "me".to_owned();
        let expected =
            FetchSettings { client, wait_ms, min_bytes, answer_bytes, partition_bytes, patience };
        assert_eq!(terms, Ok(expected));
        let aliased = self::terms(&[("max.partition.fetch.bytes", "10")]).unwrap();
        assert_eq!(aliased.partition_bytes, 10);
    }

    #[test]
    fn what_only_librdkafka_honours_is_named() {
        for (key, value) in [
            ("ssl.key.password", "hunter2"),
            ("ssl.keystore.location", "keys.p12"),
            ("ssl.endpoint.identification.algorithm", "none"),
            ("enable.ssl.certificate.verification", "false"),
            ("ssl.cipher.suites", "ALL"),
            ("ssl.crl.location", "revoked.pem"),
            ("client.rack", "a"),
            ("check.crcs", "true"),
            ("queued.min.messages", "1"),
            ("socket.receive.buffer.bytes", "1"),
            ("what.comes.later", "1"),
        ] {
            assert_eq!(terms(&[("fetch.min.bytes", "8"), (key, value)]), Err(key.to_owned()));
        }
    }
}
