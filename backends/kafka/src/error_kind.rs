//! The kind of an error of librdkafka: what the caller must do.

use std::fmt;

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

/// What someone may be allowed to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    Topic(String),
    Group(String),
    TransactionalId(String),
    Cluster,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resource::Topic(name) => write!(f, "topic {name:?}"),
            Resource::Group(name) => write!(f, "group {name:?}"),
            Resource::TransactionalId(name) => write!(f, "transactional id {name:?}"),
            Resource::Cluster => f.write_str("the cluster"),
        }
    }
}

/// A right on something, by the name that Kafka's tools have for it.
pub(crate) type Right = (&'static str, Resource);

/// A right on a topic.
pub(crate) fn on_topic(right: &'static str, topic: &str) -> Right {
    (right, Resource::Topic(topic.to_owned()))
}

/// Whether it says that a right is missing.
pub(crate) fn is_denied(error: &KafkaError) -> bool {
    matches!(
        code(error),
        Some(
            Code::TopicAuthorizationFailed
                | Code::GroupAuthorizationFailed
                | Code::ClusterAuthorizationFailed
                | Code::TransactionalIdAuthorizationFailed
        )
    )
}

/// A right that is missing.
#[derive(Debug, thiserror::Error)]
#[error(
    "{at}: {doing} is not allowed: {right} on {resource} is missing; docs/kafka.md has all rights that \
     a job needs"
)]
pub(crate) struct NotAllowed {
    pub(crate) at: String,
    pub(crate) doing: &'static str,
    pub(crate) right: &'static str,
    pub(crate) resource: Resource,
}

/// As [`call_failed`], for a call that needs these rights.
pub(crate) fn call_failed_on(
    at: String,
    doing: &'static str,
    source: KafkaError,
    needs: &[Right],
) -> Error {
    let code = code(&source);
    let missing = needs.iter().find(|(_, resource)| {
        matches!(
            (code, resource),
            (Some(Code::TopicAuthorizationFailed), Resource::Topic(_))
                | (Some(Code::GroupAuthorizationFailed), Resource::Group(_))
                | (Some(Code::TransactionalIdAuthorizationFailed), Resource::TransactionalId(_))
                | (Some(Code::ClusterAuthorizationFailed), Resource::Cluster)
        )
    });
    match missing.cloned() {
        None => call_failed(at, doing, source),
        Some((right, resource)) => {
            Error::backend(Kind::Config, NotAllowed { at, doing, right, resource })
        }
    }
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
    fn a_right_that_is_missing_is_named_with_what_it_is_on() {
        let needs =
            [("Read", Resource::Group("g".to_owned())), ("Write", Resource::Topic("t".to_owned()))];
        let error = call_failed_on(
            "k".to_owned(),
            "appending",
            KafkaError::MessageProduction(Code::TopicAuthorizationFailed),
            &needs,
        );
        assert_eq!(error.kind(), Kind::Config);
        let said = error.to_string();
        assert!(said.starts_with("k: appending is not allowed: Write on topic \"t\""), "{said}");
        let other = KafkaError::Global(Code::ClusterAuthorizationFailed);
        let error = call_failed_on("k".to_owned(), "appending", other, &needs);
        assert_eq!(error.to_string(), "k: appending failed");
    }

    #[test]
    fn a_broker_that_goes_while_a_topic_is_made_is_waited_for() {
        assert_eq!(kind(&KafkaError::AdminOp(Code::DestroyBroker)), Kind::Retry);
        assert_eq!(kind(&KafkaError::Global(Code::DestroyBroker)), Kind::Retry);
        assert_eq!(kind(&KafkaError::AdminOp(Code::PolicyViolation)), Kind::Config);
    }
}
