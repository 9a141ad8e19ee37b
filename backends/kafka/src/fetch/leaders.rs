//! Finds the leaders of the fetched partitions, and connects to them.
//!
//! The cluster is asked for leaders when some partition has none. Short-lived threads resolve names
//! and connect.

use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::Instant;

use super::Fetch;
use super::broker::{Broker, ConnectionState};
use super::connection;
use super::cursor::Cursor;
use super::error_code::is_reported;
use crate::client::cluster::Leaders;

impl Fetch {
    /// Hears who leads what, and asks when someone has no leader.
    pub(super) fn refresh_leaders(&mut self, now: Instant) {
        match self.leader_lookup.as_ref().map(Receiver::try_recv) {
            Some(Err(TryRecvError::Empty)) => return,
            Some(Ok(Ok(leaders))) => self.follow(leaders),
            Some(Ok(Err(error))) => tracing::debug!("looking for leaders: {error}"),
            Some(Err(TryRecvError::Disconnected)) => tracing::debug!("nobody looks for leaders"),
            None => {}
        }
        self.leader_lookup = None;
        let is_led = |cursor: &Cursor| cursor.leader.is_some();
        if self.cursors.values().all(is_led) || !self.lookup_backoff.is_over(now) {
            return;
        }
        if !std::mem::replace(&mut self.has_looked, true)
            && let Some(leaders) = self.cluster.leaders_lately(&self.topic.name)
        {
            self.follow(leaders);
            if self.cursors.values().all(is_led) {
                return;
            }
        }
        self.lookup_backoff.start(now);
        let (to, found) = mpsc::channel();
        let (cluster, topic) = (self.cluster.clone(), self.topic.name.clone());
        // Who asked may have gone.
        let look = move || drop(to.send(cluster.leaders(&topic)));
        // Without a thread the channel ends, which is no answer either.
        drop(thread::Builder::new().name("kafka leaders".to_owned()).spawn(look));
        self.leader_lookup = Some(found);
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
        self.failures.extend(first.zip(error.filter(|error| is_reported(*error))));
        for (id, address) in leaders.at {
            let broker = self.brokers.entry(id).or_default();
            if broker.address != address {
                *broker = Broker { address, ..Broker::default() };
            }
        }
        self.drop_idle_brokers();
    }

    /// Forgets brokers that lead nothing of what is fetched.
    pub(super) fn drop_idle_brokers(&mut self) {
        let cursors = &self.cursors;
        let leads = |id: &i32| cursors.values().any(|cursor| cursor.leader == Some(*id));
        // One that has failed is remembered for its rest.
        self.brokers.retain(|id, broker| leads(id) || !broker.backoff.is_over(Instant::now()));
    }

    /// Connects to brokers that lead something and may be tried.
    pub(super) fn open_connections(&mut self, now: Instant) {
        for cursor in self.cursors.values() {
            let Some(id) = cursor.leader else { continue };
            let Some(broker) = self.brokers.get_mut(&id) else { continue };
            let address = &broker.address;
            let open = || connection::open(address.clone(), &self.settings, &self.security);
            match &mut broker.connection {
                ConnectionState::Closed if broker.backoff.is_over(now) => {
                    broker.connection = match self.cluster.idle.take(address) {
                        Some(connection) => ConnectionState::Open(connection),
                        None => ConnectionState::Opening(open()),
                    };
                }
                ConnectionState::Open(link)
                    if link.renewal.is_none() && link.renew_at.is_some_and(|at| now >= at) =>
                {
                    link.renewal = Some(open());
                }
                _ => {}
            }
        }
    }
}
