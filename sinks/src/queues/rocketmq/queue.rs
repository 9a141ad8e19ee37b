//! One output queue: its known end, and how the sink determines it again.

use seismic_queue::{Message, Offset, Partition, Span};
use seismic_rocketmq::{AppendOutcome, Out, TopicWriter};

use super::reader::WrittenRows;
use super::reader_rule::{
    EPOCH, FENCE, JOB, MessageKind, PARTITION, ROW, ReaderRule, RowHeader, TAG_FENCE, TAG_ROW, TAGS,
};
use super::state::{Fence, State};
use super::unproved_rows::UnprovedRows;
use crate::{Error, Result, Rows, failpoints};

/// The queue of one result partition.
#[derive(Debug)]
pub(super) struct OutQueue {
    outlet: TopicWriter,
    partition: Partition,
    /// For messages: topic and queue.
    place: String,
    job: String,
    /// Next row to send, once that is known.
    next: Option<Offset>,
    /// Where the last row is that is known to be there.
    last: Option<Offset>,
    /// Epoch and fence that we write under. `None`: a new fence is needed first.
    fence: Option<(u64, Offset)>,
    /// Highest epoch ever seen or taken here.
    epoch: Option<u64>,
    /// Offset that the next append should get.
    end: Offset,
    /// Rows that are there and were not noted, until the store has shown the same.
    unproved: Option<UnprovedRows>,
}

/// What recovery found of a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recovered {
    /// The next row as the store has noted it.
    pub(super) noted: Offset,
    /// The next row by what is in the queue.
    pub(super) has: Offset,
    /// The part of the queue in which the rows between lie.
    pub(super) written: Span,
}

/// What was read back.
#[derive(Default)]
struct ReadBack {
    rule: ReaderRule,
    /// Where the first row that counts is.
    first: Option<Offset>,
    /// Where the last row that counts is.
    last: Option<Offset>,
    /// Why the messages are not those of one sink.
    foreign: Option<(Offset, String)>,
}

impl OutQueue {
    pub(super) fn new(outlet: TopicWriter, partition: Partition, place: String, job: &str) -> Self {
        OutQueue {
            outlet,
            partition,
            place,
            job: job.to_owned(),
            next: None,
            last: None,
            fence: None,
            epoch: None,
            end: Offset(0),
            unproved: None,
        }
    }

    /// Where the last row is that is known to be there, and to be the store's.
    pub(super) fn last(&self) -> Option<Offset> {
        match &self.unproved {
            Some(unproved) => unproved.last(),
            None => self.last,
        }
    }

    /// Behind the last row that is there and that the store has not shown yet.
    pub(super) fn ahead(&self) -> Option<Offset> {
        self.unproved.as_ref().map(UnprovedRows::end)
    }

    /// Establishes where the queue ends and which row comes next. `rows` is what the result topic
    /// holds, for a queue that is new.
    pub(super) fn recover(&mut self, state: &mut State, rows: Span) -> Result<Recovered> {
        self.last = state.last(self.partition)?;
        let noted = state.position(self.partition)?.unwrap_or(rows.first);
        self.next = Some(noted);
        self.compare_fence(state)?;
        let first = self.read_from()?;
        let has = self.settle(state)?;
        if has < noted {
            let (known, found) = (format!("rows up to {noted}"), format!("none from {has} on"));
            return Err(self.differs(known, found));
        }
        let written = Span { first, end: self.end };
        Ok(Recovered { noted, has, written })
    }

    /// Has these rows, of that partition of the result topic, compared before others are written.
    pub(super) fn prove(&mut self, topic: String, written: WrittenRows, rows: (Offset, Offset)) {
        let of = (topic, self.place.clone());
        self.unproved = Some(UnprovedRows::new(of, written, rows));
    }

