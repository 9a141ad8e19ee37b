//! Follows partitions of a topic: the reader, which the source of a slot (`source.rs`) also uses.
//!
//! Each partition has at most one pull in flight, sent as soon as the previous response is there,
//! so that the next messages travel while these are processed. A partition at its end is followed
//! by long pulls. [`Event::CaughtUp`] is returned only after a pull that found nothing. The
//! position of a group as stored by the broker is never used, and where the broker would skip
//! messages, reading ends with an error.
//!
//! An unreachable broker does not affect the partitions of others: its error is returned when they
//! have no messages.

use std::ops::Range;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use crate::client::{self, Pull, Pulled};
use crate::connection::Answer;
use crate::cursor::{Cursor, Keeps, PullInFlight, Ready};
use crate::error::Error as RocketError;
use crate::limits;
use crate::protocol::message::Stored;
use crate::repeats::Repeats;
use crate::topic::TopicQueues;
use seismic_queue::backend::byte_reader::Bytes;
use seismic_queue::{Batch, Error, Event, Kind, Offset, Partition, Reader, Result};

/// Reads some partitions of a topic.
pub(crate) struct TopicReader {
    pub(crate) log: TopicQueues,
    pub(crate) group: String,
    pub(crate) cursors: Vec<Cursor>,
    /// Whose turn it is.
    turn: usize,
    pub(crate) to: Sender<Answer>,
    answers: Receiver<Answer>,
    /// What is wrong with a broker, and will be said.
    failed: Option<Error>,
    /// Memory for a key that is not there as it was.
    raw_key: Vec<u8>,
    /// Which messages are given; `None`: all.
    keeps: Option<Keeps>,
}

impl TopicReader {
    pub(crate) fn new(log: TopicQueues, group: String, at: &[(Partition, Offset)]) -> Self {
        let (to, answers) = mpsc::channel();
        let (cursors, raw_key) = (Vec::new(), Vec::new());
        let (turn, failed, keeps) = (0, None, None);
        let mut reader =
            TopicReader { log, group, cursors, turn, to, answers, failed, raw_key, keeps };
        reader.start(at);
        reader
    }

    /// Gives only what `keeps` says.
    #[must_use]
    pub(crate) fn keeping(self, keeps: Option<Keeps>) -> Self {
        TopicReader { keeps, ..self }
    }

    pub(crate) fn start(&mut self, at: &[(Partition, Offset)]) {
        for &(partition, next) in at {
            self.stop(&[partition]);
            self.cursors.push(Cursor::new(partition, next));
        }
    }

    pub(crate) fn stop(&mut self, partitions: &[Partition]) {
        self.cursors.retain(|cursor| !partitions.contains(&cursor.partition));
    }

    /// Cursors in the order of their turns.
    fn turns(&self) -> impl Iterator<Item = usize> + use<> {
        let (count, turn) = (self.cursors.len(), self.turn);
        (1..=count).map(move |i| (turn + i) % count)
    }

