//! Kafka in the list of backends: what a cluster's address opens.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

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
        let takes_connections = move |broker: &str| {
            let Ok(mut places) = broker.to_socket_addrs() else { return false };
            places.any(|place| TcpStream::connect_timeout(&place, wait).is_ok())
        };
        let (to, answers) = mpsc::channel();
        for broker in self.brokers.split(',').map(str::to_owned) {
            let to = to.clone();
            // Names may take longer to look up than anyone waits here.
            let ask = move || {
                let _ = to.send(takes_connections(&broker));
            };
            drop(thread::Builder::new().name("kafka reach".to_owned()).spawn(ask));
        }
        drop(to);
        let until = Instant::now() + wait;
        while let Ok(is_there) =
            answers.recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            if is_there {
                return true;
            }
        }
        false
    }

    fn with_settings(&self, settings: &[(String, String)]) -> Option<Arc<dyn Address>> {
        let options = settings.to_vec();
        Some(Arc::new(ClusterAddress { options, ..self.clone() }))
    }

    fn with_slot(&self, slot: &str) -> Option<Arc<dyn Address>> {
        Some(Arc::new(ClusterAddress { slot: Some(slot.to_owned()), ..self.clone() }))
    }
}
