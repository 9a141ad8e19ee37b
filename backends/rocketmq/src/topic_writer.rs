//! Writes to the queues of a topic for a caller that tracks them itself: each append returns its
//! offset, and stored messages can be read back with their properties.
//!
//! An *effectively once* sink needs this, and a [`Producer`](seismic_queue::Producer) hides it.

use std::sync::mpsc::{self, RecvTimeoutError};

use crate::client;
use crate::error::Error as RocketError;
use crate::limits;
use crate::protocol::batch::Batch;
use crate::protocol::properties::{Properties, is_clean};
use crate::protocol::unique_id::UniqueIds;
use crate::reader::TopicReader;
use crate::topic::TopicQueues;
use seismic_queue::{Error, Offset, Partition, Result, Span, clock};

/// A message to append.
#[derive(Clone, Copy, Debug)]
pub struct Out<'a> {
    /// Key, may be empty.
    pub key: &'a [u8],
    /// Value. RocketMQ takes no empty one.
    pub value: &'a [u8],
    /// Further properties: names and values, text without control characters.
    pub properties: &'a [(&'a str, &'a str)],
}

/// What became of an append.
#[derive(Debug)]
pub enum AppendOutcome {
    /// All of it is there, without gaps, from this offset on, durable as the broker's settings say.
    At(Offset),
    /// Nothing of it is there.
    Refused(Error),
    /// No one knows; it may still land.
    Unknown(Error),
}

/// The way into one topic.
#[derive(Debug)]
pub struct TopicWriter {
    log: TopicQueues,
    ids: UniqueIds,
}

impl TopicWriter {
    pub(crate) fn new(log: TopicQueues) -> Self {
        TopicWriter { log, ids: UniqueIds::new() }
    }

    /// How many of the messages, in order, fit one append; at least one.
    #[must_use]
    pub fn fit(messages: &[Out<'_>]) -> usize {
        let mut bytes = 0;
        let fitting = messages.iter().take(limits::SEND_MESSAGES).take_while(|message| {
            let of = |(name, value): &(&str, &str)| name.len() + value.len() + 2;
            let more: usize = message.properties.iter().map(of).sum();
            bytes += message.key.len() + message.value.len() + more + 128;
            bytes <= limits::SEND_BYTES
        });
        fitting.count().max(1)
    }

    /// Appends messages to one partition in one send, of which a crash may leave a beginning. The
    /// caller has no other on its way there.
    pub fn append(&mut self, partition: Partition, messages: &[Out<'_>]) -> AppendOutcome {
        let now_ms = clock::now_ms();
        let first = self.ids.next(messages.len() as u32, now_ms);
        let mut batch = Batch::default();
        for (n, message) in (0..).zip(messages) {
            let text = message.properties.iter().find(|(_, value)| !is_clean(value.as_bytes()));
            if let Some((name, _)) = text {
                let (name, why) = ((*name).to_owned(), "its value cannot be a property");
                return AppendOutcome::Refused(Error::Name { name, why });
            }
            let of = (message.key, message.value);
            if let Err(error) = batch.push(of, first.plus(n), message.properties) {
                return AppendOutcome::Refused(error);
            }
        }
        self.send(partition, now_ms, batch)
    }

    fn send(&mut self, partition: Partition, now_ms: i64, batch: Batch) -> AppendOutcome {
        let (place, at) = match self.log.place(partition) {
            Ok(place) => place,
            Err(error) => return AppendOutcome::Refused(error),
        };
        let request = client::send(&self.log.topic.name, &place, now_ms, batch);
        let (to, answers) = mpsc::channel();
        let sent = self.log.client.connection(&at).and_then(|it| it.send(request, &to));
        drop(to);
        if let Err(error) = sent {
            self.log.refresh();
            return AppendOutcome::Refused(error.into());
        }
        let outcome = match answers.recv_timeout(limits::CALL) {
            Ok(answer) => answer.outcome.and_then(|frame| client::sent(&at, frame)),
            Err(RecvTimeoutError::Disconnected) => {
                Err(RocketError::Lost { at, why: "no answer".to_owned() })
            }
            Err(RecvTimeoutError::Timeout) => {
                self.log.client.lose(&at, "a send was not answered in time");
                let seconds = limits::CALL.as_secs();
                Err(RocketError::Silent { at, doing: "a send", seconds })
            }
        };
        match outcome {
            Ok(offset) => AppendOutcome::At(Offset(offset)),
            Err(error) if error.is_outcome_unknown() => AppendOutcome::Unknown(error.into()),
            Err(error) => AppendOutcome::Refused(error.into()),
        }
    }

    /// What a partition holds.
    ///
    /// # Errors
    /// When the broker cannot be asked.
    pub fn span(&mut self, partition: Partition) -> Result<Span> {
        self.log.span(partition)
    }

    /// Shows offset, append time and properties of every message from `from` on up to `until`,
    /// which must have been appended.
    ///
    /// # Errors
    /// [`Error::OffsetGone`] when `from` is; [`Error::OffsetBeyond`] when the messages do not
    /// appear.
    pub fn read_back(
        &self,
        partition: Partition,
        from: Offset,
        until: Offset,
        see: &mut dyn FnMut(Offset, i64, Properties<'_>),
    ) -> Result<()> {
        let mut show = |offset, store_ms, text: &[u8]| see(offset, store_ms, Properties(text));
        TopicReader::read_properties(&self.log, partition, from..until, &mut show)
    }
}
