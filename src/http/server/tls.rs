//! Encryption: a certificate and its key from files, which are read again when they are renewed.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::error::Usage;

/// Longest file that is read, in bytes: a chain of certificates has some thousand.
const FILE_BYTES: u64 = 1 << 20;

/// Where certificate and key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, with those that sign it up to the authority's, in PEM.
    pub cert: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
}

/// What connections are encrypted with from now on.
pub struct Tls {
    files: TlsFiles,
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`Usage`] with the file that is wrong, and why.
    pub fn open(files: TlsFiles) -> Result<Tls, Usage> {
        let config = RwLock::new(read(&files)?);
        Ok(Tls { files, config })
    }

    /// Reads the files again, for connections that begin after it.
    ///
    /// # Errors
    /// As [`Tls::open`]; then all is as it was.
    pub fn reload(&self) -> Result<(), Usage> {
        let config = read(&self.files)?;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// Agrees on keys with clients.
    pub fn acceptor(&self) -> TlsAcceptor {
        let config = self.config.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&config))
    }
}

fn read(files: &TlsFiles) -> Result<Arc<ServerConfig>, Usage> {
    let TlsFiles { cert, key } = files;
    let wrong = |path: &Path, what: &str, why: String| {
        Usage(format!("the {what} in {} cannot be used: {why}", path.display()))
    };
    let chain = CertificateDer::pem_slice_iter(&content(cert, "certificate")?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(cert, "certificate", error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong(cert, "certificate", "there is none in PEM".to_owned()));
    }
    let secret = PrivateKeyDer::from_pem_slice(&content(key, "key")?)
        .map_err(|error| wrong(key, "key", error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Usage(format!("TLS cannot be set up: {error}")))?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|error| {
            let why = format!("{error}; the certificate is in {}", cert.display());
            wrong(key, "key", why)
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn content(path: &Path, what: &str) -> Result<Vec<u8>, Usage> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(FILE_BYTES).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => {
            Err(Usage(format!("the {what} file {} cannot be read: {error}", path.display())))
        }
    }
}