    /// Whether the fence that was appended last is still there: one of that epoch and append time.
    fn compare_fence(&mut self, state: &State) -> Result<()> {
        let Some(known) = state.fence(self.partition)? else { return Ok(()) };
        let span = self.outlet.span(self.partition)?;
        if known.at < span.first {
            tracing::warn!(
                "the fence that the sink appended last to {} is gone, so it cannot be proved that \
                 this is the topic that it wrote",
                self.place
            );
            return Ok(());
        }
        if known.at >= span.end {
            let (place, known, end) = (self.place.clone(), known.at, span.end);
            return Err(Error::Lost { place, known, end });
        }
        match self.read_fence(known.at)? {
            Some(found) if found == known => Ok(()),
            found => {
                let found = match found {
                    Some(found) => found.to_string(),
                    None => "another message".to_owned(),
                };
                Err(self.differs(known.to_string(), found))
            }
        }
    }

    /// The fence of this sink at an offset.
    fn read_fence(&self, at: Offset) -> Result<Option<Fence>> {
        let mut fence = None;
        self.outlet.read_back(
            self.partition,
            at,
            at.next(),
            &mut |at, append_ms, properties| {
                let header = RowHeader::of(properties).filter(|it| {
                    it.job == self.job
                        && it.partition == self.partition
                        && it.kind == MessageKind::Fence
                });
                fence = header.map(|header| Fence { at, epoch: header.epoch, append_ms });
            },
        )?;
        Ok(fence)
    }

    fn differs(&self, known: String, found: String) -> Error {
        Error::QueueDiffers { place: self.place.clone(), known, found }
    }

    /// Writes the rows of a batch that are not there yet.
    pub(super) fn write(&mut self, state: &mut State, rows: &Rows<'_>) -> Result<()> {
        if let Some(unproved) = &mut self.unproved {
            rows.messages().try_for_each(|row| unproved.compare(row))?;
            if unproved.is_done() {
                self.unproved = None;
            }
        }
        loop {
            let next = match (self.fence, self.next) {
                (Some(_), Some(next)) => next,
                _ => self.settle(state)?,
            };
            let due: Vec<Message<'_>> =
                rows.messages().filter(|message| message.offset >= next).collect();
            if due.is_empty() {
                return Ok(());
            }
            self.send(&due)?;
        }
    }

    /// Sends as many of the rows as fit one append.
    fn send(&mut self, rows: &[Message<'_>]) -> Result<()> {
        let (epoch, fence) = self.fence.expect("settled before");
        let (partition, epoch, fence) =
            (self.partition.to_string(), epoch.to_string(), fence.to_string());
        let numbers: Vec<String> = rows.iter().map(|row| row.offset.to_string()).collect();
        let properties: Vec<_> = numbers
            .iter()
            .map(|row| {
                [
                    (TAGS, TAG_ROW),
                    (JOB, &*self.job),
                    (PARTITION, &*partition),
                    (ROW, row),
                    (EPOCH, &*epoch),
                    (FENCE, &*fence),
                ]
            })
            .collect();
        let out = |(row, properties)| -> Out<'_> {
            let row: &Message<'_> = row;
            let properties: &[(&str, &str); 6] = properties;
            Out { key: row.key, value: row.value, properties }
        };
        let messages: Vec<_> = rows.iter().zip(&properties).map(out).collect();
        let messages = &messages[..TopicWriter::fit(&messages)];
        failpoints::pass(failpoints::BEFORE_SEND)?;
        let landed = self.outlet.append(self.partition, messages);
        failpoints::pass(failpoints::AFTER_SEND)?;
        match landed {
            AppendOutcome::At(at) => {
                let last = rows[messages.len() - 1].offset;
                self.landed(at, messages.len() as u64, last);
                Ok(())
            }
            AppendOutcome::Refused(error) => Err(error.into()),
            AppendOutcome::Unknown(error) => {
                self.fence = None;
                Err(error.into())
            }
        }
    }

    /// Rows up to `row` are there, from `at` on.
    fn landed(&mut self, at: Offset, count: u64, row: Offset) {
        if at == self.end {
            self.last = Some(Offset(at.0 + count - 1));
            self.end = Offset(at.0 + count);
            self.next = Some(row.next());
        } else {
            // Someone else appended. If it was a fence above ours, these rows do not count: what
            // counts is found out before anything more is sent.
            self.fence = None;
        }
    }

