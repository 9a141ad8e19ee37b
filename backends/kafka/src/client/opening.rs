//! What goes wrong when a cluster is first spoken to, as text: which address, and why.
//!
//! librdkafka retries forever and says why only in its log, so that is kept here. Where TLS is the
//! reason it says little; then a connection of our own finds out more.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::metadata::Metadata;

use super::connection::log;
use crate::address::with_port;
use crate::limits;
use crate::security::OpenError;
use crate::settings::Settings;
use seismic_queue::{Error, Kind, Result};

/// What librdkafka calls a connection that failed, in its log.
pub(crate) const FAILED: &str = "FAIL";

/// A client that keeps why a connection failed last.
#[derive(Clone, Default)]
pub(crate) struct Listening(Arc<Mutex<Option<Failure>>>);

impl ClientContext for Listening {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, text: &str) {
        log(facility, text);
        if facility == FAILED {
            let failure = Failure::said(text);
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        }
    }
}

impl ConsumerContext for Listening {}

impl Listening {
    /// Why a connection failed last.
    pub(crate) fn last(&self) -> Option<Failure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A connection that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// `host:port`; empty when it is not said.
    pub(crate) at: String,
    pub(crate) why: String,
}

impl Failure {
    /// Reads what librdkafka says: `[thrd:NAME]: PROTOCOL://HOST:PORT/ID: WHY (after 1ms in state
    /// S, …)`.
    fn said(text: &str) -> Failure {
        let text = match text.strip_prefix("[thrd:").and_then(|text| text.split_once("]: ")) {
            Some((_, text)) => text,
            None => text,
        };
        let text = text.split(" (after ").next().unwrap_or_default();
        let (name, why) = text.split_once(": ").unwrap_or(("", text));
        let name = name.split_once("://").map_or(name, |(_, name)| name);
        let at = name.split('/').next().unwrap_or_default();
        // A coordinator has a name of its own, and its address follows.
        let (at, why) = match why.split_once(": ") {
            Some((next, rest)) if at == "GroupCoordinator" || at == "TxnCoordinator" => {
                (next, rest)
            }
            _ => (at, why),
        };
        Failure { at: at.to_owned(), why: why.trim_end_matches(": ").to_owned() }
    }

    /// Whether the broker knows us and does not let us in.
    fn is_denied(&self) -> bool {
        self.why.starts_with("SASL authentication error") || self.why.contains("SASL mechanism")
    }

    fn is_of_tls(&self) -> bool {
        self.why.starts_with("SSL handshake failed")
    }
}

/// Why nothing can be asked of a cluster.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotOpened {
    #[error("no broker of {at} answered within {seconds} s: {broker}: {why}")]
    Unanswered { at: String, seconds: u64, broker: String, why: String },
    #[error("broker {broker} does not let us in: {why}")]
    Denied { broker: String, why: String },
    #[error("the certificate of broker {broker} is not trusted: {why}")]
    Untrusted { broker: String, why: String },
    #[error(
        "the brokers of {at} say that they are at {brokers}, where this machine reaches none: {why}; \
         advertised.listeners of the brokers must name what clients can reach"
    )]
    Advertised { at: String, brokers: String, why: String },
}

impl NotOpened {
    fn error(self) -> Error {
        let kind = match self {
            NotOpened::Unanswered { .. } | NotOpened::Advertised { .. } => Kind::Fatal,
            NotOpened::Denied { .. } | NotOpened::Untrusted { .. } => Kind::Config,
        };
        Error::backend(kind, self)
    }
}

/// Waits until some broker answers, at most [`limits::OPEN_WAIT`], and sees that one can be reached
/// where they say that they are. What it answered.
pub(crate) fn wait_for_answer(
    asking: &BaseConsumer<Listening>,
    settings: &Settings,
    at: &str,
    topic: &str,
) -> Result<Metadata> {
    let begun = Instant::now();
    loop {
        let failure = match asking.fetch_metadata(Some(topic), limits::OPEN_LOOK) {
            Ok(found) => return check_advertised(&found, settings, at).map(|()| found),
            Err(_) => heard(asking),
        };
        if let Some(error) = failure.as_ref().and_then(|failure| is_final(failure, settings)) {
            return Err(error.error());
        }
        if begun.elapsed() >= limits::OPEN_WAIT {
            let (at, seconds) = (at.to_owned(), limits::OPEN_WAIT.as_secs());
            let Some(Failure { at: broker, why }) = failure else {
                return Err(Error::Unreachable { at, seconds });
            };
            if !is_given(settings, &broker) {
                // Some broker has answered, and since then only where it says that it is is tried.
                return Err(NotOpened::Advertised { at, brokers: broker, why }.error());
            }
            let why = match settings.is_protected() || !why.starts_with("Disconnected") {
                true => why,
                false => format!("{why}; it may want TLS or a login there (security.protocol)"),
            };
            return Err(NotOpened::Unanswered { at, seconds, broker, why }.error());
        }
        // An error may come at once.
        thread::sleep(seismic_queue::limits::NAP);
    }
}

