//! Settings of the cluster's clients: the caller's settings, secrets from the environment, and what
//! exactly-once needs, which no one may change.
//!
//! A secret is never on a command line, where every process of the machine can read it. The
//! environment variable `SEISMIC_KAFKA_SASL_PASSWORD` sets `sasl.password`, and so on for every
//! setting of librdkafka; with `_FILE` behind it, it names a file that holds the value.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use crate::ClusterAddress;
use crate::client::broker_addresses::BrokerAddresses;
use crate::limits;
use crate::security::{Mechanism, PROBE, Protocol, Security, is_honoured};
use seismic_queue::{Error, Member, Result};

/// Beginning of the environment variables that are settings.
const VARIABLE: &str = "SEISMIC_KAFKA_";

/// How brokers know us where no one says otherwise.
const CLIENT: &str = "seismic";

/// Settings that are ours: another value would break what the program promises.
const OURS: [&str; 15] = [
    "auto.offset.reset",
    "bootstrap.servers",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "isolation.level",
    "metadata.broker.list",
    "partition.assignment.strategy",
    "partitioner",
    "transactional.id",
    "acks",
];

/// Parts of names whose values no one else may see.
const SECRET: [&str; 5] = ["password", "secret", "key.pem", "private", "token"];

/// Settings of one cluster, checked.
#[derive(Clone)]
pub(crate) struct Settings {
    base: ClientConfig,
    /// Shared with those who learn of brokers.
    addresses: Arc<BrokerAddresses>,
}

impl Settings {
    /// The settings of `address` and those of the environment.
    ///
    /// # Errors
    /// [`Error::Setting`] for a key that is ours, a secret that is not from the environment, and a
    /// file of a secret that cannot be read.
    pub(crate) fn new(address: &ClusterAddress) -> Result<Settings> {
        let mut base = common(&address.brokers);
        for (key, value) in &address.options {
            if SECRET.iter().any(|part| key.contains(part)) {
                let variable = format!("{VARIABLE}{}", key.replace('.', "_").to_uppercase());
                let why = format!("a secret comes from the environment: {variable}");
                return Err(Error::Setting { key: key.clone(), why });
            }
            set(&mut base, key, value)?;
        }
        for (name, value) in env::vars_os() {
            let Some(name) = name.to_str().and_then(|name| name.strip_prefix(VARIABLE)) else {
                continue;
            };
            let key = name.strip_suffix("_FILE").unwrap_or(name);
            let value = match key == name {
                true => value.into_string().map_err(|_| not_text(name)),
                false => fs::read_to_string(value).map_err(|error| unreadable(name, &error)),
            };
            let key = key.to_lowercase().replace('_', ".");
            set(&mut base, &key, value?.trim_end_matches(['\r', '\n']))?;
        }
        let password = "it comes from the environment: SEISMIC_KAFKA_SASL_PASSWORD, or \
                        SEISMIC_KAFKA_SASL_PASSWORD_FILE with the name of a file";
        protect(&mut base, &address.options, password)?;
        Ok(Settings { base, addresses: Arc::new(BrokerAddresses::new(&address.brokers)) })
    }

    /// The settings of a cluster that is not the job's: those that are given, secrets too, and none of
    /// the environment.
    ///
    /// # Errors
    /// [`Error::Setting`] for a key that is ours, and for what protects connections and cannot be so.
    pub(crate) fn of_other(brokers: &str, given: &[(String, String)]) -> Result<Settings> {
        let mut base = common(brokers);
        for (key, value) in given {
            set(&mut base, key, value)?;
        }
        protect(&mut base, given, "it comes from password_file, or from settings_file")?;
        Ok(Settings { base, addresses: Arc::new(BrokerAddresses::new(brokers)) })
    }

    /// Where brokers are.
    pub(crate) fn addresses(&self) -> &Arc<BrokerAddresses> {
        &self.addresses
    }

    /// For every client that is made now: it begins with all addresses that are known.
    fn client(&self) -> ClientConfig {
        let mut config = self.base.clone();
        self.address(&mut config);
        config
    }

    /// Has a client with these settings begin with all addresses that are known now.
    pub(crate) fn address(&self, config: &mut ClientConfig) {
        config.set("bootstrap.servers", self.addresses.all());
    }

    /// Whether connections are encrypted, or begin with a login.
    pub(crate) fn is_protected(&self) -> bool {
        let plain = Protocol { is_tls: false, is_login: false };
        Protocol::named(self.base.get("security.protocol")) != Some(plain)
    }

