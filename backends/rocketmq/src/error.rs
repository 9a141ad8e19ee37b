//! Errors of a broker: what went wrong, where, and what the caller must do about it.

use std::io;

use crate::protocol::code::response as code;
use seismic_queue::Kind;

/// Result of this module's inner parts.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// What went wrong. Messages name the place and the remedy.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum Error {
    #[error("{at} cannot be reached; is it running, and is the address right?")]
    Unreachable { at: String, source: io::Error },
    #[error("none of the nameservers {at} answers")]
    NoNameserver { at: String, source: Box<Error> },
    #[error("the connection to {at} was lost: {why}")]
    Lost { at: String, why: String },
    #[error("{at} did not answer within {seconds} s while {doing}")]
    Silent { at: String, doing: &'static str, seconds: u64 },
    #[error("{at} refused {doing} (code {code}): {remark}")]
    Refused { at: String, doing: &'static str, code: i32, remark: String },
    #[error("the broker {broker} of topic {topic:?} is not in the route; is it running?")]
    NoMaster { topic: String, broker: String },
    #[error("a frame cannot be read: {what}")]
    Frame { what: &'static str },
    #[error("an answer with code {code} has no usable {name:?}")]
    Field { code: i32, name: &'static str },
    #[error("{at}: the credentials cannot be used: {why}")]
    Credentials { at: String, why: &'static str },
    #[error("{what}: {why}")]
    TlsFile { what: &'static str, why: String },
    #[error(
        "{at} is not trusted, or speaks no TLS: {why}; ROCKETMQ_TLS_CA_FILE and \
         ROCKETMQ_TLS_SERVER_NAME say who is"
    )]
    Untrusted { at: String, why: String },
    #[error(
        "RocketMQ keeps {what} itself: set fileReservedTime or diskMaxUsedSpaceRatio of the broker"
    )]
    BrokersOwn { what: &'static str },
}

impl From<Error> for seismic_queue::Error {
    fn from(error: Error) -> Self {
        seismic_queue::Error::backend(error.kind(), error)
    }
}

impl Error {
    /// What the caller must do.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Error::Refused { .. } if self.is_denied() => Kind::Config,
            Error::Refused { code, .. } => match *code {
                code::SYSTEM_ERROR
                | code::SYSTEM_BUSY
                | code::FLUSH_DISK_TIMEOUT
                | code::SLAVE_NOT_AVAILABLE
                | code::FLUSH_SLAVE_TIMEOUT
                | code::SERVICE_NOT_AVAILABLE
                | code::TOPIC_NOT_EXIST => Kind::Retry,
                code::MESSAGE_ILLEGAL => Kind::Data,
                _ => Kind::Config,
            },
            Error::Unreachable { .. }
            | Error::NoNameserver { .. }
            | Error::Lost { .. }
            | Error::Silent { .. }
            | Error::NoMaster { .. }
            | Error::Frame { .. }
            | Error::Field { .. } => Kind::Retry,
            Error::Credentials { .. }
            | Error::TlsFile { .. }
            | Error::Untrusted { .. }
            | Error::BrokersOwn { .. } => Kind::Config,
        }
    }

    /// Whether we lack the right to what was asked, and nothing of it was done. Access control of
    /// the first kind (`aclEnable`) has no code of its own for that.
    #[must_use]
    pub(crate) fn is_denied(&self) -> bool {
        match self {
            Error::Refused { code: code::NO_PERMISSION, .. } => true,
            Error::Refused { remark, .. } => remark.contains("AclException"),
            _ => false,
        }
    }

    /// Whether a send that ended like this may have been written all the same. A broker that is
    /// busy refuses before it writes.
    #[must_use]
    pub(crate) fn is_outcome_unknown(&self) -> bool {
        match self {
            Error::Refused { .. } if self.is_denied() => false,
            Error::Refused { code, .. } => matches!(
                *code,
                code::SYSTEM_ERROR
                    | code::FLUSH_DISK_TIMEOUT
                    | code::SLAVE_NOT_AVAILABLE
                    | code::FLUSH_SLAVE_TIMEOUT
                    | code::SERVICE_NOT_AVAILABLE
            ),
            Error::Lost { .. }
            | Error::Silent { .. }
            | Error::Frame { .. }
            | Error::Field { .. } => true,
            _ => false,
        }
    }
}
