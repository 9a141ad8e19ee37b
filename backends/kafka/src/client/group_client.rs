//! A client that asks the coordinator of a group, without joining it, and is replaced by a new one
//! when it no longer finds the coordinator.
//!
//! librdkafka does not follow a coordinator to another address of the same broker
//! (`group/coordinator_watch.rs`), and who asks needs nothing of the client before.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rdkafka::ClientConfig;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::cluster::Cluster;
use super::connection::{Quiet, close, make_with};
use crate::error_kind;
use crate::limits;
use seismic_queue::Result;

/// The client of now.
pub(crate) struct GroupClient {
    cluster: Cluster,
    config: ClientConfig,
    current: Mutex<Arc<Asking>>,
}

/// A client, which ends when nobody uses it any more.
pub(crate) struct Asking {
    pub(crate) consumer: BaseConsumer<Quiet>,
    made: Instant,
}

impl Asking {
    fn new(config: &ClientConfig) -> Result<Arc<Asking>> {
        Ok(Arc::new(Asking { consumer: make_with(config, Quiet)?, made: Instant::now() }))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        close(&self.consumer);
    }
}

impl GroupClient {
    /// With these settings, which name the group.
    pub(crate) fn new(cluster: &Cluster, mut config: ClientConfig) -> Result<GroupClient> {
        // It is also how long a commit waits for a coordinator.
        let wait = cluster.settings.session().as_millis().to_string();
        config.set("session.timeout.ms", wait);
        let current = Mutex::new(Asking::new(&config)?);
        Ok(GroupClient { cluster: cluster.clone(), config, current })
    }

    pub(crate) fn get(&self) -> Arc<Asking> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A question of that client has failed: hears what it has to say, and replaces it when it may
    /// have lost the coordinator. A new client finds the coordinator or is replaced after a while.
    pub(crate) fn failed(&self, client: &Arc<Asking>, error: &KafkaError) {
        self.cluster.hear(&client.consumer);
        let is_unanswered = matches!(
            error_kind::code(error),
            Some(
                Code::OperationTimedOut
                    | Code::WaitingForCoordinator
                    | Code::BrokerTransportFailure
                    | Code::TimedOutQueue
            )
        );
        if !is_unanswered || client.made.elapsed() < limits::GROUP_CLIENT_AGE {
            return;
        }
        self.cluster.find_brokers();
        let mut config = self.config.clone();
        self.cluster.settings.address(&mut config);
        match Asking::new(&config) {
            Ok(new) => {
                let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
                // Somebody else may have been here.
                if Arc::ptr_eq(&current, client) {
                    *current = new;
                }
            }
            Err(error) => tracing::debug!("the client of the group cannot be replaced: {error}"),
        }
    }
}