    /// How our own connections are protected, as librdkafka's are.
    ///
    /// # Errors
    /// The setting that only librdkafka honours: a connection of our own would check less, or other
    /// things.
    pub(crate) fn own_security(&self) -> std::result::Result<Security, String> {
        let protects = |key: &str| {
            ["ssl.", "sasl.", "enable.ssl."].iter().any(|beginning| key.starts_with(beginning))
        };
        for (key, value) in self.given() {
            if protects(key) && !is_honoured(key, self.get(key).unwrap_or(value)) {
                return Err(key.to_owned());
            }
        }
        Security::of(|key| self.get(key))
    }

    /// A setting of every client, also a secret one.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.base.get(key)
    }

    /// Settings of every client, the caller's and ours, without the values of secrets.
    pub(crate) fn given(&self) -> BTreeMap<&str, &str> {
        self.base.config_map()
    }

    /// For questions: no group. The log's end counts open transactions.
    pub(crate) fn asking(&self) -> ClientConfig {
        let mut config = self.client();
        config.set("isolation.level", "read_uncommitted");
        config
    }

    /// For reading given partitions from given offsets, as a member of nothing or of `group`.
    pub(crate) fn reading(&self, group: &str) -> ClientConfig {
        let mut config = self.client();
        config.set("group.id", group);
        // Also where the input is not transactional: only then are pending offsets waited for.
        config.set("isolation.level", "read_committed");
        config.set("auto.offset.reset", "error");
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        config.set("enable.partition.eof", "true");
        // A full queue is asked for again at once; what it holds is bounded. Small messages take
        // five times their size there.
        self.default(&mut config, "fetch.queue.backoff.ms", "5");
        self.default(&mut config, "queued.max.messages.kbytes", "4096");
        self.default(&mut config, "queued.min.messages", "50000");
        self.default(&mut config, "fetch.wait.max.ms", "100");
        // It is also how long a batch of Zstandard may be when it is unpacked.
        self.default(&mut config, "receive.message.max.bytes", "1000000000");
        config
    }

    /// For reading up to an end that is known. Behind the last message there may be nothing but
    /// what transactions leave, and then the end shows only when the broker has waited for more.
    pub(crate) fn reading_back(&self) -> ClientConfig {
        let mut config = self.reading("seismic-reader");
        config.set("fetch.wait.max.ms", "10");
        config
    }

    /// For appending without transactions.
    pub(crate) fn appending(&self, message_bytes: usize) -> ClientConfig {
        let mut config = self.client();
        config.set("enable.idempotence", "true");
        // For ever: a message that was given up could still arrive. The caller waits in turns.
        config.set("message.timeout.ms", "0");
        config.set("message.max.bytes", message_bytes.to_string());
        self.default(&mut config, "linger.ms", "1");
        self.default(&mut config, "batch.size", "1000000");
        self.default(&mut config, "queue.buffering.max.messages", "1000000");
        self.default(&mut config, "queue.buffering.max.kbytes", "131072");
        config
    }

    /// For a member of a group. It reads nothing itself; others read what it was assigned. Who
    /// looks at the group sees the name of its slot, unless the caller has a client id of its own.
    pub(crate) fn member(&self, member: &Member) -> ClientConfig {
        let mut config = self.reading(&member.group);
        if self.base.get("client.id") == Some(CLIENT) {
            config.set("client.id", &member.slot);
        }
        // Eager: partitions change hands in one step, with everything settled before.
        config.set("partition.assignment.strategy", "range");
        self.default(&mut config, "session.timeout.ms", &millis(limits::SESSION_TIMEOUT));
        // A member hears of others that come and go with the answer to a heartbeat.
        self.default(&mut config, "heartbeat.interval.ms", "300");
        if member.is_named {
            config.set("group.instance.id", &member.slot);
        }
        config
    }

    /// How long a member may say nothing before its partitions go to others.
    pub(crate) fn session(&self) -> Duration {
        let given = self.base.get("session.timeout.ms").and_then(|given| given.parse().ok());
        given.map_or(limits::SESSION_TIMEOUT, Duration::from_millis)
    }

    /// For commits of messages of at most that many bytes.
    pub(crate) fn committing(&self, transactional_id: &str, message_bytes: usize) -> ClientConfig {
        let mut config = self.client();
        config.set("transactional.id", transactional_id);
        config.set("message.max.bytes", message_bytes.to_string());
        let timeout = millis(limits::TRANSACTION_TIMEOUT);
        self.default(&mut config, "transaction.timeout.ms", &timeout);
        self.default(&mut config, "message.timeout.ms", &millis(limits::MESSAGE_TIMEOUT));
        self.default(&mut config, "linger.ms", "1");
        self.default(&mut config, "batch.size", "1000000");
        // More than a commit may hold, so that it never has to wait for room.
        self.default(&mut config, "queue.buffering.max.messages", "2000000");
        self.default(&mut config, "queue.buffering.max.kbytes", "131072");
        config
    }

    /// For imports, which commit messages as long as their topic takes.
    pub(crate) fn importing(&self, transactional_id: &str, message_bytes: usize) -> ClientConfig {
        self.committing(transactional_id, message_bytes)
    }

    /// Sets what the caller did not.
    fn default(&self, config: &mut ClientConfig, key: &str, value: &str) {
        if self.base.get(key).is_none() {
            config.set(key, value);
        }
    }
}

