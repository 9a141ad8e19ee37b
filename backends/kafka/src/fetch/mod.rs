//! Fetches messages from the leaders of partitions, without librdkafka. Each message is copied
//! once, from the response into the reader's batch.
//!
//! ```text
//!  leaders ──► broker ──► connection ──► exchange ──► response_handler ──► pending ──► the reader
//!  eligibility: whether this client may fetch   request, response, error_code: the calls
//!  log_ends: where the leaders' logs end
//!  record_batch, compression, unpacking, aborted: their content   cursor, backoff: one partition, one retry
//! ```
//!
//! Each leader has one request in flight. When its response has arrived and the one before was
//! delivered, the heads of its batches show the next offset: we send the next request, and then
//! deliver this response. So the broker and the network work while the reader does, and at most two
//! responses of each leader are in memory.
//!
//! The reading thread does all of this; only name resolution, connecting and leader lookup run on
//! short-lived threads. Failures are retried with a growing backoff: for a leader that is gone,
//! moved, silent or confused we look up the leaders again. What cannot be read here, an old message
//! format or an unknown compression, is left to librdkafka: [`Unreadable`].

mod aborted;
mod backoff;
mod broker;
mod compression;
mod connection;
mod cursor;
mod eligibility;
mod error_code;
mod exchange;
pub mod fuzz;
pub(crate) mod idle;
mod leaders;
mod log_ends;
mod pending;
mod record_batch;
mod request;
mod response;
mod response_handler;
mod unpacking;

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use self::backoff::Backoff;
use self::broker::{Broker, ConnectionState, wait};
use self::cursor::Cursor;
use self::eligibility::FetchSettings;
use self::pending::{PendingResponse, Step};
use crate::client::cluster::{Cluster, Leaders};
use crate::client::connection::number;
use crate::client::native::Item;
use crate::security::Security;
use seismic_queue::{Offset, Partition, Topic};

/// What is not for us: why.
#[derive(Debug)]
pub(crate) struct Unreadable(String);

impl Unreadable {
    fn new(why: &str) -> Unreadable {
        Unreadable(why.to_owned())
    }
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Fetches partitions of a topic.
pub(crate) struct Fetch {
    cluster: Cluster,
    topic: Topic,
    /// The topic's, as brokers write it.
    id: [u8; 16],
    settings: FetchSettings,
    security: Security,
    cursors: BTreeMap<Partition, Cursor>,
    /// How often something came of some partition.
    turns: u64,
    brokers: BTreeMap<i32, Broker>,
    /// Ways to the same brokers for questions where their logs end.
    asked: BTreeMap<i32, Broker>,
    /// At most one of each broker.
    pending: Vec<PendingResponse>,
    /// Memory of answers that were given.
    spare: Vec<Vec<u8>>,
    /// Memory for records that were compressed.
    unpacked: Vec<u8>,
    failures: Vec<(Partition, Code)>,
    leader_lookup: Option<Receiver<Result<Leaders, KafkaError>>>,
    lookup_backoff: Backoff,
    /// Whether it has looked for leaders.
    has_looked: bool,
}

impl Fetch {
    /// One that fetches nothing yet.
    ///
    /// # Errors
    /// Why it is for librdkafka to read this.
    pub(crate) fn new(
        cluster: &Cluster,
        topic: &Topic,
        config: &ClientConfig,
    ) -> Result<Fetch, String> {
        let settings = FetchSettings::of(config, cluster.settings.given())?;
        let security = Security::of(|key| config.get(key))?;
        let mut id = [0; 16];
        let decoded = STANDARD_NO_PAD.decode_slice(&topic.id, &mut id);
        if decoded != Ok(id.len()) || id == [0; 16] {
            return Err("a topic without an id".to_owned());
        }
        Ok(Fetch {
            cluster: cluster.clone(),
            topic: topic.clone(),
            id,
            settings,
            security,
            cursors: BTreeMap::new(),
            turns: 0,
            brokers: BTreeMap::new(),
            asked: BTreeMap::new(),
            pending: Vec::new(),
            spare: Vec::new(),
            unpacked: Vec::new(),
            failures: Vec::new(),
            leader_lookup: None,
            lookup_backoff: Backoff::default(),
            has_looked: false,
        })
    }

    /// Fetches these from these offsets on; others stay where they are.
    pub(crate) fn start(&mut self, at: &[(Partition, Offset)]) {
        for &(partition, from) in at {
            self.forget(partition);
            let mut cursor = Cursor::new(partition, from);
            cursor.leader = self.cursors.get(&partition).and_then(|before| before.leader);
            self.cursors.insert(partition, cursor);
        }
        // A leader works on one question after the other: the next one would wait for what is under
        // way.
        for broker in self.brokers.values_mut() {
            if matches!(&broker.connection, ConnectionState::Open(link) if link.in_flight.is_some())
            {
                broker.connection = ConnectionState::Closed;
            }
        }
    }

    /// Fetches these no longer.
    pub(crate) fn stop(&mut self, partitions: &[Partition]) {
        for &partition in partitions {
            self.forget(partition);
            self.cursors.remove(&partition);
        }
        self.drop_idle_brokers();
    }