    /// Sends the pulls that are due.
    fn send_pulls(&mut self) -> Result<()> {
        let now = Instant::now();
        let mut held: usize = self.cursors.iter().map(Cursor::held).sum();
        for i in self.turns() {
            let cursor = &self.cursors[i];
            if !cursor.may_ask(now) || (!cursor.is_end_reported && held >= limits::PULLS_HELD) {
                continue;
            }
            let (place, at) = self.log.place(cursor.partition)?;
            let suspend = if cursor.is_end_reported { limits::SUSPEND } else { Duration::ZERO };
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
                    self.rest(i, error.into())?;
                    continue;
                }
            };
            let is_suspended = cursor.is_end_reported;
            held += usize::from(!is_suspended);
            let asked = Some(PullInFlight { opaque, at, since: now, is_suspended });
            (self.cursors[i].asked, self.cursors[i].rests_until) = (asked, None);
        }
        Ok(())
    }

    /// The broker of a cursor could not be asked: it is left alone for a while, unless that would
    /// not help.
    fn rest(&mut self, i: usize, error: Error) -> Result<()> {
        if error.kind() != Kind::Retry {
            return Err(error);
        }
        self.cursors[i].rests_until = Some(Instant::now() + limits::REST);
        self.failed = Some(error);
        Ok(())
    }

    /// Says what is wrong with a broker, once.
    fn report_failure(&mut self) -> Result<()> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Takes in an answer.
    fn handle_answer(&mut self, answer: Answer) -> Result<()> {
        let is_its = |cursor: &Cursor| {
            cursor.asked.as_ref().is_some_and(|asked| asked.opaque == answer.opaque)
        };
        let Some(i) = self.cursors.iter().position(is_its) else {
            // Of a heartbeat, or asked before reading went back.
            return Ok(());
        };
        let asked = self.cursors[i].asked.take().expect("it was found by it");
        let pulled = match answer.outcome.and_then(|frame| client::pulled(&asked.at, frame)) {
            Ok(pulled) => pulled,
            Err(error) => return self.rest(i, error.into()),
        };
        let topic = || self.log.topic.name.clone();
        let cursor = &mut self.cursors[i];
        let (partition, wanted) = (cursor.partition, cursor.ask);
        let gone = |first| Error::OffsetGone { topic: topic(), partition, wanted, first };
        match pulled {
            Pulled::Found { next, frame } if next > wanted.0 => {
                let next = Offset(next);
                cursor.ready.push_back(Ready { frame, given: 0, next });
                (cursor.ask, cursor.at_end, cursor.is_end_reported) = (next, false, false);
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
    fn next_event(&mut self, spare: &mut Vec<Batch>) -> Result<Option<Event>> {
        for i in self.turns() {
            let cursor = &mut self.cursors[i];
            if !cursor.ready.is_empty() {
                let mut batch = spare.pop().unwrap_or_default();
                batch.reset(cursor.partition, cursor.next);
                self.turn = i;
                let filled = self.fill(i, &mut batch);
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
            if cursor.at_end && !cursor.is_end_reported {
                cursor.is_end_reported = true;
                self.turn = i;
                return Ok(Some(Event::CaughtUp(cursor.partition, cursor.next)));
            }
        }
        Ok(None)
    }

    /// Fills a batch from what a cursor has ready, and reads back what that takes.
    fn fill(&mut self, i: usize, batch: &mut Batch) -> Result<()> {
        loop {
            let (cursor, keeps) = (&mut self.cursors[i], self.keeps.as_mut());
            let topic = &self.log.topic.name;
            let Some(from) = cursor.fill(topic, batch, &mut self.raw_key, keeps)? else {
                return Ok(());
            };
            let (partition, until) = (cursor.partition, cursor.next);
            self.cursors[i].repeats = history(&self.log, partition, from..until)?;
        }
    }

    /// Gives up connections on which a pull should have been answered long ago.
    fn check_silent(&mut self) -> Result<()> {
        for i in 0..self.cursors.len() {
            let cursor = &mut self.cursors[i];
            let Some(asked) = &cursor.asked else { continue };
            let suspend = limits::SUSPEND + limits::SUSPEND_GRACE;
            let patience = if asked.is_suspended { suspend } else { limits::CALL };
            if asked.since.elapsed() > patience {
                let at = asked.at.clone();
                self.log.client.lose(&at, "a pull was not answered in time");
                cursor.asked = None;
                let seconds = patience.as_secs();
                self.rest(i, RocketError::Silent { at, doing: "a pull", seconds }.into())?;
            }
        }
        Ok(())
    }

    /// Shows the properties of every message of a partition within `range`. Where messages that
    /// were acknowledged do not show yet, they are waited for.
    pub(crate) fn read_properties(
        log: &TopicQueues,
        partition: Partition,
        range: Range<Offset>,
        see: &mut dyn FnMut(Offset, i64, &[u8]),
    ) -> Result<()> {
        let (log, group) = (log.another(), client::TOOLS_GROUP.to_owned());
        let mut reader = TopicReader::new(log, group, &[(partition, range.start)]);
        let begun = Instant::now();
        while reader.cursors[0].next < range.end {
            reader.send_pulls()?;
            match reader.answers.recv_timeout(limits::ASK_AGAIN) {
                Ok(answer) => reader.handle_answer(answer)?,
                Err(_) => reader.check_silent()?,
            }
            reader.report_failure()?;
            let cursor = &mut reader.cursors[0];
            while let Some(ready) = cursor.ready.pop_front() {
                let mut rest = Bytes(ready.frame.body());
                while let Some(message) = Stored::next(&mut rest) {
                    let offset = Offset(message.offset);
                    if range.contains(&offset) {
                        see(offset, message.store_ms, message.properties);
                    }
                }
                cursor.next = ready.next;
            }
            if let Some(fault) = cursor.fault.take() {
                return Err(fault);
            }
            if std::mem::take(&mut cursor.at_end) && begun.elapsed() > limits::ABOVE_END {
                let (topic, end) = (reader.log.topic.name.clone(), cursor.next);
                return Err(Error::OffsetBeyond { topic, partition, wanted: range.end, end });
            }
        }
        Ok(())
    }
}

/// What was sent before a message, as far as it takes to judge it.
fn history(log: &TopicQueues, partition: Partition, range: Range<Offset>) -> Result<Repeats> {
    let Range { start: mut from, end: until } = range;
    loop {
        let mut repeats = Repeats::new(from);
        // What was deleted repeats nothing.
        let first = log.another().first(partition)?;
        if from.max(first) < until {
            let range = from.max(first)..until;
            TopicReader::read_properties(log, partition, range, &mut |offset, _, text| {
                repeats.see(offset, text);
            })?;
        }
        match repeats.lacks(until) {
            Some(earlier) => from = earlier,
            None => return Ok(repeats),
        }
    }
}

impl Reader for TopicReader {
    fn read(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event> {
        let began = Instant::now();
        loop {
            while let Ok(answer) = self.answers.try_recv() {
                self.handle_answer(answer)?;
            }
            self.send_pulls()?;
            if let Some(event) = self.next_event(spare)? {
                // Asked before this is worked on, so that the answer is there after it.
                self.send_pulls()?;
                return Ok(event);
            }
            self.check_silent()?;
            self.report_failure()?;
            let left = wait.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Ok(Event::Nothing);
            }
            let is_troubled = self.cursors.iter().any(Cursor::is_troubled);
            let pause = if is_troubled { left.min(limits::ASK_AGAIN) } else { left };
            if let Ok(answer) = self.answers.recv_timeout(pause) {
                self.handle_answer(answer)?;
            }
        }
    }
}
