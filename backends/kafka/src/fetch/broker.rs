//! A broker that leads partitions, and the connection to it.

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use rustix::event::Timespec;

use super::backoff::Backoff;
use super::connection::{BrokerAddress, BrokerConnection};
use crate::security::{OpenError, Opened};

/// A broker that leads something.
#[derive(Default)]
pub(super) struct Broker {
    pub(super) address: BrokerAddress,
    pub(super) connection: ConnectionState,
    pub(super) backoff: Backoff,
}

/// The way to a broker.
#[derive(Default)]
pub(super) enum ConnectionState {
    #[default]
    Closed,
    Opening(Receiver<Result<Opened, OpenError>>),
    Open(BrokerConnection),
}

impl Broker {
    pub(super) fn is_open(&self) -> bool {
        matches!(self.connection, ConnectionState::Open(_))
    }
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.connection, ConnectionState::Closed)
    }

    /// Its connection is of no more use; another one is tried later.
    pub(super) fn lose(&mut self, now: Instant) {
        self.connection = ConnectionState::Closed;
        self.backoff.start(now);
    }
}

/// Waits up to `most` for something to do for one of these.
pub(super) fn wait<'a>(brokers: impl Iterator<Item = &'a Broker>, mut most: Duration) {
    let mut polled = Vec::new();
    for broker in brokers {
        match &broker.connection {
            ConnectionState::Closed => {}
            // It is opened by a thread, which has no socket to wait for.
            ConnectionState::Opening(_) => most = most.min(seismic_queue::limits::READ_PAUSE_MIN),
            ConnectionState::Open(link) => polled.extend(link.poll()),
        }
    }
    let Ok(timeout) = Timespec::try_from(most) else { return };
    // One that was interrupted has waited less.
    let _ = rustix::event::poll(&mut polled, Some(&timeout));
}