    /// Takes a new epoch, appends its fence, and reads back what counts before it.
    fn settle(&mut self, state: &mut State) -> Result<Offset> {
        let from = self.read_from()?;
        let found = self.read_to_end(from)?;
        self.refuse_foreign(&found)?;
        let seen = found.rule.highest().map_or(0, |(epoch, _)| epoch);
        if let Some(ours) = self.epoch.filter(|&ours| ours < seen) {
            let sink = self.place.clone();
            return Err(Error::Overtaken { sink, ours, theirs: seen });
        }
        let epoch = state.next_epoch(self.partition, seen, self.epoch)?;
        self.epoch = Some(epoch);
        let fence = self.append_fence(epoch)?;
        failpoints::pass(failpoints::AFTER_FENCE)?;
        if let Some(fence) = self.read_fence(fence)? {
            state.put_fence(self.partition, fence)?;
        }
        if let Some(last) = self.last.filter(|&last| fence <= last) {
            return Err(Error::Lost { place: self.place.clone(), known: last, end: fence });
        }
        let found = self.read_up_to(from, fence)?;
        self.refuse_foreign(&found)?;
        if self.last == Some(from) && found.first != Some(from) {
            let known = format!("a row at offset {from}");
            return Err(self.differs(known, "another message".to_owned()));
        }
        let known = self.next.expect("set by recovery");
        let next = match found.rule.next() {
            Some(next) => next,
            None => {
                if self.last.is_some() {
                    tracing::warn!(
                        "{} no longer has the rows before offset {fence}: the broker deleted \
                         them; the sink continues with row {known}",
                        self.place
                    );
                }
                known
            }
        };
        (self.last, self.next) = (found.last.or(self.last), Some(next));
        (self.fence, self.end) = (Some((epoch, fence)), fence.next());
        tracing::info!(queue = self.place, epoch, fence = fence.0, next = next.0, "sink writes");
        Ok(next)
    }

    /// From where it is read back: the last row that is known, or as far as the queue goes back.
    fn read_from(&mut self) -> Result<Offset> {
        let first = self.outlet.span(self.partition)?.first;
        match self.last {
            Some(last) => Ok(last.max(first)),
            None if first > Offset(0) => Err(Error::NoPosition { place: self.place.clone() }),
            None => Ok(first),
        }
    }

    fn append_fence(&mut self, epoch: u64) -> Result<Offset> {
        let (partition, epoch) = (self.partition.to_string(), epoch.to_string());
        let properties =
            [(TAGS, TAG_FENCE), (JOB, &*self.job), (PARTITION, &*partition), (EPOCH, &*epoch)];
        let fence = Out { key: b"", value: TAG_FENCE.as_bytes(), properties: &properties };
        match self.outlet.append(self.partition, &[fence]) {
            AppendOutcome::At(at) => Ok(at),
            // One that lands later all the same is a fence of an epoch that no one writes under.
            AppendOutcome::Refused(error) | AppendOutcome::Unknown(error) => Err(error.into()),
        }
    }

    /// What counts from `from` on, as far as it can be seen now.
    fn read_to_end(&mut self, from: Offset) -> Result<ReadBack> {
        let end = self.outlet.span(self.partition)?.end;
        self.read_up_to(from, end)
    }

    fn read_up_to(&self, from: Offset, until: Offset) -> Result<ReadBack> {
        let mut found = ReadBack::default();
        self.outlet.read_back(self.partition, from, until, &mut |offset, _, properties| {
            found.apply(offset, RowHeader::of(properties), (&self.job, self.partition));
        })?;
        Ok(found)
    }

    fn refuse_foreign(&self, found: &ReadBack) -> Result<()> {
        let Some((offset, job)) = &found.foreign else { return Ok(()) };
        let (place, offset, job) = (self.place.clone(), *offset, job.clone());
        Err(Error::Foreign { place, offset, job, ours: self.job.clone() })
    }
}

impl ReadBack {
    fn apply(
        &mut self,
        offset: Offset,
        header: Option<RowHeader>,
        (job, partition): (&str, Partition),
    ) {
        match header {
            Some(header) if header.job == job && header.partition == partition => {
                if self.rule.accept(offset, &header).is_some() {
                    self.first.get_or_insert(offset);
                    self.last = Some(offset);
                }
            }
            other => {
                let whose = other.map_or_else(|| "someone else".to_owned(), |header| header.job);
                self.foreign.get_or_insert((offset, whose));
            }
        }
    }
}
