//! Encryption of the connection.

use tokio_postgres_rustls::MakeRustlsConnect;

use super::target::Target;
use crate::Result;

/// What a connection to the target's server is made with.
pub(super) fn connector(target: &Target) -> Result<MakeRustlsConnect> {
    Ok(MakeRustlsConnect::new(target.tls()?))
}