/// What every client of a cluster has.
fn common(brokers: &str) -> ClientConfig {
    let mut base = ClientConfig::new();
    base.set("bootstrap.servers", brokers);
    base.set("client.id", CLIENT);
    base.set_log_level(RDKafkaLogLevel::Warning);
    // A broker that is back is found within a second, and one that takes requests and never
    // answers is given up before a session, and no later than a transaction, is over.
    base.set("reconnect.backoff.max.ms", "1000");
    base.set("socket.timeout.ms", "6000");
    base.set("socket.keepalive.enable", "true");
    // Its own way back to the given addresses has no pause where all of them refuse connections,
    // and takes a core. Ours is `Cluster::look_elsewhere`.
    base.set("metadata.recovery.strategy", "none");
    // A client that has nothing to ask must not miss that one broker after the other comes back
    // at another address. What it knows of topics holds as long as ever.
    base.set("topic.metadata.refresh.interval.ms", millis(limits::ADDRESSES_REFRESH));
    base.set("metadata.max.age.ms", "900000");
    base
}

/// Checks how connections are protected, as far as librdkafka would only say so late, or as text of
/// its own. What is `asked` for and not used is a mistake; an environment may be that of several
/// clusters.
fn protect(base: &mut ClientConfig, asked: &[(String, String)], password: &str) -> Result<()> {
    let refuse =
        |key: &str, why: &str| Err(Error::Setting { key: key.to_owned(), why: why.to_owned() });
    let Some(protocol) = Protocol::named(base.get("security.protocol")) else {
        return refuse("security.protocol", "it is plaintext, ssl, sasl_plaintext or sasl_ssl");
    };
    let unused = asked.iter().map(|(key, _)| key).find(|key| {
        (key.starts_with("ssl.") && !protocol.is_tls)
            || (key.starts_with("sasl.") && !protocol.is_login)
    });
    if let Some(key) = unused {
        let why = "security.protocol does not use it: the default is plaintext; set ssl, \
                   sasl_plaintext or sasl_ssl";
        return refuse(key, why);
    }
    let mechanism = base.get("sasl.mechanisms").or_else(|| base.get("sasl.mechanism"));
    let mechanism = mechanism.map(str::to_owned);
    if protocol.is_login {
        let Some(mechanism) = &mechanism else {
            let why = "a login needs one: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512";
            return refuse("sasl.mechanisms", why);
        };
        if Mechanism::named(mechanism).is_some() {
            if base.get("sasl.username").is_none() {
                return refuse("sasl.username", "a login needs one");
            }
            if base.get("sasl.password").is_none() {
                let why = format!("a login needs one; {password}");
                return refuse("sasl.password", &why);
            }
        }
    }
    let is_openssl = |name: String| !name.eq_ignore_ascii_case("PLAIN");
    let needs = protocol.is_tls || (protocol.is_login && mechanism.is_some_and(is_openssl));
    if needs && !cfg!(feature = "tls") {
        let feature = "kafka-tls";
        return Err(Error::NotBuilt { what: "TLS and SCRAM for Kafka", feature });
    }
    if protocol.is_tls && base.get("ssl.ca.location").is_none() && base.get("ssl.ca.pem").is_none()
    {
        // An OpenSSL that was built with the program knows no authorities of the system on its own.
        base.set("ssl.ca.location", PROBE);
    }
    Ok(())
}

fn millis(time: Duration) -> String {
    time.as_millis().to_string()
}

fn set(config: &mut ClientConfig, key: &str, value: &str) -> Result<()> {
    if OURS.contains(&key) {
        let why = "the program sets it itself".to_owned();
        return Err(Error::Setting { key: key.to_owned(), why });
    }
    config.set(key, value);
    Ok(())
}

fn not_text(name: &str) -> Error {
    Error::Setting { key: format!("{VARIABLE}{name}"), why: "it is not text".to_owned() }
}

