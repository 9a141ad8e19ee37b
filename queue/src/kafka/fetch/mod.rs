//! Fetches messages from the leaders of partitions, without librdkafka: what comes is copied once, from
//! the answer that has it into the batch of who reads.
//!
//! ```text
//!  leaders (asked of the cluster) ──► link.rs: a socket each ──► held.rs: an answer ──► who reads
//!  terms.rs: may we?   request.rs, answer.rs: the calls   records.rs, compression.rs, aborted.rs: what is in them
//! ```
//!
//! One question is under way for each leader. As soon as its answer is there and the one before was
//! given, the heads of its batches say where the next one goes on; it is asked, and then this one is
//! given. So the broker and the network work while messages are looked at, and two answers of each
//! leader are the most that there is.
//!
//! The thread that reads does all of it; only names, connections and leaders are looked for by threads
//! that end with that. What fails is tried again with growing rests: a leader that is gone, moved, silent
//! or confused is looked for anew. What cannot be read here, an old layout or a compression that nobody
//! knows, is left to librdkafka: [`Unreadable`].

mod aborted;
mod answer;
mod compression;
mod cursor;
pub mod fuzz;
mod held;
mod link;
mod records;
mod request;
mod rest;
mod terms;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::types::RDKafkaRespErr;
use rustix::event::Timespec;

use self::aborted::Aborted;
use self::answer::Answer;
use self::cursor::Cursor;
use self::held::{Held, Step};
use self::link::{Address, Asked, Link};
use self::request::At;
use self::rest::Rest;
use self::terms::Terms;
use super::client::{Cluster, Leaders, number};
use super::kind::{is_unknown, may_pass};
use super::native::Item;
use crate::{Offset, Partition, Topic, limits};

