//! Follows partitions of a topic: the reader, and what is below a slot's source.
//!
//! Each partition has at most one pull on its way, asked as soon as the answer before it is there,
//! so that the next messages travel while these are worked on. A partition whose end was found is
//! followed by pulls that the broker keeps until something comes. [`Event::CaughtUp`] is said only
//! after a pull that found nothing. Nothing is ever taken from the broker's own idea of a group's
//! position, and where it would skip messages, reading ends with an error.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::client::{self, Pull, Pulled};
use super::connection::Answer;
use super::error::Error as RocketError;
use super::limits;
use super::log::Log;
use super::outlet::Properties;
use super::protocol::bytes::Bytes;
use super::protocol::frame::Frame;
use super::protocol::message::Stored;
use super::protocol::properties;
use crate::limits::BATCH_BYTES;
use crate::{Batch, Claim, Error, Event, Message, Offset, Partition, Reader, Result, Source};

/// Reads some partitions of a topic.
pub(super) struct Follower {
    log: Log,
    group: String,
    cursors: Vec<Cursor>,
    /// Whose turn it is.
    turn: usize,
    to: Sender<Answer>,
    answers: Receiver<Answer>,
    /// Memory for a key that is not there as it was.
    raw_key: Vec<u8>,
    /// Which messages are given; `None`: all.
    keeps: Option<Keeps>,
}

