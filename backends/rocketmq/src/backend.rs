//! RocketMQ in the list of backends: what the address of its nameservers opens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::nameservers::Nameservers;
use crate::queue::RocketQueue;
use seismic_queue::backend::reach::{any_takes_connections, first_within};
use seismic_queue::backend::{Address, Backend, Capabilities};
use seismic_queue::{Error, JobStore, Queue, Result};

/// The entry for the list of backends.
pub static BACKEND: Backend = Backend {
    schemes: &["rocketmq", "rocketmqs"],
    form: "rocketmq://HOST:PORT",
    parse: |text| Ok(Arc::new(Nameservers::parse(text)?)),
};

impl Address for Nameservers {
    fn open(&self) -> Result<Box<dyn Queue>> {
        Ok(Box::new(RocketQueue::open(self)?))
    }

    fn open_store(&self) -> Result<Box<dyn JobStore>> {
        Err(Error::url(self, "RocketMQ has no transactions, so it cannot be a store"))
    }

    fn delete_store(&self) -> Result<()> {
        self.open_store().map(drop)
    }

    /// In a file in `output/` that is named by the first nameserver too.
    fn default_store(&self, group: &str) -> String {
        let first = self.names.first().map(|name| name.replace(':', "-")).unwrap_or_default();
        format!("sqlite:output/rocketmq-{first}.{group}.home.db")
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { is_shared: true, retains_by_itself: true, ..Capabilities::default() }
    }

    /// A broker is enough that a nameserver knows and that takes connections: nameservers alone have
    /// no messages, and forget a broker when its connection ends.
    fn is_reachable(&self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        let is_encrypted = self.is_encrypted;
        let each = self.names.clone();
        let masters = first_within(each, wait, move |name: &String| {
            let nameserver = Nameservers { names: vec![name.clone()], is_encrypted };
            let cluster = Client::new(&nameserver).and_then(|mut client| client.cluster()).ok()?;
            Some(cluster.masters).filter(|masters| !masters.is_empty())
        });
        let left = until.saturating_duration_since(Instant::now());
        masters.is_some_and(|masters| any_takes_connections(masters.into_values(), left))
    }
}
