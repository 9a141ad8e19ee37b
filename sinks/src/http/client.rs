//! The client of servers over HTTP: how long is waited, and whose certificate is believed.

use std::fs;
use std::path::Path;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use crate::{Error, Result, limits};

/// A client that waits so long for an answer, and that believes the authorities of a PEM file;
/// without one those that browsers believe.
pub(super) fn agent(patience: Duration, authority: Option<&Path>) -> Result<Agent> {
    let mut tls = TlsConfig::builder();
    if let Some(at) = authority {
        tls = tls.root_certs(certificates(at)?);
    }
    let config = Agent::config_builder()
        .timeout_global(Some(patience))
        .timeout_connect(Some(patience.min(limits::CONNECT_PATIENCE)))
        .http_status_as_error(false)
        .max_redirects(0)
        .tls_config(tls.build());
    Ok(config.build().into())
}

/// The authorities of a PEM file.
fn certificates(at: &Path) -> Result<RootCerts> {
    let refuse = |what: String| Error::Config { at: at.to_owned(), what };
    let text = fs::read(at).map_err(Error::io(at, "reading the certificates"))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&text) {
        match item.map_err(|error| refuse(format!("it is no PEM file ({error})")))? {
            PemItem::Certificate(certificate) => certificates.push(certificate),
            _ => return Err(refuse("it has something else than certificates".to_owned())),
        }
    }
    match certificates.is_empty() {
        true => Err(refuse("it has no certificate of an authority".to_owned())),
        false => Ok(RootCerts::new_with_certs(&certificates)),
    }
}
