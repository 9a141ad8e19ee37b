//! Encryption of connections, and trusted certificates.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use crate::{Error, Result};

/// What connections are made with where such authorities are believed, for the host alone or for any;
/// without authorities anyone is.
pub(crate) fn client_config(authorities: Option<&Path>, checks_host: bool) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let trust = match authorities {
        Some(at) => Trust::Authority { verifier: authority(at, &provider)?, checks_host },
        None => Trust::Anyone(provider.clone()),
    };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the suites of TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(trust))
        .with_no_client_auth())
}

/// Believes what the authorities of a PEM file have signed.
fn authority(at: &Path, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>> {
    let refuse = |what: String| Error::Config { at: at.to_owned(), what };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(at)
        .map_err(|error| refuse(format!("its certificates cannot be read ({error})")))?;
    for certificate in certificates {
        let certificate =
            certificate.map_err(|error| refuse(format!("it is no PEM file ({error})")))?;
        roots
            .add(certificate)
            .map_err(|error| refuse(format!("one of its certificates is none ({error})")))?;
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| refuse(format!("it has no certificate of an authority ({error})")))
}

/// Whose certificate is believed.
#[derive(Debug)]
enum Trust {
    /// Anyone's: the connection is encrypted, and that is all, as with `sslmode=require` of others.
    Anyone(Arc<CryptoProvider>),
    /// An authority's, for this host or for any.
    Authority { verifier: Arc<WebPkiServerVerifier>, checks_host: bool },
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let Trust::Authority { verifier, checks_host } = self else {
            return Ok(ServerCertVerified::assertion());
        };
        let verified =
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // The name is looked at last: everything else is as it should be.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !checks_host => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        match self {
            Trust::Anyone(provider) => rustls::crypto::verify_tls12_signature(
                message,
                cert,
                dss,
                &provider.signature_verification_algorithms,
            ),
            Trust::Authority { verifier, .. } => {
                verifier.verify_tls12_signature(message, cert, dss)
            }
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        match self {
            Trust::Anyone(provider) => rustls::crypto::verify_tls13_signature(
                message,
                cert,
                dss,
                &provider.signature_verification_algorithms,
            ),
            Trust::Authority { verifier, .. } => {
                verifier.verify_tls13_signature(message, cert, dss)
            }
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        match self {
            Trust::Anyone(provider) => {
                provider.signature_verification_algorithms.supported_schemes()
            }
            Trust::Authority { verifier, .. } => verifier.supported_verify_schemes(),
        }
    }
}
