//! What the group says, as the client of a member hears it in its callbacks.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rdkafka::TopicPartitionList;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;

use super::membership::Membership;
use crate::client::connection::{log, partition};
use crate::client::native;
use crate::client::opening::FAILED;
use seismic_queue::Partition;

/// What the group said.
pub(super) enum GroupEvent {
    Assigned(Vec<Partition>, Option<Membership>),
    Revoked,
    Lost,
}

/// Takes down what the group says. Nothing is done in its callback but what must be.
#[derive(Default)]
pub(super) struct RebalanceListener {
    pub(super) event: Mutex<VecDeque<GroupEvent>>,
    /// The client is about to be dropped: no one answers any more.
    is_closing: AtomicBool,
    /// Whether it has been answered since.
    has_answered: AtomicBool,
    /// Whether a connection has failed since this was looked at.
    pub(super) has_failed: AtomicBool,
}

impl ClientContext for RebalanceListener {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, text: &str) {
        log(facility, text);
        if facility == FAILED {
            self.has_failed.store(true, Ordering::Relaxed);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!("librdkafka: {error}: {reason}");
    }
}

impl ConsumerContext for RebalanceListener {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<RebalanceListener>,
        code: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        if self.is_closing.load(Ordering::Relaxed) {
            // One answer ends a client that is closing, however much was asked of it. A further one may
            // find it ended, and would wait for ever.
            if !self.has_answered.swap(true, Ordering::Relaxed) && !consumer.closed() {
                self.answer(consumer.unassign());
            }
            return;
        }
        let event = if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            let metadata = consumer.group_metadata();
            // Asked after the metadata was taken: what is valid now was valid then.
            let place = native::membership(consumer);
            let place = place.zip(metadata);
            let place = place.map(|(member, metadata)| Membership::of_member(member, metadata));
            self.answer(consumer.assign(&TopicPartitionList::new()));
            let elements = list.elements();
            GroupEvent::Assigned(
                elements.iter().map(|it| partition(it.partition())).collect(),
                place,
            )
        } else if consumer.assignment_lost() {
            self.answer(consumer.unassign());
            GroupEvent::Lost
        } else {
            GroupEvent::Revoked
        };
        self.event.lock().unwrap_or_else(PoisonError::into_inner).push_back(event);
    }
}

impl RebalanceListener {
    /// From now on what the group says is for nobody.
    pub(super) fn begin_closing(&self) {
        self.is_closing.store(true, Ordering::Relaxed);
    }

    fn answer(&self, outcome: std::result::Result<(), KafkaError>) {
        // It fails for a client that is closing; the group learns it from that.
        if let Err(error) = outcome {
            tracing::debug!("answering a rebalance: {error}");
        }
    }

    pub(super) fn next(&self) -> Option<GroupEvent> {
        self.event.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}
