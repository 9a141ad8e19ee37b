//! What an error of librdkafka means for the caller.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use seismic_queue::{CallFailed, Error, Kind};

/// The code of an error, also where it was an answer to the administration of topics.
pub(crate) fn code(error: &KafkaError) -> Option<Code> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        error => error.rdkafka_error_code(),
    }
}

/// A call of librdkafka that failed.
pub(crate) fn call_failed(at: String, doing: &'static str, source: KafkaError) -> Error {
    Error::backend(kind(&source), CallFailed { at, doing, source })
}

/// What librdkafka said, if it was librdkafka.
pub(crate) fn of_librdkafka(error: &Error) -> Option<&KafkaError> {
    error.of_backend::<CallFailed<KafkaError>>().map(|failed| &failed.source)
}

/// What the caller must do.
pub(crate) fn kind(error: &KafkaError) -> Kind {
    match code(error) {
        Some(code) if may_pass(code) => Kind::Retry,
        Some(Code::FencedInstanceId | Code::ProducerFenced | Code::Fenced) => Kind::Fenced,
        Some(Code::OffsetOutOfRange | Code::AutoOffsetReset) => Kind::Data,
        Some(
            Code::InvalidConfig
            | Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::PolicyViolation
            | Code::InvalidReplicationFactor,
        ) => Kind::Config,
        _ => Kind::Fatal,
    }
}

/// Whether it says that there is no such topic, or no such partition of it.
pub(crate) fn is_unknown(code: Code) -> bool {
    matches!(
        code,
        Code::UnknownTopicOrPartition
            | Code::UnknownTopicId
            | Code::UnknownTopic
            | Code::UnknownPartition
    )
}

/// Whether a broker that comes back, or a moment, helps.
pub(crate) fn may_pass(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::TimedOutQueue
            | Code::MessageTimedOut
            | Code::RequestTimedOut
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::BrokerNotAvailable
            | Code::ReplicaNotAvailable
            | Code::NetworkException
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::WaitingForCoordinator
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::UnstableOffsetCommit
            | Code::QueueFull
            | Code::Retry
            | Code::NotController
            | Code::KafkaStorageError
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::OffsetNotAvailable
            | Code::PreferredLeaderNotAvailable
            | Code::RebalanceInProgress
            // The coordinator is still ending what an earlier client left.
            | Code::ConcurrentTransactions
            // What a client says of a topic while the only broker that it knows is gone, or has
            // just restarted. Whatever reads a topic notices when it is really gone.
            | Code::DestroyBroker
            | Code::UnknownPartition
            | Code::UnknownTopic
            | Code::UnknownTopicOrPartition
            | Code::UnknownTopicId
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_that_goes_while_a_topic_is_made_is_waited_for() {
        assert_eq!(kind(&KafkaError::AdminOp(Code::DestroyBroker)), Kind::Retry);
        assert_eq!(kind(&KafkaError::Global(Code::DestroyBroker)), Kind::Retry);
        assert_eq!(kind(&KafkaError::AdminOp(Code::PolicyViolation)), Kind::Config);
    }
}
