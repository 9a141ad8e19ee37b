//! Security of our own connections to brokers: TLS (rustls) and a login (SASL: PLAIN, SCRAM), with
//! the settings of librdkafka. A connection is opened in three steps: TCP, TLS, login.
//!
//! If a setting cannot be honoured exactly as librdkafka does, librdkafka reads instead: encrypted
//! keys, PKCS#12, certificates that are not verified, or not by host name. Verification is never
//! weaker here.
//!
//! A broker may limit the lifetime of a login (KIP-368). A new connection replaces the old one
//! before it expires: [`Opened::renew_at`].

mod call;
mod login;
mod open_error;
mod salted;
mod scram;
mod stream;
mod tls;

use std::io;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::login::Login;
pub(crate) use self::login::Mechanism;
pub(crate) use self::open_error::OpenError;
pub(crate) use self::stream::Stream;
pub(crate) use self::tls::PROBE;
use self::tls::Tls;
use crate::wire::{is_fetch_spoken, versions};

/// Settings that are honoured here, with these values alone, or with any.
const HONOURED: [(&str, Option<&str>); 11] = [
    ("security.protocol", None),
    ("sasl.mechanism", None),
    ("sasl.mechanisms", None),
    ("sasl.username", None),
    ("sasl.password", None),
    ("ssl.ca.location", None),
    ("ssl.ca.pem", None),
    ("ssl.certificate.location", None),
    ("ssl.key.location", None),
    ("ssl.endpoint.identification.algorithm", Some("https")),
    ("enable.ssl.certificate.verification", Some("true")),
];

/// A login is renewed when this part of its time is over, in percent: as Java's client does at
/// least.
const RENEWED_PERCENT: u32 = 85;

/// Whether `key` with that value is one of those that are honoured here.
pub(crate) fn is_honoured(key: &str, value: &str) -> bool {
    HONOURED.iter().any(|(honoured, only)| {
        *honoured == key && only.is_none_or(|only| value.eq_ignore_ascii_case(only))
    })
}

/// What `security.protocol` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Protocol {
    pub(crate) is_tls: bool,
    pub(crate) is_login: bool,
}

impl Protocol {
    /// By its name, without one plain; `None`: there is no such protocol.
    pub(crate) fn named(name: Option<&str>) -> Option<Protocol> {
        let (is_tls, is_login) = match name.unwrap_or("plaintext").to_ascii_lowercase().as_str() {
            "plaintext" => (false, false),
            "ssl" => (true, false),
            "sasl_plaintext" => (false, true),
            "sasl_ssl" => (true, true),
            _ => return None,
        };
        Some(Protocol { is_tls, is_login })
    }
}

/// How connections are protected.
#[derive(Clone, Default)]
pub(crate) struct Security {
    tls: Option<Tls>,
    login: Option<Arc<Login>>,
}

/// A connection that is ready.
pub(crate) struct Opened {
    pub(crate) stream: Stream,
    /// When another one should take its place.
    pub(crate) renew_at: Option<Instant>,
}

impl Security {
    /// As the settings say.
    ///
    /// # Errors
    /// What librdkafka alone honours.
    pub(crate) fn of<'a>(setting: impl Fn(&str) -> Option<&'a str>) -> Result<Security, String> {
        let protocol = Protocol::named(setting("security.protocol"));
        let protocol = protocol.ok_or("security.protocol")?;
        let tls = protocol.is_tls.then(|| Tls::of(&setting)).transpose()?;
        let login = match protocol.is_login {
            false => None,
            true => {
                let name = setting("sasl.mechanisms").or_else(|| setting("sasl.mechanism"));
                let mechanism = name.and_then(Mechanism::named).ok_or("sasl.mechanisms")?;
                let user = setting("sasl.username").ok_or("sasl.username")?.to_owned();
                let password = setting("sasl.password").ok_or("sasl.password")?.to_owned();
                Some(Arc::new(Login { mechanism, user, password }))
            }
        };
        Ok(Security { tls, login })
    }

    /// Opens a connection, which does not wait any more once it is open.
    pub(crate) fn open(
        &self,
        at: (&str, u16),
        patience: Duration,
        client: &str,
    ) -> Result<Opened, OpenError> {
        let opened = self.open_waiting(at, patience, client)?;
        let socket = opened.stream.socket();
        waits(None, socket).and_then(|()| socket.set_nonblocking(true)).map_err(OpenError::Io)?;
        Ok(opened)
    }

    /// Opens a connection of which each read and write waits that long at most.
    fn open_waiting(
        &self,
        (host, port): (&str, u16),
        patience: Duration,
        client: &str,
    ) -> Result<Opened, OpenError> {
        let socket = connect(host, port, patience).map_err(OpenError::Io)?;
        waits(Some(patience), &socket).map_err(OpenError::Io)?;
        let mut stream = match &self.tls {
            None => Stream::Plain(socket),
            Some(tls) => tls.shake_hands(host, socket)?,
        };
        let mut renew_at = None;
        if let Some(login) = &self.login {
            // Older brokers know other calls, and end what they do not know.
            if !speaks(&mut stream, client)? {
                return Err(OpenError::Old);
            }
            let lifetime = login.log_in(&mut stream, client)?;
            renew_at = lifetime.map(|it| Instant::now() + it * RENEWED_PERCENT / 100);
        }
        Ok(Opened { stream, renew_at })
    }
}

/// Asks a broker one question over a connection of its own; what follows the number of the answer.
pub(crate) fn ask(
    security: &Security,
    at: (&str, u16),
    patience: Duration,
    question: (i16, i16),
    body: &[u8],
) -> Result<Vec<u8>, OpenError> {
    let mut opened = security.open_waiting(at, patience, "seismic")?;
    call::send(&mut opened.stream, question, 0, "seismic", body)?;
    call::call(&mut opened.stream, 0)
}

fn waits(wait: Option<Duration>, socket: &TcpStream) -> io::Result<()> {
    socket.set_read_timeout(wait).and_then(|()| socket.set_write_timeout(wait))
}

/// Whether a broker knows the calls that are made here.
fn speaks(stream: &mut Stream, client: &str) -> Result<bool, OpenError> {
    use std::io::Write as _;
    stream.write_all(&versions(0, client)).map_err(OpenError::Io)?;
    let answer = call::call(stream, 0)?;
    let frame = [&[0; 4][..], &answer].concat();
    is_fetch_spoken(&frame).ok_or_else(OpenError::garbled)
}

fn connect(host: &str, port: u16, patience: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, patience) {
            Ok(socket) => {
                socket.set_nodelay(true)?;
                return Ok(socket);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests;