    /// Asks for no more of these, or again. What was asked for comes.
    pub(crate) fn set_paused(&mut self, partitions: &[Partition], is_paused: bool) {
        for partition in partitions {
            if let Some(cursor) = self.cursors.get_mut(partition) {
                cursor.is_paused = is_paused;
            }
        }
    }

    /// Waits up to `wait` for something to give, and gives up to a bound of what is there.
    ///
    /// # Errors
    /// [`Unreadable`]: what was given is right, and nothing more can be.
    pub(crate) fn poll(
        &mut self,
        wait: Duration,
        mut each: impl FnMut(Item<'_>),
    ) -> Result<(), Unreadable> {
        let began = Instant::now();
        let deadline = began + wait;
        loop {
            let until = if self.pending.is_empty() { deadline } else { began };
            self.work_until(until)?;
            if self.deliver(&mut each)? || Instant::now() >= deadline {
                return Ok(());
            }
        }
    }

    /// Gives what is held; whether that was anything.
    fn deliver(&mut self, each: &mut impl FnMut(Item<'_>)) -> Result<bool, Unreadable> {
        let (mut is_given, mut bytes) = (false, 0);
        let mut give = |item: Item<'_>| {
            is_given = true;
            each(item);
        };
        for (partition, code) in self.failures.drain(..) {
            give(Item::Error { partition: number(partition), code });
        }
        while bytes < seismic_queue::limits::BATCH_BYTES {
            let Some(mut pending) = self.pending.pop() else { break };
            match pending.step(&mut self.unpacked, &mut give) {
                Step::Given(more) => bytes += more,
                Step::Spoiled(partition, at) => {
                    pending.forget(partition);
                    if let Some(cursor) = self.cursors.get_mut(&partition) {
                        cursor.go_back(at);
                        cursor.backoff.start(Instant::now());
                    }
                    give(Item::Error { partition: number(partition), code: Code::BadMessage });
                }
                Step::Packed => {
                    return Err(Unreadable::new("a batch that cannot be unpacked here"));
                }
            }
            if pending.is_empty() {
                self.spare.push(pending.memory());
            } else {
                // Leaders take turns.
                self.pending.insert(0, pending);
            }
        }
        Ok(is_given)
    }

    /// Does what there is to be done until something is held, or that time.
    fn work_until(&mut self, deadline: Instant) -> Result<(), Unreadable> {
        loop {
            let now = Instant::now();
            self.refresh_leaders(now);
            self.open_connections(now);
            self.work(now)?;
            if !self.pending.is_empty() || !self.failures.is_empty() || now >= deadline {
                return Ok(());
            }
            self.wait(deadline - now, now);
        }
    }

    /// Waits for sockets, and for what threads look for.
    fn wait(&self, most: Duration, now: Instant) {
        let is_open = |leader| matches!(self.brokers.get(&leader), Some(it) if it.is_open());
        let is_asked = |it: &Cursor| it.leader.is_some_and(is_open) && it.backoff.is_over(now);
        let most = if self.leader_lookup.is_some() {
            most.min(seismic_queue::limits::READ_PAUSE_MIN)
        } else if !self.cursors.values().all(is_asked) {
            most.min(*seismic_queue::limits::BACKOFF.start())
        } else {
            most.min(*seismic_queue::limits::BACKOFF.end())
        };
        wait(self.brokers.values(), most);
    }

    /// Does what every link has to do.
    fn work(&mut self, now: Instant) -> Result<(), Unreadable> {
        let ids: Vec<i32> = self.brokers.keys().copied().collect();
        for id in ids {
            let Some(broker) = self.brokers.get_mut(&id) else { continue };
            let link = match std::mem::take(&mut broker.connection) {
                ConnectionState::Closed => continue,
                ConnectionState::Open(link) => Ok(link),
                ConnectionState::Opening(opened) => match opened.try_recv() {
                    Err(TryRecvError::Empty) => {
                        broker.connection = ConnectionState::Opening(opened);
                        continue;
                    }
                    Ok(Ok(opened)) => Ok(self.settings.handshake(opened)),
                    Ok(Err(error)) => Err(self.not_opened(id, error)?),
                    Err(TryRecvError::Disconnected) => Err(io::ErrorKind::NotConnected.into()),
                },
            };
            let served = match link {
                Ok(mut link) => self.serve(id, &mut link, now)?.map(|()| link),
                Err(error) => Err(error),
            };
            match (served, self.brokers.get_mut(&id)) {
                (Ok(link), Some(broker)) => broker.connection = ConnectionState::Open(link),
                (Ok(_), None) => {}
                (Err(error), _) => self.broker_lost(id, &error, now),
            }
        }
        Ok(())
    }

    /// Nothing that came of a partition is of use any more.
    fn forget(&mut self, partition: Partition) {
        self.pending.iter_mut().for_each(|pending| pending.forget(partition));
        self.failures.retain(|(of, _)| *of != partition);
    }
}

/// Its connections are the next reader's.
impl Drop for Fetch {
    fn drop(&mut self) {
        let brokers = [std::mem::take(&mut self.brokers), std::mem::take(&mut self.asked)];
        for broker in brokers.into_iter().flat_map(BTreeMap::into_values) {
            if let ConnectionState::Open(connection) = broker.connection {
                self.cluster.idle.keep(broker.address, connection);
            }
        }
    }
}

#[cfg(test)]
mod hostile;