/// Whether a message is given, by its partition, offset and properties. Sees each once, in order.
pub type Keeps = Box<dyn FnMut(Partition, Offset, Properties<'_>) -> bool + Send>;

/// Place in one partition.
#[derive(Debug)]
struct Cursor {
    partition: Partition,
    /// Next message to give.
    next: Offset,
    /// Next message to ask for: what lies between is in `ready`.
    ask: Offset,
    asked: Option<Asked>,
    ready: VecDeque<Ready>,
    /// A pull at `next` found nothing.
    at_end: bool,
    /// Whether that was said.
    told: bool,
    /// Since when there is no answer that helps, and when to ask again.
    troubled: Option<(Instant, Instant)>,
    /// What to say once everything before it was given.
    fault: Option<Error>,
}

/// A pull on its way.
#[derive(Debug)]
struct Asked {
    opaque: i32,
    at: String,
    since: Instant,
    is_suspended: bool,
}

/// An answer with messages that were not given yet.
#[derive(Debug)]
struct Ready {
    frame: Frame,
    /// How much of its body was given.
    given: usize,
    /// Offset after its last message, as the broker says it.
    next: Offset,
}

impl Cursor {
    fn new(partition: Partition, next: Offset) -> Self {
        Cursor {
            partition,
            next,
            ask: next,
            asked: None,
            ready: VecDeque::new(),
            at_end: false,
            told: false,
            troubled: None,
            fault: None,
        }
    }

    /// Answers it holds or will get at once.
    fn held(&self) -> usize {
        self.ready.len() + usize::from(self.asked.as_ref().is_some_and(|asked| !asked.is_suspended))
    }

    fn may_ask(&self, now: Instant) -> bool {
        self.asked.is_none()
            && self.ready.len() <= 1
            && self.fault.is_none()
            && (!self.at_end || self.told)
            && self.troubled.is_none_or(|(_, again)| again <= now)
    }

    /// Forgets what was asked for ahead: reading goes on at `next`.
    fn go_back(&mut self) {
        (self.ask, self.asked) = (self.next, None);
        self.ready.clear();
    }

    /// There is nothing at `ask`, which should pass; when it does not, `fault` is what it means.
    fn wait_or(&mut self, fault: impl FnOnce() -> Error) {
        let now = Instant::now();
        let since = self.troubled.map_or(now, |(since, _)| since);
        self.troubled = Some((since, now + limits::ASK_AGAIN));
        if now - since > limits::ABOVE_END {
            (self.troubled, self.fault) = (None, Some(fault()));
        }
    }
}

impl Follower {
    pub(super) fn new(log: Log, group: String, at: &[(Partition, Offset)]) -> Self {
        let (to, answers) = mpsc::channel();
        let (cursors, raw_key) = (Vec::new(), Vec::new());
        let mut follower =
            Follower { log, group, cursors, turn: 0, to, answers, raw_key, keeps: None };
        follower.start(at);
        follower
    }

    /// Gives only what `keeps` says.
    #[must_use]
    pub(super) fn keeping(self, keeps: Option<Keeps>) -> Self {
        Follower { keeps, ..self }
    }

    fn start(&mut self, at: &[(Partition, Offset)]) {
        for &(partition, next) in at {
            self.stop(partition);
            self.cursors.push(Cursor::new(partition, next));
        }
    }

    fn stop(&mut self, partition: Partition) {
        self.cursors.retain(|cursor| cursor.partition != partition);
    }

    /// Cursors in the order of their turns.
    fn turns(&self) -> impl Iterator<Item = usize> + use<> {
        let (count, turn) = (self.cursors.len(), self.turn);
        (1..=count).map(move |i| (turn + i) % count)
    }

    /// Sends the pulls that are due.
    fn ask(&mut self) -> Result<()> {
        let now = Instant::now();
        let mut held: usize = self.cursors.iter().map(Cursor::held).sum();
        for i in self.turns() {
            let cursor = &self.cursors[i];
            if !cursor.may_ask(now) || (!cursor.told && held >= limits::PULLS_HELD) {
                continue;
            }
            let (place, at) = self.log.place(cursor.partition)?;
            let suspend = if cursor.told { limits::SUSPEND } else { Duration::ZERO };
            let pull = Pull {
                topic: &self.log.topic.name,
                group: &self.group,
                queue: place.queue,
                offset: cursor.ask.0,
                suspend,
            };
            let connection = self.log.client.connection(&at);
            let opaque = match connection.and_then(|it| client::start_pull(it, pull, &self.to)) {
                Ok(opaque) => opaque,
                Err(error) => {
                    self.log.refresh();
                    return Err(error.into());
                }
            };
            let is_suspended = cursor.told;
            held += usize::from(!is_suspended);
            self.cursors[i].asked = Some(Asked { opaque, at, since: now, is_suspended });
        }
        Ok(())
    }

    /// Takes in an answer.
    fn take(&mut self, answer: Answer) -> Result<()> {
        let is_its = |cursor: &Cursor| {
            cursor.asked.as_ref().is_some_and(|asked| asked.opaque == answer.opaque)
        };
        let Some(i) = self.cursors.iter().position(is_its) else {
            // Of a heartbeat, or asked before reading went back.
            return Ok(());
        };
        let asked = self.cursors[i].asked.take().expect("it was found by it");
        let pulled = answer.outcome.and_then(|frame| client::pulled(&asked.at, frame))?;
        let topic = || self.log.topic.name.clone();
        let cursor = &mut self.cursors[i];
        let (partition, wanted) = (cursor.partition, cursor.ask);
        let gone = |first| Error::OffsetGone { topic: topic(), partition, wanted, first };
        match pulled {
            Pulled::Found { next, frame } if next > wanted.0 => {
                let next = Offset(next);
                cursor.ready.push_back(Ready { frame, given: 0, next });
                (cursor.ask, cursor.at_end, cursor.told) = (next, false, false);
                cursor.troubled = None;
            }
            Pulled::Nothing => {
                cursor.at_end = true;
                cursor.troubled = None;
            }
            Pulled::Illegal { min, .. } | Pulled::Again { min } if wanted.0 < min => {
                cursor.fault = Some(gone(Offset(min)));
            }
            Pulled::Illegal { max, .. } => cursor.wait_or(|| Error::OffsetBeyond {
                topic: topic(),
                partition,
                wanted,
                end: Offset(max),
            }),
            Pulled::Again { .. } | Pulled::Found { .. } => cursor.wait_or(|| Error::Corrupt {
                at: format!("{}/{partition}", topic()),
                what: format!("the broker has an offset {wanted} but not its message"),
            }),
        }
        Ok(())
    }

    /// What there is to say.
    fn give(&mut self, spare: &mut Vec<Batch>) -> Result<Option<Event>> {
        for i in self.turns() {
            let cursor = &mut self.cursors[i];
            if !cursor.ready.is_empty() {
                let mut batch = spare.pop().unwrap_or_default();
                batch.reset(cursor.partition, cursor.next);
                self.turn = i;
                let keeps = self.keeps.as_mut();
                let filled =
                    fill(cursor, &self.log.topic.name, &mut batch, &mut self.raw_key, keeps);
                if batch.is_empty() {
                    spare.push(batch);
                    filled?;
                    continue;
                }
                return Ok(Some(Event::Batch(batch)));
            }
            if let Some(fault) = cursor.fault.take() {
                return Err(fault);
            }
            if cursor.at_end && !cursor.told {
                cursor.told = true;
                self.turn = i;
                return Ok(Some(Event::CaughtUp(cursor.partition, cursor.next)));
            }
        }
        Ok(None)
    }

    /// Gives up connections on which a pull should have been answered long ago.
    fn check_silent(&mut self) -> Result<()> {
        for cursor in &mut self.cursors {
            let Some(asked) = &cursor.asked else { continue };
            let suspend = limits::SUSPEND + limits::SUSPEND_GRACE;
            let patience = if asked.is_suspended { suspend } else { limits::CALL };
            if asked.since.elapsed() > patience {
                let at = asked.at.clone();
                self.log.client.lose(&at, "a pull was not answered in time");
                cursor.asked = None;
                let seconds = patience.as_secs();
                return Err(RocketError::Silent { at, doing: "a pull", seconds }.into());
            }
        }
        Ok(())
    }

    /// Shows the properties of every message of a partition within `range`. Where messages that were
    /// acknowledged do not show yet, they are waited for.
    pub(super) fn read_properties(
        log: &Log,
        partition: Partition,
        range: Range<Offset>,
        see: &mut dyn FnMut(Offset, &[u8]),
    ) -> Result<()> {
        let (log, group) = (log.another(), client::TOOLS_GROUP.to_owned());
        let mut follower = Follower::new(log, group, &[(partition, range.start)]);
        let begun = Instant::now();
        while follower.cursors[0].next < range.end {
            follower.ask()?;
            match follower.answers.recv_timeout(limits::ASK_AGAIN) {
                Ok(answer) => follower.take(answer)?,
                Err(_) => follower.check_silent()?,
            }
            let cursor = &mut follower.cursors[0];
            while let Some(ready) = cursor.ready.pop_front() {
                let mut rest = Bytes(ready.frame.body());
                while let Some(message) = Stored::next(&mut rest) {
                    let offset = Offset(message.offset);
                    if range.contains(&offset) {
                        see(offset, message.properties);
                    }
                }
                cursor.next = ready.next;
            }
            if let Some(fault) = cursor.fault.take() {
                return Err(fault);
            }
            if std::mem::take(&mut cursor.at_end) && begun.elapsed() > limits::ABOVE_END {
                let (topic, end) = (follower.log.topic.name.clone(), cursor.next);
                return Err(Error::OffsetBeyond { topic, partition, wanted: range.end, end });
            }
        }
        Ok(())
    }
}

/// Fills a batch from what is ready.
///
/// # Errors
/// When messages are missing or damaged: what lies before them is in the batch, and the next call
/// gives the error again.
fn fill(
    cursor: &mut Cursor,
    topic: &str,
    batch: &mut Batch,
    raw: &mut Vec<u8>,
    mut keeps: Option<&mut Keeps>,
) -> Result<()> {
    let partition = cursor.partition;
    let corrupt = |offset: Offset, what: &str| Error::Corrupt {
        at: format!("message {offset} of {topic}/{partition}"),
        what: what.to_owned(),
    };
    while let Some(ready) = cursor.ready.front_mut() {
        let body = ready.frame.body();
        let mut rest = Bytes(body.get(ready.given..).unwrap_or_default());
        while !rest.0.is_empty() {
            let (wanted, left) = (cursor.next, rest.0.len());
            let message =
                Stored::next(&mut rest).ok_or_else(|| corrupt(wanted, "it is cut off"))?;
            let (offset, value) = (Offset(message.offset), message.value());
            if offset < wanted {
                ready.given += left - rest.0.len();
                continue;
            }
            if offset > wanted {
                let topic = topic.to_owned();
                return Err(Error::OffsetGone { topic, partition, wanted, first: offset });
            }
            if message.is_inner_batch() {
                return Err(corrupt(offset, "it is several messages in one (queue.type=BatchCQ)"));
            }
            if !message.is_whole() {
                return Err(corrupt(offset, "its body does not fit its CRC"));
            }
            let key = properties::key(message.properties, raw);
            if !batch.is_empty() && batch.size() + key.len() + value.len() > BATCH_BYTES {
                return Ok(());
            }
            let properties = Properties(message.properties);
            if keeps.as_mut().is_none_or(|keeps| keeps(partition, offset, properties)) {
                batch.push(Message { offset, append_ms: message.store_ms, key, value: &value });
            }
            cursor.next = offset.next();
            ready.given += left - rest.0.len();
        }
        let is_all = ready.next == cursor.next;
        cursor.ready.pop_front();
        if !is_all {
            // It gave fewer messages than it says: ask again, and see why.
            cursor.go_back();
        }
        if batch.size() > BATCH_BYTES / 2 {
            break;
        }
    }
    Ok(())
}

impl Reader for Follower {
    fn read(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event> {
        let began = Instant::now();
        loop {
            while let Ok(answer) = self.answers.try_recv() {
                self.take(answer)?;
            }
            self.ask()?;
            if let Some(event) = self.give(spare)? {
                // Asked before this is worked on, so that the answer is there after it.
                self.ask()?;
                return Ok(event);
            }
            self.check_silent()?;
            let left = wait.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Ok(Event::Nothing);
            }
            let is_troubled = self.cursors.iter().any(|cursor| cursor.troubled.is_some());
            let pause = if is_troubled { left.min(limits::ASK_AGAIN) } else { left };
            if let Ok(answer) = self.answers.recv_timeout(pause) {
                self.take(answer)?;
            }
        }
    }
}

/// A source of partitions that never move.
pub(super) struct RocketSource {
    follower: Follower,
    group: Arc<Mutex<String>>,
    /// Partitions not yet announced as assigned.
    unsaid: Option<Vec<Partition>>,
    client_id: String,
    /// When the broker last heard that the group is alive, and where it is.
    beat: Option<Instant>,
    told: Option<Instant>,
}

impl RocketSource {
    pub(super) fn new(log: Log, group: Arc<Mutex<String>>, partitions: &[Partition]) -> Self {
        RocketSource {
            follower: Follower::new(log, client::TOOLS_GROUP.to_owned(), &[]),
            group,
            unsaid: Some(partitions.to_vec()),
            client_id: format!("seismic@{}", std::process::id()),
            beat: None,
            told: None,
        }
    }

    /// Tells the brokers that the group is alive and where it is, for their own displays. What
    /// becomes of it does not matter: it is told again.
    fn tell(&mut self) {
        let now = Instant::now();
        let is_due = |last: Option<Instant>, every| last.is_none_or(|last| now - last >= every);
        let (beat, tell) =
            (is_due(self.beat, limits::HEARTBEAT), is_due(self.told, limits::TELL_POSITION));
        let follower = &mut self.follower;
        if !tell || follower.cursors.is_empty() {
            return;
        }
        self.told = Some(now);
        follower.group = self.group.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let topic = follower.log.topic.name.clone();
        let mut beaten: Vec<String> = Vec::new();
        for cursor in &follower.cursors {
            let Ok((place, at)) = follower.log.place(cursor.partition) else { continue };
            let Ok(connection) = follower.log.client.connection(&at) else { continue };
            if beat && !beaten.contains(&at) {
                self.beat = Some(now);
                let beat = client::heartbeat(&self.client_id, &follower.group, &topic);
                let _ = connection.send(beat, &follower.to);
                beaten.push(at);
            }
            let position =
                client::tell_position(&follower.group, &topic, place.queue, cursor.next.0);
            let _ = connection.send(position, &follower.to);
        }
    }
}

impl Source for RocketSource {
    fn poll(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event> {
        if let Some(partitions) = &self.unsaid {
            // A broker that cannot be asked now is waited for here, not where a slot begins.
            for &partition in partitions {
                self.follower.log.end(partition)?;
            }
            return Ok(Event::Assigned(self.unsaid.take().unwrap_or_default()));
        }
        self.tell();
        self.follower.read(wait, spare)
    }

    fn start(&mut self, at: &[(Partition, Offset)]) -> Result<()> {
        self.follower.start(at);
        Ok(())
    }

    fn release(&mut self, partitions: &[Partition]) -> Result<()> {
        partitions.iter().for_each(|&partition| self.follower.stop(partition));
        Ok(())
    }

    fn end(&mut self, partition: Partition) -> Result<Offset> {
        self.follower.log.end(partition)
    }

    fn claim(&self) -> Claim {
        Claim::Sole
    }
}
