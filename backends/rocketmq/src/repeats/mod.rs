//! Messages that are stored twice in a queue; readers deliver only the first.
//!
//! A producer that dies leaves sends in flight, which a broker may store after the next producer of
//! that name has read the queue; and a stalled broker may store a send that was given up. No wait
//! is long enough for that, so readers recognise repeats by properties of each send. Its first
//! message has two properties:
//!
//! * `seismic_from`: the producer and the sequence number of the message;
//! * `seismic_after`: an offset of this queue. The producer knew all of its messages before that
//!   offset when it sent, so the send does not repeat any of them.
//!
//! > A message is a repeat if between `seismic_after` of its send and its own offset there is another
//! > one of the same producer with the same sequence number or a higher one.
//!
//! The rule depends on the log alone: a reader that starts anywhere gets the same result once it
//! has read back to `seismic_after`. A producer never has two sends in flight to one queue, so a
//! higher number means that all below it are stored. Sends of versions before this rule have no
//! offset and never count as repeats.

pub(crate) mod send_marks;

use std::collections::HashMap;

use crate::limits;
use crate::protocol::properties;
use crate::protocol::unique_id::IdText;
use crate::repeats::send_marks::{AFTER, FROM, parse_from};
use seismic_queue::Offset;

/// What was seen of the producers of one partition.
#[derive(Debug)]
pub(crate) struct Repeats {
    /// Everything from there on was seen.
    since: Offset,
    producers: HashMap<Box<str>, Producer>,
    /// The send that the last message belongs to.
    send: Option<Send>,
    /// How many producers there may be before those are forgotten that no message can repeat any
    /// more.
    room: usize,
    /// Id of the next message of a send whose first message was not seen.
    headless: Option<IdText>,
    /// Whether nothing was seen yet.
    is_new: bool,
}

/// The newest message of a producer.
#[derive(Clone, Copy, Debug)]
struct Producer {
    /// Sequence number after it.
    next: u64,
    at: Offset,
}

/// A send of which messages come.
#[derive(Debug)]
struct Send {
    producer: Box<str>,
    /// Sequence number and id of its next message.
    next: u64,
    id: IdText,
    /// Messages below this number are repeats.
    repeated: u64,
    /// The newest message of it that is none.
    newest: Option<Offset>,
    /// From where on repeats of it count; `None` when it does not say.
    from: Option<Offset>,
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    New,
    Repeat,
    /// That cannot be told before everything from there on was seen.
    NeedsHistory(Offset),
}

impl Repeats {
    /// Nothing was seen of what lies before `since`.
    pub(crate) fn new(since: Offset) -> Self {
        let (producers, send, headless) = (HashMap::new(), None, None);
        let room = limits::PRODUCERS_SEEN;
        Repeats { since, producers, send, room, headless, is_new: true }
    }

    /// Judges the next message by its properties. When history is needed, it is judged again once
    /// there is one.
    pub(crate) fn judge(&mut self, offset: Offset, text: &[u8]) -> Verdict {
        match self.meet(offset, text, true) {
            Some(from) => Verdict::NeedsHistory(from),
            None => match &self.send {
                Some(send) if send.next <= send.repeated => Verdict::Repeat,
                _ => Verdict::New,
            },
        }
    }

    /// Sees a message that someone else judged before.
    pub(crate) fn see(&mut self, offset: Offset, text: &[u8]) {
        self.meet(offset, text, false);
    }

    /// From where on history is needed to judge the messages that follow, where this one was built
    /// from what lies before them: their send began before it.
    pub(crate) fn lacks(&self, until: Offset) -> Option<Offset> {
        let from = match &self.send {
            Some(send) => send.from?,
            None => {
                self.headless?;
                Offset(until.0.saturating_sub(limits::SEND_MESSAGES as u64))
            }
        };
        (from < self.since).then_some(from)
    }

    /// Takes in a message; where that is needed first, from where on history is.
    fn meet(&mut self, offset: Offset, text: &[u8], judges: bool) -> Option<Offset> {
        let marks = Marks::of(text);
        let Some(id) = marks.id else {
            self.end_send();
            (self.headless, self.is_new) = (None, false);
            return None;
        };
        if let Some((producer, sequence)) = marks.from.and_then(parse_from) {
            let from = marks.after.and_then(parse_offset).map(|after| window(after, offset));
            if let Some(from) = from.filter(|from| judges && *from < self.since) {
                return Some(from);
            }
            (self.headless, self.is_new) = (None, false);
            self.begin_send(producer, sequence, from, offset);
        } else if !self.send.as_ref().is_some_and(|send| send.id == id) {
            if judges && self.is_new && offset > Offset(0) && self.since == offset {
                return Some(Offset(offset.0 - 1));
            }
            let is_headless = self.is_new || self.headless == Some(id);
            self.end_send();
            (self.headless, self.is_new) = (is_headless.then(|| id.next()), false);
            return None;
        }
        let send = self.send.as_mut().expect("it has just begun or goes on");
        if send.next >= send.repeated {
            send.newest = Some(offset);
        }
        (send.next, send.id) = (send.next + 1, id.next());
        None
    }

    fn begin_send(&mut self, producer: &str, next: u64, from: Option<Offset>, offset: Offset) {
        self.end_send();
        if self.producers.len() >= self.room {
            self.producers.retain(|_, seen| seen.at >= window(Offset(0), offset));
            self.room = limits::PRODUCERS_SEEN.max(2 * self.producers.len());
        }
        let seen = self.producers.get(producer).filter(|seen| from.is_some_and(|it| seen.at >= it));
        let repeated = seen.map_or(0, |seen| seen.next);
        let (producer, id, newest) = (producer.into(), IdText::default(), None);
        self.send = Some(Send { producer, next, id, repeated, newest, from });
    }

    fn end_send(&mut self) {
        if let Some(Send { producer, next, newest: Some(at), from, .. }) = self.send.take() {
            let seen = self.producers.entry(producer).or_insert(Producer { next, at });
            // What says nothing of repeats may be one.
            if from.is_some() || next >= seen.next {
                *seen = Producer { next, at };
            }
        }
    }
}

/// From where on repeats of a send count: what lies farther back is not searched.
fn window(after: Offset, offset: Offset) -> Offset {
    after.max(Offset(offset.0.saturating_sub(limits::TAIL_MESSAGES)))
}

fn parse_offset(value: &[u8]) -> Option<Offset> {
    std::str::from_utf8(value).ok()?.parse().ok().map(Offset)
}

/// The properties that matter.
#[derive(Default)]
struct Marks<'a> {
    id: Option<IdText>,
    from: Option<&'a [u8]>,
    after: Option<&'a [u8]>,
}

impl<'a> Marks<'a> {
    fn of(text: &'a [u8]) -> Self {
        let mut marks = Marks::default();
        for (name, value) in properties::each(text) {
            if name == properties::UNIQUE_ID.as_bytes() {
                marks.id = IdText::of(value);
            } else if name == FROM.as_bytes() {
                marks.from = Some(value);
            } else if name == AFTER.as_bytes() {
                marks.after = Some(value);
            }
        }
        marks
    }
}

#[cfg(test)]
mod tests;
