//! Who leads what is fetched, and the ways there.
//!
//! Leaders are asked of the cluster when some partition has none; names and connections are looked for
//! by threads that end with that.

use std::io;
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::Instant;

use super::Fetch;
use super::backoff::Rest;
use super::connection::{self, BrokerAddress, Link};
use super::cursor::Cursor;
use super::response_handler::is_told;
use crate::client::cluster::Leaders;

/// A broker that leads something.
#[derive(Default)]
pub(super) struct Broker {
    address: BrokerAddress,
    pub(super) door: Door,
    pub(super) rest: Rest,
}

/// The way to a broker.
#[derive(Default)]
pub(super) enum Door {
    #[default]
    Closed,
    Opening(Receiver<io::Result<TcpStream>>),
    Open(Link),
}

impl Broker {
    pub(super) fn is_open(&self) -> bool {
        matches!(self.door, Door::Open(_))
    }
}

impl Fetch {
    /// Hears who leads what, and asks when somebody has no leader.
    pub(super) fn look_for_leaders(&mut self, now: Instant) {
        match self.looking.as_ref().map(Receiver::try_recv) {
            Some(Err(TryRecvError::Empty)) => return,
            Some(Ok(Ok(leaders))) => self.follow(leaders),
            Some(Ok(Err(error))) => tracing::debug!("looking for leaders: {error}"),
            Some(Err(TryRecvError::Disconnected)) => tracing::debug!("nobody looks for leaders"),
            None => {}
        }
        self.looking = None;
        let is_led = |cursor: &Cursor| cursor.leader.is_some();
        if self.cursors.values().all(is_led) || !self.looking_rest.is_over(now) {
            return;
        }
        self.looking_rest.begin(now);
        let (to, found) = mpsc::channel();
        let (cluster, topic) = (self.cluster.clone(), self.topic.name.clone());
        // Who asked may have gone.
        let look = move || drop(to.send(cluster.leaders(&topic)));
        // Without a thread the channel ends, which is no answer either.
        drop(thread::Builder::new().name("kafka leaders".to_owned()).spawn(look));
        self.looking = Some(found);
    }

    /// Takes over who leads what.
    fn follow(&mut self, leaders: Leaders) {
        for (&partition, cursor) in &mut self.cursors {
            if cursor.leader.is_none() {
                let leader = leaders.of.get(&partition).copied();
                cursor.leader = leader.filter(|leader| leaders.at.contains_key(leader));
            }
        }
        let (error, first) = (leaders.error, self.cursors.keys().next().copied());
        self.failures.extend(first.zip(error.filter(|error| is_told(*error))));
        for (id, address) in leaders.at {
            let broker = self.brokers.entry(id).or_default();
            if broker.address != address {
                *broker = Broker { address, ..Broker::default() };
            }
        }
        self.leave_idle_brokers();
    }

    /// Forgets brokers that lead nothing of what is fetched.
    pub(super) fn leave_idle_brokers(&mut self) {
        let cursors = &self.cursors;
        let leads = |id: &i32| cursors.values().any(|cursor| cursor.leader == Some(*id));
        // One that has failed is remembered for its rest.
        self.brokers.retain(|id, broker| leads(id) || !broker.rest.is_over(Instant::now()));
    }

    /// Connects to brokers that lead something and may be tried.
    pub(super) fn open_doors(&mut self, now: Instant) {
        for cursor in self.cursors.values() {
            let Some(id) = cursor.leader else { continue };
            let Some(broker) = self.brokers.get_mut(&id) else { continue };
            if matches!(broker.door, Door::Closed) && broker.rest.is_over(now) {
                let opened = connection::open(broker.address.clone(), self.terms.patience);
                broker.door = Door::Opening(opened);
            }
        }
    }
}