/// What is not for us: why.
#[derive(Debug)]
pub(super) struct Unreadable(&'static str);

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// Fetches partitions of a topic.
pub(super) struct Fetch {
    cluster: Cluster,
    topic: Topic,
    /// The topic's, as brokers write it.
    id: [u8; 16],
    terms: Terms,
    cursors: BTreeMap<Partition, Cursor>,
    /// How often something came of some partition.
    turns: u64,
    brokers: BTreeMap<i32, Broker>,
    /// At most one of each broker.
    held: Vec<Held>,
    /// Memory of answers that were given.
    spare: Vec<Vec<u8>>,
    /// Memory for records that were compressed.
    unpacked: Vec<u8>,
    failures: Vec<(Partition, Code)>,
    looking: Option<Receiver<Result<Leaders, KafkaError>>>,
    looking_rest: Rest,
}

/// A broker that leads something.
#[derive(Default)]
struct Broker {
    address: Address,
    door: Door,
    rest: Rest,
}

/// The way to a broker.
#[derive(Default)]
enum Door {
    #[default]
    Closed,
    Opening(Receiver<io::Result<TcpStream>>),
    Open(Link),
}

impl Broker {
    fn is_open(&self) -> bool {
        matches!(self.door, Door::Open(_))
    }
}

impl Fetch {
    /// One that fetches nothing yet.
    ///
    /// # Errors
    /// Why it is for librdkafka to read this.
    pub(super) fn new(
        cluster: &Cluster,
        topic: &Topic,
        config: &ClientConfig,
    ) -> Result<Fetch, String> {
        let terms = Terms::of(config, cluster.settings.given())?;
        let mut id = [0; 16];
        let decoded = STANDARD_NO_PAD.decode_slice(&topic.id, &mut id);
        if decoded != Ok(id.len()) || id == [0; 16] {
            return Err("a topic without an id".to_owned());
        }
        Ok(Fetch {
            cluster: cluster.clone(),
            topic: topic.clone(),
            id,
            terms,
            cursors: BTreeMap::new(),
            turns: 0,
            brokers: BTreeMap::new(),
            held: Vec::new(),
            spare: Vec::new(),
            unpacked: Vec::new(),
            failures: Vec::new(),
            looking: None,
            looking_rest: Rest::default(),
        })
    }

    /// Fetches these from these offsets on; others stay where they are.
    pub(super) fn start(&mut self, at: &[(Partition, Offset)]) {
        for &(partition, from) in at {
            self.forget(partition);
            let mut cursor = Cursor::new(partition, from);
            cursor.leader = self.cursors.get(&partition).and_then(|before| before.leader);
            self.cursors.insert(partition, cursor);
        }
        // A leader works on one question after the other: the next one would wait for what is under way.
        for broker in self.brokers.values_mut() {
            if matches!(&broker.door, Door::Open(link) if link.asked.is_some()) {
                broker.door = Door::Closed;
            }
        }
    }

    /// Fetches these no longer.
    pub(super) fn stop(&mut self, partitions: &[Partition]) {
        for &partition in partitions {
            self.forget(partition);
            self.cursors.remove(&partition);
        }
        self.leave_idle_brokers();
    }

    /// Waits up to `wait` for something to give, and gives up to a bound of what is there.
    ///
    /// # Errors
    /// [`Unreadable`]: what was given is right, and nothing more can be.
    pub(super) fn take(
        &mut self,
        wait: Duration,
        mut each: impl FnMut(Item<'_>),
    ) -> Result<(), Unreadable> {
        let began = Instant::now();
        let deadline = began + wait;
        loop {
            let until = if self.held.is_empty() { deadline } else { began };
            self.work_until(until)?;
            if self.give(&mut each)? || Instant::now() >= deadline {
                return Ok(());
            }
        }
    }

    /// Gives what is held; whether that was anything.
    fn give(&mut self, each: &mut impl FnMut(Item<'_>)) -> Result<bool, Unreadable> {
        let (mut is_given, mut bytes) = (false, 0);
        let mut give = |item: Item<'_>| {
            is_given = true;
            each(item);
        };
        for (partition, code) in self.failures.drain(..) {
            give(Item::Error { partition: number(partition), code });
        }
        while bytes < limits::BATCH_BYTES {
            let Some(mut held) = self.held.pop() else { break };
            match held.step(&mut self.unpacked, &mut give) {
                Step::Given(more) => bytes += more,
                Step::Spoiled(partition, at) => {
                    held.forget(partition);
                    if let Some(cursor) = self.cursors.get_mut(&partition) {
                        cursor.go_back(at);
                        cursor.rest.begin(Instant::now());
                    }
                    give(Item::Error { partition: number(partition), code: Code::BadMessage });
                }
                Step::Packed => return Err(Unreadable("a batch that cannot be unpacked here")),
            }
            if held.is_empty() {
                self.spare.push(held.memory());
            } else {
                // Leaders take turns.
                self.held.insert(0, held);
            }
        }
        Ok(is_given)
    }

    /// Does what there is to be done until something is held, or that time.
    fn work_until(&mut self, deadline: Instant) -> Result<(), Unreadable> {
        loop {
            let now = Instant::now();
            self.look_for_leaders(now);
            self.open_doors(now);
            self.work(now)?;
            if !self.held.is_empty() || !self.failures.is_empty() || now >= deadline {
                return Ok(());
            }
            self.wait(deadline - now, now);
        }
    }

    /// Waits for sockets, and for what threads look for.
    fn wait(&self, most: Duration, now: Instant) {
        let is_opening = |broker: &Broker| matches!(broker.door, Door::Opening(_));
        let is_open = |leader| matches!(self.brokers.get(&leader), Some(it) if it.is_open());
        let is_asked = |it: &Cursor| it.leader.is_some_and(is_open) && it.rest.is_over(now);
        let most = if self.looking.is_some() || self.brokers.values().any(is_opening) {
            most.min(limits::READ_PAUSE_MIN)
        } else if !self.cursors.values().all(is_asked) {
            most.min(*limits::BACKOFF.start())
        } else {
            most.min(*limits::BACKOFF.end())
        };
        let links = self.brokers.values().filter_map(|broker| match &broker.door {
            Door::Open(link) => link.poll(),
            _ => None,
        });
        let mut polled: Vec<_> = links.collect();
        let Ok(timeout) = Timespec::try_from(most) else { return };
        // One that was interrupted has waited less.
        let _ = rustix::event::poll(&mut polled, Some(&timeout));
    }

    /// Hears who leads what, and asks when somebody has no leader.
    fn look_for_leaders(&mut self, now: Instant) {
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
    fn leave_idle_brokers(&mut self) {
        let cursors = &self.cursors;
        let leads = |id: &i32| cursors.values().any(|cursor| cursor.leader == Some(*id));
        // One that has failed is remembered for its rest.
        self.brokers.retain(|id, broker| leads(id) || !broker.rest.is_over(Instant::now()));
    }

    /// Connects to brokers that lead something and may be tried.
    fn open_doors(&mut self, now: Instant) {
        for cursor in self.cursors.values() {
            let Some(id) = cursor.leader else { continue };
            let Some(broker) = self.brokers.get_mut(&id) else { continue };
            if matches!(broker.door, Door::Closed) && broker.rest.is_over(now) {
                let opened = link::open(broker.address.clone(), self.terms.patience);
                broker.door = Door::Opening(opened);
            }
        }
    }

    /// Does what every link has to do.
    fn work(&mut self, now: Instant) -> Result<(), Unreadable> {
        let ids: Vec<i32> = self.brokers.keys().copied().collect();
        for id in ids {
            let Some(broker) = self.brokers.get_mut(&id) else { continue };
            let link = match std::mem::take(&mut broker.door) {
                Door::Closed => continue,
                Door::Open(link) => Ok(link),
                Door::Opening(opened) => match opened.try_recv() {
                    Err(TryRecvError::Empty) => {
                        broker.door = Door::Opening(opened);
                        continue;
                    }
                    Ok(Ok(socket)) => Ok(self.greet(socket)),
                    Ok(Err(error)) => Err(error),
                    Err(TryRecvError::Disconnected) => Err(io::ErrorKind::NotConnected.into()),
                },
            };
            let served = match link {
                Ok(mut link) => self.serve(id, &mut link, now)?.map(|()| link),
                Err(error) => Err(error),
            };
            match (served, self.brokers.get_mut(&id)) {
                (Ok(link), Some(broker)) => broker.door = Door::Open(link),
                (Ok(_), None) => {}
                (Err(error), _) => self.lose(id, &error, now),
            }
        }
        Ok(())
    }

    /// A new link, which asks first what the broker speaks.
    fn greet(&self, socket: TcpStream) -> Link {
        let mut link = Link::new(socket);
        let number = link.number();
        link.send(&request::versions(number, &self.terms.client));
        link
    }

    /// Asks, and takes what was answered.
    fn serve(
        &mut self,
        id: i32,
        link: &mut Link,
        now: Instant,
    ) -> Result<io::Result<()>, Unreadable> {
        loop {
            self.ask(id, link, now);
            if let Err(error) = link.work(self.terms.silence()) {
                return Ok(Err(error));
            }
            let Some(frame) = link.frame() else { return Ok(Ok(())) };
            if !link.is_greeted {
                match answer::is_spoken(frame) {
                    Some(true) => link.is_greeted = true,
                    Some(false) => return Err(Unreadable("a broker older than Kafka 3.1")),
                    None => return Ok(Err(invalid("an answer that is none"))),
                }
                link.pass();
                continue;
            }
            if self.held.iter().any(|held| held.broker == id) {
                return Ok(Ok(()));
            }
            let answer = answer::parse(frame, &self.id);
            let (Some(answer), Some(asked)) = (answer, link.asked.take()) else {
                return Ok(Err(invalid("an answer that is none")));
            };
            if answer.number != asked.number {
                return Ok(Err(invalid("the answer to another question")));
            }
            if answer.error != 0 {
                asked.at.iter().for_each(|at| self.fail(at.partition, answer.error, now));
                link.pass();
                continue;
            }
            let frame = link.take(self.spare.pop().unwrap_or_default());
            self.accept(id, &asked, answer, frame, now)?;
        }
    }

    /// Asks a broker for what it leads, if nothing is under way.
    fn ask(&mut self, id: i32, link: &mut Link, now: Instant) {
        if !link.is_greeted || link.asked.is_some() {
            return;
        }
        let is_due = |cursor: &&Cursor| cursor.leader == Some(id) && cursor.rest.is_over(now);
        let mut due: Vec<_> = self.cursors.values().filter(is_due).collect();
        if due.is_empty() {
            return;
        }
        due.sort_by_key(|cursor| cursor.turn);
        let mut at: Vec<At> = due.iter().map(|cursor| cursor.at).collect();
        let number = link.number();
        link.send(&request::fetch(number, &self.terms, &self.id, &at));
        at.sort_unstable_by_key(|at| at.partition);
        link.asked = Some(Asked { number, at });
    }

    /// Looks where the batches of an answer lead, and holds them.
    fn accept(
        &mut self,
        id: i32,
        asked: &Asked,
        answer: Answer,
        frame: Vec<u8>,
        now: Instant,
    ) -> Result<(), Unreadable> {
        let mut parts = VecDeque::new();
        for part in answer.parts {
            let place = asked.at.binary_search_by_key(&part.partition, |at| number(at.partition));
            let Some(&at) = place.ok().and_then(|place| asked.at.get(place)) else { continue };
            let partition = at.partition;
            let Some(cursor) = self.cursors.get_mut(&partition).filter(|it| it.at == at) else {
                continue;
            };
            if part.error != 0 {
                self.fail(partition, part.error, now);
                continue;
            }
            let scan = records::scan(&frame, part.records);
            let code = match scan.whole.is_empty() {
                _ if part.diverges => Some(Code::LogTruncation),
                true if scan.is_old => return Err(Unreadable("messages of Kafka before 0.11")),
                true if scan.is_spoiled => Some(Code::BadMessage),
                _ => None,
            };
            if let Some(code) = code {
                cursor.rest.begin(now);
                self.failures.push((partition, code));
                continue;
            }
            cursor.rest.end();
            if let Some((_, epoch)) = scan.end {
                self.turns += 1;
                (cursor.at.epoch, cursor.turn) = (epoch, self.turns);
            }
            let end = cursor.move_to(scan.end.map_or(0, |(end, _)| end), part.settled_end);
            if !scan.whole.is_empty() || end.is_some() {
                let (whole, from) = (scan.whole, at.offset);
                let aborted = Aborted::new(part.aborted);
                parts.push_back(held::Part { partition, whole, from, aborted, end });
            }
        }
        if let Some(broker) = self.brokers.get_mut(&id) {
            broker.rest.end();
        }
        if self.cursors.values().all(|cursor| cursor.leader.is_some()) {
            self.looking_rest.end();
        }
        let held = Held::new(id, frame, parts);
        if held.is_empty() {
            self.spare.push(held.memory());
        } else {
            self.held.push(held);
        }
        Ok(())
    }

    /// A partition that its leader gave nothing of, and why.
    fn fail(&mut self, partition: Partition, error: i16, now: Instant) {
        let Some(cursor) = self.cursors.get_mut(&partition) else { return };
        cursor.rest.begin(now);
        let code = code(error);
        tracing::debug!("{} {partition}: {code}", self.topic.name);
        if is_moved(code) {
            cursor.leader = None;
        }
        if is_told(code) {
            self.failures.push((partition, code));
        }
    }

    /// A broker that cannot be reached or understood.
    fn lose(&mut self, id: i32, why: &io::Error, now: Instant) {
        tracing::debug!("broker {id} is lost: {why}");
        if let Some(broker) = self.brokers.get_mut(&id) {
            broker.door = Door::Closed;
            broker.rest.begin(now);
        }
        for cursor in self.cursors.values_mut().filter(|cursor| cursor.leader == Some(id)) {
            cursor.leader = None;
        }
    }

    /// Nothing that came of a partition is of use any more.
    fn forget(&mut self, partition: Partition) {
        self.held.iter_mut().for_each(|held| held.forget(partition));
        self.failures.retain(|(of, _)| *of != partition);
    }
}

/// What an error of the protocol is called.
fn code(error: i16) -> Code {
    // The id of the topic is another one than that of the name, which librdkafka has no word for.
    const INCONSISTENT_TOPIC_ID: i16 = 103;
    if error == INCONSISTENT_TOPIC_ID {
        return Code::UnknownTopicId;
    }
    RDKafkaRespErr::try_from(i32::from(error)).map_or(Code::Unknown, Code::from)
}

/// Whether who reads must hear of it: what passes is tried again, but a topic may be gone for good.
fn is_told(code: Code) -> bool {
    !may_pass(code) || is_unknown(code)
}

/// Whether somebody else may lead the partition now.
fn is_moved(code: Code) -> bool {
    !matches!(code, Code::OffsetOutOfRange | Code::OffsetNotAvailable)
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod hostile;
