//! Kafka in the list of backends: what a cluster's address opens.

use std::sync::Arc;
use std::time::Duration;

use crate::address::{ClusterAddress, with_port};
use crate::queue::KafkaQueue;
use crate::store::KafkaStore;
use seismic_queue::backend::reach::any_takes_connections;
use seismic_queue::backend::{Address, Backend, Capabilities};
use seismic_queue::{JobStore, Queue, Result};

/// The entry for the list of backends.
pub static BACKEND: Backend = Backend {
    schemes: &["kafka"],
    form: "kafka://HOST:PORT",
    parse: |text| Ok(Arc::new(ClusterAddress::parse(text)?)),
};

impl Address for ClusterAddress {
    fn open(&self) -> Result<Box<dyn Queue>> {
        Ok(Box::new(KafkaQueue::open(self)?))
    }

    fn open_store(&self) -> Result<Box<dyn JobStore>> {
        Ok(Box::new(KafkaStore::open(self)?))
    }

    fn delete_store(&self) -> Result<()> {
        KafkaStore::delete(self)
    }

    fn default_store(&self, group: &str) -> String {
        ClusterAddress { group: Some(group.to_owned()), ..self.clone() }.to_string()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { is_shared: true, has_stores_in_cluster: true, ..Capabilities::default() }
    }

    /// One broker is enough.
    fn is_reachable(&self, wait: Duration) -> bool {
        any_takes_connections(self.brokers.split(',').map(with_port), wait)
    }

    fn with_settings(&self, settings: &[(String, String)]) -> Option<Arc<dyn Address>> {
        let options = settings.to_vec();
        Some(Arc::new(ClusterAddress { options, ..self.clone() }))
    }

    fn with_slot(&self, slot: &str) -> Option<Arc<dyn Address>> {
        Some(Arc::new(ClusterAddress { slot: Some(slot.to_owned()), ..self.clone() }))
    }
}