/// Hears what the client has to say, and why a connection failed last.
fn heard(asking: &BaseConsumer<Listening>) -> Option<Failure> {
    // Each poll hears at most one line.
    for _ in 0..limits::LINES_HEARD {
        drop(asking.poll(Duration::ZERO));
    }
    asking.context().last()
}

/// What will not be better the next time.
fn is_final(failure: &Failure, settings: &Settings) -> Option<NotOpened> {
    let Failure { at, why } = failure.clone();
    if failure.is_denied() {
        let why = why.strip_prefix("SASL authentication error: ").unwrap_or(&why).to_owned();
        return Some(NotOpened::Denied { broker: at, why });
    }
    if !failure.is_of_tls() {
        return None;
    }
    let (host, port) = at.rsplit_once(':')?;
    let security = settings.own_security().ok()?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match security.open((host, port.parse().ok()?), limits::END_WAIT, "seismic") {
        Err(OpenError::Untrusted(why)) => {
            let why = match why.contains("UnknownIssuer") {
                true => format!("no authority in ssl.ca.location signed it ({why})"),
                false => why,
            };
            Some(NotOpened::Untrusted { broker: at, why })
        }
        _ => None,
    }
}

/// Sees that at least one broker can be reached under the address that it gives itself. Where that
/// is the one that the caller gave, it was just reached.
fn check_advertised(found: &Metadata, settings: &Settings, at: &str) -> Result<()> {
    let all: Vec<(String, u16)> = found
        .brokers()
        .iter()
        .filter_map(|it| Some((it.host().to_owned(), u16::try_from(it.port()).ok()?)))
        .collect();
    let is_given = |(host, port): &(String, u16)| is_given(settings, &format!("{host}:{port}"));
    if all.is_empty() || all.iter().any(is_given) {
        return Ok(());
    }
    let (to, reached) = mpsc::channel();
    for (host, port) in all.iter().take(limits::ASKED_AT_ONCE).cloned() {
        let to = to.clone();
        // Without a thread nothing is known of it.
        let look = move || drop(to.send(reach(&host, port)));
        drop(thread::Builder::new().name("kafka reach".to_owned()).spawn(look));
    }
    drop(to);
    let deadline = Instant::now() + limits::REACH_WAIT;
    let mut last = "it does not answer".to_owned();
    loop {
        match reached.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(why)) => last = why,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    let names = all.iter().map(|(host, port)| format!("{host}:{port}"));
    let brokers = names.collect::<Vec<_>>().join(", ");
    Err(NotOpened::Advertised { at: at.to_owned(), brokers, why: last }.error())
}

/// Whether a broker's `host:port` is an address that the caller gave, of which an empty one says
/// nothing.
fn is_given(settings: &Settings, broker: &str) -> bool {
    let is_it = |given: &str| with_port(given) == broker;
    broker.is_empty() || settings.addresses().given().split(',').any(is_it)
}

fn reach(host: &str, port: u16) -> std::result::Result<(), String> {
    let wait: Duration = limits::REACH_WAIT;
    let named = |error: std::io::Error| format!("{host}:{port}: {error}");
    let mut last = format!("{host} has no address");
    for address in (host, port).to_socket_addrs().map_err(named)? {
        match TcpStream::connect_timeout(&address, wait) {
            Ok(_) => return Ok(()),
            Err(error) => last = named(error),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_librdkafka_says_is_an_address_and_a_reason() {
        for (said, at, why) in [
            (
                "[thrd:127.0.0.1:1/bootstrap]: 127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 \
                 failed: Connection refused (after 0ms in state CONNECT)",
                "127.0.0.1:1",
                "Connect to ipv4#127.0.0.1:1 failed: Connection refused",
            ),
            (
                "[thrd:sasl_ssl://[::1]:9093/bootstrap]: sasl_ssl://[::1]:9093/1: SASL \
                 authentication error: no (after 2ms in state AUTH_REQ, 3 identical error(s) \
                 suppressed)",
                "[::1]:9093",
                "SASL authentication error: no",
            ),
            (
                "[thrd:GroupCoordinator]: GroupCoordinator: b:9092: Disconnected (after 1ms in \
                 state UP)",
                "b:9092",
                "Disconnected",
            ),
            ("something else", "", "something else"),
        ] {
            assert_eq!(Failure::said(said), Failure { at: at.to_owned(), why: why.to_owned() });
        }
    }
}
