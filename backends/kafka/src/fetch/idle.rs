//! Idle connections, kept for a while for the next reader: opening a connection takes handshakes
//! and a login, and a command that inspects a job reads hundreds of logs from the same few brokers,
//! one after the other.
//!
//! A reader usually leaves while a request is in flight. Its connection is reused once the response
//! has arrived; until then another one is opened.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::connection::{BrokerAddress, BrokerConnection};
use crate::limits;

/// The idle connections of one cluster's readers.
#[derive(Default)]
pub(crate) struct IdleConnections(Mutex<VecDeque<IdleConnection>>);

struct IdleConnection {
    address: BrokerAddress,
    since: Instant,
    connection: BrokerConnection,
}

impl IdleConnections {
    /// One to the broker at `address`, which is ready for questions.
    pub(super) fn take(&self, address: &BrokerAddress) -> Option<BrokerConnection> {
        let mut idle = self.lock();
        forget_old(&mut idle);
        let mut place = 0;
        while let Some(it) = idle.get_mut(place) {
            if it.address != *address {
                place += 1;
                continue;
            }
            match it.connection.settle() {
                Ok(true) => return idle.remove(place).map(|it| it.connection),
                Ok(false) => place += 1,
                // The broker has ended it.
                Err(_) => drop(idle.remove(place)),
            }
        }
        None
    }

    /// Keeps one that its reader does not need any more.
    pub(super) fn keep(&self, address: BrokerAddress, mut connection: BrokerConnection) {
        if !connection.rest() {
            return;
        }
        let mut idle = self.lock();
        forget_old(&mut idle);
        if idle.len() >= limits::IDLE_CONNECTIONS {
            idle.pop_front();
        }
        idle.push_back(IdleConnection { address, since: Instant::now(), connection });
    }

    /// Closes those to a broker that was lost.
    pub(super) fn forget(&self, address: &BrokerAddress) {
        self.lock().retain(|it| it.address != *address);
    }

    /// Closes those that no one has needed for a while.
    pub(crate) fn close_old(&self) {
        forget_old(&mut self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<IdleConnection>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_old(idle: &mut VecDeque<IdleConnection>) {
    let now = Instant::now();
    idle.retain(|it| {
        let is_logged_in = it.connection.renew_at.is_none_or(|at| now < at);
        is_logged_in && now.duration_since(it.since) < limits::IDLE_CONNECTION_AGE
    });
}
