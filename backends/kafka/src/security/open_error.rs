//! Why a connection to a broker could not be opened, and what that means for the caller.

use std::fmt;
use std::io;

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum OpenError {
    Io(io::Error),
    /// What answers there speaks no TLS.
    NoTls,
    /// We do not trust the broker; or its certificate is of a kind that is not known here.
    Untrusted(String),
    /// The broker does not let us in, or cannot prove that it may.
    Denied(String),
    /// It is older than Kafka 3.1.
    Old,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Io(error) => write!(f, "{error}"),
            OpenError::NoTls => f.write_str("what answers there speaks no TLS"),
            OpenError::Untrusted(why) | OpenError::Denied(why) => f.write_str(why),
            OpenError::Old => f.write_str("the broker is older than Kafka 3.1"),
        }
    }
}

impl OpenError {
    pub(super) fn garbled() -> OpenError {
        OpenError::Io(io::Error::new(io::ErrorKind::InvalidData, "an answer that is none"))
    }

    pub(super) fn code(code: i16) -> OpenError {
        OpenError::Io(io::Error::other(format!("error {code} of the protocol")))
    }
}
