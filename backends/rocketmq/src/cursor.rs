//! The position of a reader in one partition: what was requested, and what arrived but was not
//! delivered yet.

use std::collections::VecDeque;
use std::time::Instant;

use crate::limits;
use crate::protocol::frame::Frame;
use crate::protocol::message::Stored;
use crate::protocol::properties::{self, Properties};
use crate::repeats::{Repeats, Verdict};
use seismic_queue::backend::byte_reader::Bytes;
use seismic_queue::limits::BATCH_BYTES;
use seismic_queue::{Batch, Error, Message, Offset, Partition, Result};

/// Whether a message is given, by its partition, offset and properties. Sees each once, in order.
pub type Keeps = Box<dyn FnMut(Partition, Offset, Properties<'_>) -> bool + Send>;

/// Place in one partition.
#[derive(Debug)]
pub(crate) struct Cursor {
    pub(crate) partition: Partition,
    /// Next message to give.
    pub(crate) next: Offset,
    /// Next message to ask for: what lies between is in `ready`.
    pub(crate) ask: Offset,
    pub(crate) asked: Option<PullInFlight>,
    pub(crate) ready: VecDeque<Ready>,
    /// A pull at `next` found nothing.
    pub(crate) at_end: bool,
    /// Whether that was said.
    pub(crate) is_end_reported: bool,
    /// Since when there is no answer that helps, and when to ask again.
    pub(crate) troubled: Option<(Instant, Instant)>,
    /// Its broker could not be asked, and is left alone until then.
    pub(crate) rests_until: Option<Instant>,
    /// What to say once everything before it was given.
    pub(crate) fault: Option<Error>,
    /// Tells which messages were given before.
    pub(crate) repeats: Repeats,
}

/// A pull on its way.
#[derive(Debug)]
pub(crate) struct PullInFlight {
    pub(crate) opaque: i32,
    pub(crate) at: String,
    pub(crate) since: Instant,
    pub(crate) is_suspended: bool,
}

/// An answer with messages that were not given yet.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) frame: Frame,
    /// How much of its body was given.
    pub(crate) given: usize,
    /// Offset after its last message, as the broker says it.
    pub(crate) next: Offset,
}

impl Cursor {
    /// A place where nothing was asked for yet.
    pub(crate) fn new(partition: Partition, next: Offset) -> Self {
        Cursor {
            partition,
            next,
            ask: next,
            asked: None,
            ready: VecDeque::new(),
            at_end: false,
            is_end_reported: false,
            troubled: None,
            rests_until: None,
            fault: None,
            repeats: Repeats::new(next),
        }
    }

    /// Answers it holds or will get at once.
    pub(crate) fn held(&self) -> usize {
        self.ready.len() + usize::from(self.asked.as_ref().is_some_and(|asked| !asked.is_suspended))
    }

    pub(crate) fn may_ask(&self, now: Instant) -> bool {
        self.asked.is_none()
            && self.ready.len() <= 1
            && self.fault.is_none()
            && (!self.at_end || self.is_end_reported)
            && self.troubled.is_none_or(|(_, again)| again <= now)
            && self.rests_until.is_none_or(|until| until <= now)
    }

    /// Whether it is to be asked again soon.
    pub(crate) fn is_troubled(&self) -> bool {
        self.troubled.is_some() || self.rests_until.is_some()
    }

    /// Forgets what was asked for ahead: reading continues at `next`.
    pub(crate) fn go_back(&mut self) {
        (self.ask, self.asked) = (self.next, None);
        self.ready.clear();
    }

    /// There is nothing at `ask`, which should pass; when it does not, `fault` is what it means.
    pub(crate) fn wait_or(&mut self, fault: impl FnOnce() -> Error) {
        let now = Instant::now();
        let since = self.troubled.map_or(now, |(since, _)| since);
        self.troubled = Some((since, now + limits::ASK_AGAIN));
        if now - since > limits::ABOVE_END {
            (self.troubled, self.fault) = (None, Some(fault()));
        }
    }

    /// Fills a batch from what is ready. Where a message cannot be judged without what lies before
    /// it, it ends there and says from where on that must be read.
    ///
    /// # Errors
    /// When messages are missing or damaged: what lies before them is in the batch, and the next
    /// call gives the error again.
    pub(crate) fn fill(
        &mut self,
        topic: &str,
        batch: &mut Batch,
        raw: &mut Vec<u8>,
        mut keeps: Option<&mut Keeps>,
    ) -> Result<Option<Offset>> {
        let partition = self.partition;
        let corrupt = |offset: Offset, what: &str| Error::Corrupt {
            at: format!("message {offset} of {topic}/{partition}"),
            what: what.to_owned(),
        };
        while let Some(ready) = self.ready.front_mut() {
            let body = ready.frame.body();
            let mut rest = Bytes(body.get(ready.given..).unwrap_or_default());
            while !rest.0.is_empty() {
                let (wanted, left) = (self.next, rest.0.len());
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
                    let what = "it is several messages in one (queue.type=BatchCQ)";
                    return Err(corrupt(offset, what));
                }
                if !message.is_whole() {
                    return Err(corrupt(offset, "its body does not fit its CRC"));
                }
                let key = properties::key(message.properties, raw);
                if !batch.is_empty() && batch.size() + key.len() + value.len() > BATCH_BYTES {
                    return Ok(None);
                }
                let verdict = self.repeats.judge(offset, message.properties);
                if let Verdict::NeedsHistory(from) = verdict {
                    return Ok(Some(from));
                }
                let properties = Properties(message.properties);
                if keeps.as_mut().is_none_or(|keeps| keeps(partition, offset, properties))
                    && verdict == Verdict::New
                {
                    batch.push(Message { offset, append_ms: message.store_ms, key, value: &value });
                }
                self.next = offset.next();
                ready.given += left - rest.0.len();
            }
            let is_all = ready.next == self.next;
            self.ready.pop_front();
            if !is_all {
                // It gave fewer messages than it says: ask again, and see why.
                self.go_back();
            }
            if batch.size() > BATCH_BYTES / 2 {
                break;
            }
        }
        Ok(None)
    }
}
