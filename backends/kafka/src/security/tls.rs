//! TLS to brokers: trusted authorities and the client certificate, from the settings of librdkafka.
//!
//! It supports only what it verifies exactly as librdkafka does; everything else is an error, and
//! then librdkafka reads.

use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, Error, RootCertStore};

use super::open_error::OpenError;
use super::stream::Stream;

/// Where librdkafka looks for the authorities of the system when it is told to `probe`
/// (`rd_kafka_ssl_probe_and_set_default_ca_location`), up to its first folder.
const SYSTEM: [&str; 11] = [
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-bundle.crt",
    "/etc/pki/tls/certs/ca-bundle.trust.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/ssl/cert.pem",
    "/etc/ssl/cacert.pem",
    "/etc/certs/ca-certificates.crt",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/certs",
];

/// What `ssl.ca.location` says for the authorities of the system.
pub(crate) const PROBE: &str = "probe";

/// How connections are encrypted.
#[derive(Clone)]
pub(super) struct Tls(Arc<ClientConfig>);

impl Tls {
    /// As the settings say.
    ///
    /// # Errors
    /// The setting that is for librdkafka, and why.
    pub(super) fn of<'a>(setting: &impl Fn(&str) -> Option<&'a str>) -> Result<Tls, String> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has what TLS 1.2 and 1.3 need")
            .with_root_certificates(authorities(setting)?);
        let config = match (setting("ssl.certificate.location"), setting("ssl.key.location")) {
            (None, None) => builder.with_no_client_auth(),
            (Some(cert), Some(key)) => {
                let chain = certificates("ssl.certificate.location", pem_of(cert))?;
                // One that is encrypted is none here.
                let key = PrivateKeyDer::from_pem_file(key)
                    .map_err(|error| format!("ssl.key.location: {error}"))?;
                let own = builder.with_client_auth_cert(chain, key);
                own.map_err(|error| format!("ssl.certificate.location: {error}"))?
            }
            _ => return Err("ssl.key.location, which comes with a certificate".to_owned()),
        };
        Ok(Tls(Arc::new(config)))
    }

    /// Shakes hands over a new connection to `host`, which waits.
    pub(super) fn shake_hands(&self, host: &str, socket: TcpStream) -> Result<Stream, OpenError> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| OpenError::Untrusted(format!("{host} cannot be in a certificate")))?;
        let mut session = ClientConnection::new(Arc::clone(&self.0), name)
            .map_err(|error| OpenError::Untrusted(error.to_string()))?;
        let mut through = &socket;
        match session.complete_io(&mut through) {
            Ok(_) => Ok(Stream::sealed(socket, session)),
            Err(error) => Err(failed(error)),
        }
    }
}

/// What a handshake that failed means: a broker whom we do not trust may be one whom librdkafka
/// trusts, which takes certificates of other kinds too.
fn failed(error: io::Error) -> OpenError {
    let of_tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match of_tls {
        Some(Error::InvalidMessage(_)) => OpenError::NoTls,
        Some(
            Error::InvalidCertificate(_)
            | Error::NoCertificatesPresented
            | Error::UnsupportedNameType
            | Error::PeerIncompatible(_)
            | Error::AlertReceived(_),
        ) => OpenError::Untrusted(error.to_string()),
        _ => OpenError::Io(error),
    }
}

fn authorities<'a>(setting: &impl Fn(&str) -> Option<&'a str>) -> Result<RootCertStore, String> {
    let (location, text) = (setting("ssl.ca.location"), setting("ssl.ca.pem"));
    let (key, pem) = match (location, text) {
        (Some(PROBE) | None, Some(text)) => ("ssl.ca.pem", Ok(text.as_bytes().to_vec())),
        (Some(_), Some(_)) => return Err("ssl.ca.location together with ssl.ca.pem".to_owned()),
        (Some(PROBE) | None, None) => {
            let there = SYSTEM.into_iter().find(|path| Path::new(path).exists());
            ("ssl.ca.location", pem_of(there.ok_or("ssl.ca.location, which does not exist")?))
        }
        (Some(path), None) => ("ssl.ca.location", pem_of(path)),
    };
    let mut store = RootCertStore::empty();
    let (taken, _) = store.add_parsable_certificates(certificates(key, pem)?);
    // Of those of a system some are of kinds that no one takes any more.
    if taken > 0 { Ok(store) } else { Err(format!("{key}: no certificate of a kind known here")) }
}

/// A file; a folder is an error.
fn pem_of(path: &str) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{path}: {error}"))
}

fn certificates(
    key: &str,
    pem: Result<Vec<u8>, String>,
) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = pem.map_err(|error| format!("{key}: {error}"))?;
    let found = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|error| format!("{key}: {error}"))?;
    if found.is_empty() { Err(format!("{key}: no certificate in it")) } else { Ok(found) }
}
