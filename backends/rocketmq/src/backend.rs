//! RocketMQ in the list of backends: what the address of its nameservers opens.

use std::sync::Arc;

use crate::nameservers::Nameservers;
use crate::queue::RocketQueue;
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
}
