//! Calls of librdkafka that must end, also those whose limit it passes over.
//!
//! `send_offsets_to_transaction` looks for the group's coordinator without a limit: where that is gone, or
//! comes back at another address, it may wait for ever (librdkafka's issues 5456 and 5511, open in 2026).
//! No other call can end it, and the client cannot be closed while it waits. So it runs in a thread of
//! its own; when it is over its limit the slot goes on with another client, which has the same transactional
//! id: brokers end what the first one began and refuse what it may still send. It closes itself if it ever ends.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseProducer, ProducerContext};

/// Has a client make a call, and waits `limit` for its end. Beyond it the client must not be used again.
///
/// # Errors
/// Those of the call; [`Code::OperationTimedOut`] beyond `limit`; [`Code::Fail`] where there can be no
/// further thread.
pub(crate) fn within<C: ProducerContext + 'static>(
    client: &Arc<BaseProducer<C>>,
    limit: Duration,
    call: impl FnOnce(&BaseProducer<C>) -> KafkaResult<()> + Send + 'static,
) -> KafkaResult<()> {
    let (ended, has_ended) = sync_channel(1);
    let of_call = Arc::clone(client);
    thread::Builder::new()
        .name("transaction".to_owned())
        .spawn(move || {
            let result = call(&of_call);
            // Where it was given up this closes the client, and nobody listens.
            drop(of_call);
            let _ = ended.send(result);
        })
        .map_err(|_| KafkaError::Flush(Code::CriticalSystemResource))?;
    match has_ended.recv_timeout(limit) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => Err(KafkaError::Flush(Code::OperationTimedOut)),
        // It panicked, which was printed where it happened.
        Err(RecvTimeoutError::Disconnected) => Err(KafkaError::Flush(Code::Fail)),
    }
}

/// Clients that were given up in the middle of a call and have not ended it.
#[derive(Debug)]
pub(super) struct GivenUp<C: ProducerContext + 'static>(Vec<Weak<BaseProducer<C>>>);

impl<C: ProducerContext + 'static> GivenUp<C> {
    pub(super) fn none() -> GivenUp<C> {
        GivenUp(Vec::new())
    }

    /// Closes a client, or notes it if a call is under way; how many there are now if so.
    pub(super) fn close(&mut self, client: Arc<BaseProducer<C>>) -> Option<usize> {
        self.0.retain(|it| it.strong_count() > 0);
        if Arc::strong_count(&client) == 1 {
            return None;
        }
        self.0.push(Arc::downgrade(&client));
        Some(self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use rdkafka::ClientConfig;
    use rdkafka::consumer::{BaseConsumer, Consumer as _};
    use rdkafka::mocking::{MockCluster, MockCoordinator};
    use rdkafka::producer::{BaseRecord, Producer as _};
    use rdkafka::{Offset, TopicPartitionList};

    use super::*;

    const LIMIT: Duration = Duration::from_millis(500);
    /// Only a hang takes longer.
    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn a_commit_whose_coordinator_is_gone_is_given_up_and_another_client_commits() {
        let cluster = MockCluster::new(2).unwrap();
        cluster.create_topic("rows", 1, 1).unwrap();
        cluster.coordinator(MockCoordinator::Transaction("job.0".to_owned()), 1).unwrap();
        cluster.coordinator(MockCoordinator::Group("job".to_owned()), 2).unwrap();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", cluster.bootstrap_servers()).set("group.id", "job");
        let consumer: BaseConsumer = config.create().unwrap();
        let place = Arc::new(consumer.group_metadata().unwrap());
        config.set("transactional.id", "job.0");
        let begin = || {
            let client: BaseProducer = config.create().unwrap();
            client.init_transactions(PATIENCE).unwrap();
            client.begin_transaction().unwrap();
            client.send(BaseRecord::<(), _>::to("rows").payload("row")).unwrap();
            client.flush(PATIENCE).unwrap();
            Arc::new(client)
        };
        let note = |client: &Arc<BaseProducer>, limit| {
            let mut offsets = TopicPartitionList::new();
            offsets.add_partition_offset("rows", 0, Offset::Offset(1)).unwrap();
            let place = Arc::clone(&place);
            within(client, limit, move |client| {
                client.send_offsets_to_transaction(&offsets, &place, limit)
            })
        };
        let client = begin();
        cluster.broker_down(2).unwrap();
        let begun = Instant::now();
        let error = note(&client, LIMIT).unwrap_err();
        assert_eq!(error.rdkafka_error_code(), Some(Code::OperationTimedOut), "{error}");
        assert!(begun.elapsed() < PATIENCE);
        let mut given_up = GivenUp::none();
        assert_eq!(given_up.close(client), Some(1));

        // It begins while the other one is still at it, and while the coordinator is.
        let client = begin();
        cluster.broker_up(2).unwrap();
        note(&client, PATIENCE).unwrap();
        client.commit_transaction(PATIENCE).unwrap();
        assert_eq!(given_up.close(client), None);
    }

    #[test]
    fn what_a_call_says_is_passed_on_and_a_panic_is_an_error() {
        let client: Arc<BaseProducer> = Arc::new(ClientConfig::new().create().unwrap());
        within(&client, PATIENCE, |_| Ok(())).unwrap();
        let code = Code::UnknownMemberId;
        let error = within(&client, PATIENCE, move |_| Err(KafkaError::Flush(code))).unwrap_err();
        assert_eq!(error.rdkafka_error_code(), Some(code));
        let error = within(&client, PATIENCE, |_| panic!("a fault")).unwrap_err();
        assert_eq!(error.rdkafka_error_code(), Some(Code::Fail));
    }
}
