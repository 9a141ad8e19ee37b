//! TLS to nameservers and brokers: trusted authorities and the client certificate.
//!
//! It is configured by files that environment variables name. A server's certificate must be signed
//! by one of the authorities in `ROCKETMQ_TLS_CA_FILE` and name the host that we connected to.
//! Brokers register an address with the nameservers, often a bare IP address; if certificates have
//! another name, set `ROCKETMQ_TLS_SERVER_NAME`. The check cannot be disabled.

use std::env;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::error::{Error, Result};
use crate::limits;

/// Environment variable that names a file with the authorities we trust, PEM.
const CA_FILE: &str = "ROCKETMQ_TLS_CA_FILE";
/// Environment variables that name files with our own certificate (with those between it and its
/// authority) and its key, PEM. Only where brokers ask for one.
const CERT_FILE: &str = "ROCKETMQ_TLS_CERT_FILE";
const KEY_FILE: &str = "ROCKETMQ_TLS_KEY_FILE";
/// Environment variable with the name that every server's certificate must have.
const SERVER_NAME: &str = "ROCKETMQ_TLS_SERVER_NAME";

/// How connections are encrypted.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
    /// What certificates must name; `None`: the host that is connected to.
    name: Option<ServerName<'static>>,
}

impl Tls {
    /// As the environment says.
    ///
    /// # Errors
    /// [`Error::TlsFile`] when a file is missing or cannot be used.
    pub(crate) fn from_environment() -> Result<Tls> {
        let of = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let refuse = |what: &'static str, why: &str| Error::TlsFile { what, why: why.to_owned() };
        let ca = of(CA_FILE).ok_or_else(|| refuse(CA_FILE, "it must name a file in PEM form"))?;
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has what TLS 1.2 and 1.3 need")
            .with_root_certificates(authorities(&ca)?);
        let config = match (of(CERT_FILE), of(KEY_FILE)) {
            (None, None) => builder.with_no_client_auth(),
            (Some(cert), Some(key)) => {
                let chain = certificates(CERT_FILE, &cert)?;
                let key = PrivateKeyDer::from_pem_file(&key)
                    .map_err(|error| refuse(KEY_FILE, &format!("{key}: {error}")))?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| refuse(CERT_FILE, &error.to_string()))?
            }
            _ => return Err(refuse(KEY_FILE, "certificate and key belong together; one is set")),
        };
        let name = of(SERVER_NAME).map(|name| {
            ServerName::try_from(name).map_err(|_| refuse(SERVER_NAME, "it is no name of a host"))
        });
        Ok(Tls { config: Arc::new(config), name: name.transpose()? })
    }

    /// Shakes hands over a new connection to `host:port`.
    ///
    /// # Errors
    /// [`Error::Untrusted`] when the server is not whom we trust or speaks no TLS,
    /// [`Error::Unreachable`] when it went away.
    pub(crate) fn shake_hands(&self, at: &str, stream: &TcpStream) -> Result<Session> {
        let untrusted = |why: String| Error::Untrusted { at: at.to_owned(), why };
        let host = at.rsplit_once(':').map_or(at, |(host, _)| host);
        let name = match &self.name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.to_owned())
                .map_err(|_| untrusted(format!("{host} cannot be in a certificate")))?,
        };
        let mut connection = ClientConnection::new(Arc::clone(&self.config), name)
            .map_err(|error| untrusted(error.to_string()))?;
        // A request is sealed as a whole, however long it is.
        connection.set_buffer_limit(None);
        let mut socket = stream;
        let shaken = socket
            .set_read_timeout(Some(limits::CALL))
            .and_then(|()| connection.complete_io(&mut socket))
            .and_then(|_| socket.set_read_timeout(None));
        match shaken {
            Ok(()) => Ok(Session { connection: Mutex::new(connection) }),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(untrusted(error.to_string()))
            }
            Err(source) => Err(Error::Unreachable { at: at.to_owned(), source }),
        }
    }
}

fn authorities(path: &str) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(CA_FILE, path)? {
        let refused = |error| Error::TlsFile { what: CA_FILE, why: format!("{path}: {error}") };
        store.add(certificate).map_err(refused)?;
    }
    Ok(store)
}

fn certificates(what: &'static str, path: &str) -> Result<Vec<CertificateDer<'static>>> {
    let refuse = |why: String| Error::TlsFile { what, why: format!("{path}: {why}") };
    let found = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let found: Vec<_> = found.map_err(|error| refuse(error.to_string()))?;
    if found.is_empty() {
        return Err(refuse("there is no certificate in it".to_owned()));
    }
    Ok(found)
}

/// One encrypted connection. Its lock is never held while the socket is waited for, so that answers
/// are read while a request is written.
#[derive(Debug)]
pub(crate) struct Session {
    connection: Mutex<ClientConnection>,
}

impl Session {
    /// Seals what is to be sent. What is sealed must be sent in the order in which it was sealed.
    pub(crate) fn seal(&self, parts: &[&[u8]]) -> io::Result<Vec<u8>> {
        let mut connection = self.lock();
        let mut sealed = Vec::new();
        parts.iter().try_for_each(|part| connection.writer().write_all(part))?;
        while connection.wants_write() {
            connection.write_tls(&mut sealed)?;
        }
        Ok(sealed)
    }

    /// Reads what comes through `stream`.
    pub(crate) fn opener<'a>(&'a self, stream: &'a TcpStream) -> Opener<'a> {
        let sealed = vec![0; limits::READ_AHEAD_BYTES];
        Opener { session: self, stream, sealed, at: 0, end: 0 }
    }

    /// A panic leaves a session that may be in the middle of a record: what follows fails its
    /// check.
    fn lock(&self) -> MutexGuard<'_, ClientConnection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reading side of a session.
#[derive(Debug)]
pub(crate) struct Opener<'a> {
    session: &'a Session,
    stream: &'a TcpStream,
    /// Bytes from the socket, of which `at..end` were not opened yet.
    sealed: Vec<u8>,
    at: usize,
    end: usize,
}

impl Read for Opener<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut connection = self.session.lock();
            match connection.reader().read(out) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            if self.at == self.end {
                drop(connection);
                (self.at, self.end) = (0, self.stream.read(&mut self.sealed)?);
                connection = self.session.lock();
            }
            // Nothing at all is the end, which the session must hear of too.
            let mut some = &self.sealed[self.at..self.end];
            self.at += connection.read_tls(&mut some)?;
            let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
            connection.process_new_packets().map_err(invalid)?;
        }
    }
}
