//! Kafka in the list of backends: what a cluster's address opens.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::address::ClusterAddress;
use crate::queue::KafkaQueue;
use crate::store::KafkaStore;
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
        let takes_connections = |broker: &str| {
            let Ok(mut places) = broker.to_socket_addrs() else { return false };
            places.any(|place| TcpStream::connect_timeout(&place, wait).is_ok())
        };
        thread::scope(|scope| {
            let brokers = self.brokers.split(',');
            let asked: Vec<_> =
                brokers.map(|broker| scope.spawn(move || takes_connections(broker))).collect();
            asked.into_iter().any(|asked| asked.join().unwrap_or(false))
        })
    }

    fn with_settings(&self, settings: &[(String, String)]) -> Option<Arc<dyn Address>> {
        let options = settings.to_vec();
        Some(Arc::new(ClusterAddress { options, ..self.clone() }))
    }

    fn with_slot(&self, slot: &str) -> Option<Arc<dyn Address>> {
        Some(Arc::new(ClusterAddress { slot: Some(slot.to_owned()), ..self.clone() }))
    }
}