fn unreadable(name: &str, error: &std::io::Error) -> Error {
    let why = format!("the file it names cannot be read: {error}");
    Error::Setting { key: format!("{VARIABLE}{name}"), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(key: &str, value: &str) -> Result<Settings> {
        let options = vec![(key.to_owned(), value.to_owned())];
        Settings::new(&ClusterAddress {
            brokers: "localhost:1".to_owned(),
            group: None,
            slot: None,
            options,
        })
    }

    #[test]
    fn secrets_and_our_own_settings_are_refused_on_the_command_line() {
        for key in ["sasl.password", "ssl.key.password", "sasl.oauthbearer.client.secret"] {
            let error = with(key, "hunter2").map(drop).unwrap_err().to_string();
            assert!(error.contains("SEISMIC_KAFKA_") && !error.contains("hunter2"), "{error}");
        }
        for key in OURS {
            assert!(with(key, "x").is_err(), "{key}");
        }
    }

    #[test]
    fn clients_do_not_return_to_the_given_addresses_by_themselves_which_takes_a_core() {
        let settings = with_all(&[]).unwrap();
        assert_eq!(settings.get("metadata.recovery.strategy"), Some("none"));
    }

    fn with_all(settings: &[(&str, &str)]) -> Result<Settings> {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let options = settings.iter().map(own).collect();
        let brokers = "localhost:1".to_owned();
        Settings::new(&ClusterAddress { brokers, group: None, slot: None, options })
    }

    #[test]
    fn a_login_that_lacks_something_is_refused_with_what_it_lacks() {
        let login = ("security.protocol", "SASL_PLAINTEXT");
        for (settings, lacks) in [
            (vec![login], "sasl.mechanisms"),
            (vec![login, ("sasl.mechanisms", "PLAIN")], "sasl.username"),
            (
                vec![login, ("sasl.mechanism", "plain"), ("sasl.username", "me")],
                "SEISMIC_KAFKA_SASL_PASSWORD",
            ),
            (vec![("sasl.username", "me")], "security.protocol"),
            (vec![login, ("ssl.ca.location", "x")], "security.protocol"),
            (vec![("security.protocol", "tls")], "sasl_ssl"),
        ] {
            let error = with_all(&settings).map(drop).unwrap_err().to_string();
            assert!(error.contains(lacks), "{settings:?}: {error}");
        }
    }

    #[test]
    fn our_own_connections_are_not_made_with_settings_that_they_do_not_honour() {
        assert!(with("client.id", "me").unwrap().own_security().is_ok());
        if !cfg!(feature = "tls") {
            return;
        }
        let tls = ("security.protocol", "ssl");
        for (key, value) in [
            ("ssl.crl.location", "revoked.pem"),
            ("ssl.cipher.suites", "x"),
            ("enable.ssl.certificate.verification", "false"),
            ("ssl.endpoint.identification.algorithm", "none"),
        ] {
            let settings = with_all(&[tls, (key, value)]).unwrap();
            assert_eq!(settings.own_security().err().as_deref(), Some(key));
        }
    }

    #[test]
    fn a_program_built_without_tls_says_so() {
        let done = with_all(&[("security.protocol", "ssl")]);
        match cfg!(feature = "tls") {
            true => assert_eq!(done.unwrap().given()["ssl.ca.location"], PROBE),
            false => assert!(matches!(done.map(drop), Err(Error::NotBuilt { .. }))),
        }
    }

    #[test]
    fn a_client_begins_with_the_addresses_that_brokers_have_named_meanwhile() {
        let settings = with_all(&[]).unwrap();
        settings.addresses().learn([(1, ("elsewhere".to_owned(), 2))].into());
        let begins = |config: &ClientConfig| config.get("bootstrap.servers").unwrap().to_owned();
        let all = "localhost:1,elsewhere:2";
        for config in [settings.asking(), settings.appending(1), settings.committing("t", 1)] {
            assert_eq!(begins(&config), all);
        }
        let mut before = settings.reading("g");
        settings.addresses().learn([(1, ("there".to_owned(), 3))].into());
        settings.address(&mut before);
        assert_eq!(begins(&before), "localhost:1,there:3");
    }

    #[test]
    fn what_the_caller_sets_goes_before_our_defaults() {
        let settings = with("fetch.wait.max.ms", "7").unwrap();
        assert_eq!(settings.reading("g").get("fetch.wait.max.ms"), Some("7"));
        assert_eq!(settings.reading("g").get("fetch.queue.backoff.ms"), Some("5"));
        assert_eq!(settings.reading("g").get("isolation.level"), Some("read_committed"));
        assert_eq!(settings.session(), limits::SESSION_TIMEOUT);
        assert_eq!(with("session.timeout.ms", "30000").unwrap().session().as_secs(), 30);
    }
}
