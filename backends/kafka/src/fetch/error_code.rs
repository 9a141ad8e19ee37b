//! Error codes of the protocol, and which of them are reported to the reader.

use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::types::RDKafkaRespErr;

use crate::error_kind::{is_unknown, may_pass};

/// What an error of the protocol is called.
pub(super) fn code(error: i16) -> Code {
    // The id of the topic is another one than that of the name, which librdkafka has no word for.
    const INCONSISTENT_TOPIC_ID: i16 = 103;
    if error == INCONSISTENT_TOPIC_ID {
        return Code::UnknownTopicId;
    }
    RDKafkaRespErr::try_from(i32::from(error)).map_or(Code::Unknown, Code::from)
}

/// Whether who reads must hear of it: what passes is retried, but a topic may be gone for good.
pub(super) fn is_reported(code: Code) -> bool {
    !may_pass(code) || is_unknown(code)
}

/// Whether someone else may lead the partition now.
pub(super) fn is_moved(code: Code) -> bool {
    !matches!(code, Code::OffsetOutOfRange | Code::OffsetNotAvailable)
}
