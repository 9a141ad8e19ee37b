//! A broker that leads partitions, and the connection to it.

use std::sync::mpsc::Receiver;

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
}
