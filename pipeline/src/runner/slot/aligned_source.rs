//! Reads the partitions of a slot in step with each other.
//!
//! If a sensor is spread over partitions, its records must not be read long before others that were
//! measured earlier, or those are late. A batch holds seconds or hours of a backlog, so one batch
//! of each partition is held here and handed out in pieces:
//!
//! ```text
//!  p0 ─► [ 1 5 9 ........ ]─┐
//!  p1 ─► [ 2 3 8 ........ ]─┼─► 1 │ 2 3 │ 4 5 │ 6 7 8 │ 9 ...     a piece ends where another
//!  p2 ─► [ 4 6 7 ........ ]─┘                                     partition is behind
//! ```
//!
//! **Event times** decide which piece is next, since a backlog that was published at once has an
//! hour of event times in a second of append times, and its partitions were filled in any order.
//! **Append times** bound how far a partition may be ahead, regardless of event times.
//!
//! An event time after its append time counts as the append time. One that the next two messages
//! both contradict counts as theirs, so a single wrong timestamp in an archive does not hold up its
//! partition until all others are read.
//!
//! A partition without a held batch is skipped only if its log had nothing more when the newest
//! batch of the others arrived. Messages behind an open transaction count as more: the others wait
//! for them, however often the source reports that it is caught up.
//!
//! The wrapped source decides which partitions are fetched next, so a partition with [`HELD_BYTES`]
//! held here is paused there until less is held: one batch per partition (2 MiB, or one message),
//! plus what the queue had already fetched ahead.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use seismic_queue::{Batch, Event, FencingToken, Offset, Partition, Result, Source};

use crate::engine::alignment::Alignment;
use crate::runner::slot::stamp::{Stamp, stamp};

/// A source whose partitions are read in step.
pub(super) struct AlignedSource {
    inner: Box<dyn Source>,
    alignment: Alignment,
    parts: BTreeMap<Partition, AlignedPartition>,
    /// Counts the batches that came.
    fetched: u64,
    /// Ends of logs that came before what lies before them was given out, now due.
    reached: VecDeque<Event>,
    /// Memory for the stamps of further batches.
    spare_stamps: Vec<Vec<Stamp>>,
    /// Whether nothing is to be given out.
    is_paused: bool,
}

/// One partition.
struct AlignedPartition {
    /// Up to where the source was read.
    read_to: Offset,
    /// Batches in their order, none of them empty.
    held: VecDeque<HeldBatch>,
    /// Whether the source fetches no more of it.
    is_paused: bool,
    /// The end that the source has said behind what is held.
    end: Option<Offset>,
    /// The number of batches of all partitions after which it was found to have no more.
    empty_at: Option<u64>,
    /// Newest times that were held: they do not go back.
    newest: Stamp,
}

/// A batch of which some was given out.
struct HeldBatch {
    batch: Batch,
    stamps: Vec<Stamp>,
    /// Next message.
    at: usize,
}

/// As soon as that many bytes of a partition are held, no more is fetched of it: half of what a
/// batch may be, so that one that is as large as they come is enough, and small ones are not
/// fetched one by one.
const HELD_BYTES: usize = seismic_queue::limits::BATCH_BYTES / 2;

/// Stamps of so many batches keep their memory: batches of all partitions come as fast as others
/// were given out.
const SPARE_STAMPS: usize = 4;

/// As long as there are no more of them, a megabyte: a batch of single records has 40,000.
const STAMPS_KEPT: usize = 1 << 16;

impl AlignedSource {
    pub fn new(inner: Box<dyn Source>, alignment: Alignment) -> Self {
        let (parts, reached, spare_stamps) = Default::default();
        let (fetched, is_paused) = (0, false);
        AlignedSource { inner, alignment, parts, fetched, reached, spare_stamps, is_paused }
    }

    /// Holds a batch that came, and lets its partition wait.
    fn hold(&mut self, batch: Batch) -> Result<Option<Event>> {
        let partition = batch.partition();
        let Some(part) = self.parts.get_mut(&partition).filter(|_| !batch.is_empty()) else {
            return Ok(Some(Event::Batch(batch)));
        };
        self.fetched += 1;
        (part.read_to, part.end) = (batch.next(), None);
        let mut stamps = self.spare_stamps.pop().unwrap_or_default();
        stamp(&batch, &self.alignment, &mut part.newest, &mut stamps);
        part.held.push_back(HeldBatch { batch, stamps, at: 0 });
        if part.held_bytes() >= HELD_BYTES {
            // Again, for a source that has begun again meanwhile.
            self.inner.pause(&[partition])?;
            part.is_paused = true;
        }
        Ok(None)
    }

    /// Takes the end of a log, which is due when everything before it was given out.
    fn reach(&mut self, partition: Partition, at: Offset) -> Option<Event> {
        if let Some(part) = self.parts.get_mut(&partition) {
            part.read_to = part.read_to.max(at);
            if !part.held.is_empty() {
                part.end = Some(part.read_to);
                return None;
            }
        }
        Some(Event::CaughtUp(partition, at))
    }

    /// Whether every partition of which nothing is held has nothing more.
    fn is_complete(&mut self) -> Result<bool> {
        let fetched = self.fetched;
        let is_open =
            |part: &AlignedPartition| part.held.is_empty() && part.empty_at != Some(fetched);
        let open: Vec<_> =
            self.parts.iter().filter(|(_, part)| is_open(part)).map(|(it, _)| *it).collect();
        if open.is_empty() {
            return Ok(true);
        }
        let mut is_complete = true;
        for (partition, end) in open.iter().zip(self.inner.ends(&open)) {
            let end = end?;
            let part = self.parts.get_mut(partition).expect("it is one of them");
            match end <= part.read_to {
                true => part.empty_at = Some(fetched),
                false => is_complete = false,
            }
        }
        Ok(is_complete)
    }

    /// The next piece, if something is held and no partition is missing.
    fn piece(&mut self, spare: &mut Vec<Batch>) -> Result<Option<Event>> {
        if self.parts.values().all(|part| part.held.is_empty()) || !self.is_complete()? {
            return Ok(None);
        }
        let Alignment { bound_ms, append_bound_ms, .. } = self.alignment;
        let heads = self.parts.iter().filter_map(|(it, part)| Some((*it, part.head()?)));
        let heads: Vec<_> = heads.collect();
        let slowest_ms = heads.iter().map(|(_, head)| head.append_ms).min().unwrap_or(i64::MAX);
        let allowed = |head: &Stamp| head.append_ms <= slowest_ms.saturating_add(append_bound_ms);
        let next = heads.iter().filter(|(_, head)| allowed(head));
        let Some(&(partition, _)) = next.min_by_key(|(_, head)| (head.event_ms, head.append_ms))
        else {
            return Ok(None);
        };
        let others = || heads.iter().filter(|(other, _)| *other != partition);
        let until = Stamp {
            append_ms: least(others().map(|(_, head)| head.append_ms), append_bound_ms),
            event_ms: least(
                others().filter(|(_, head)| allowed(head)).map(|(_, head)| head.event_ms),
                bound_ms,
            ),
        };
        self.give_out(partition, until, spare)
    }

    /// The next messages of a partition up to those times, one at least.
    fn give_out(
        &mut self,
        partition: Partition,
        until: Stamp,
        spare: &mut Vec<Batch>,
    ) -> Result<Option<Event>> {
        let part = self.parts.get_mut(&partition).expect("it is one of the heads");
        let Some(count) = part.count_until(until) else { return Ok(None) };
        let is_over = count == part.held[0].rest();
        let left = part.held_bytes() - if is_over { part.held[0].batch.size() } else { 0 };
        if part.is_paused && left < HELD_BYTES {
            // Before anything is given out: when this fails, nothing is lost.
            self.inner.resume(&[(partition, part.read_to)])?;
            part.is_paused = false;
        }
        let (piece, stamps) = part.cut_piece(count, spare);
        let has_room = self.spare_stamps.len() < SPARE_STAMPS;
        let kept = stamps.filter(|it| has_room && it.capacity() <= STAMPS_KEPT);
        self.spare_stamps.extend(kept);
        if part.held.is_empty()
            && let Some(at) = part.end.take()
        {
            self.reached.push_back(Event::CaughtUp(partition, at));
        }
        Ok(Some(Event::Batch(piece)))
    }
}

/// The least of some times and the bound more; no bound without any.
fn least(times: impl Iterator<Item = i64>, bound_ms: i64) -> i64 {
    times.min().map_or(i64::MAX, |least| least.saturating_add(bound_ms))
}

impl AlignedPartition {
    fn new(at: Offset) -> Self {
        let newest = Stamp { append_ms: i64::MIN, event_ms: i64::MIN };
        let held = VecDeque::new();
        AlignedPartition { read_to: at, held, is_paused: false, end: None, empty_at: None, newest }
    }

    fn head(&self) -> Option<Stamp> {
        let held = self.held.front()?;
        held.stamps.get(held.at).copied()
    }

    fn held_bytes(&self) -> usize {
        self.held.iter().map(|held| held.batch.size()).sum()
    }

    /// How many of the first batch's messages are due up to those times: one at least.
    fn count_until(&self, until: Stamp) -> Option<usize> {
        let held = self.held.front()?;
        let is_before =
            |stamp: &&Stamp| stamp.append_ms <= until.append_ms && stamp.event_ms <= until.event_ms;
        Some(held.stamps[held.at..].iter().take_while(is_before).count().max(1))
    }

    /// The next messages of the first batch, which has that many; with the last of them, the memory
    /// of its stamps.
    fn cut_piece(&mut self, count: usize, spare: &mut Vec<Batch>) -> (Batch, Option<Vec<Stamp>>) {
        let held = self.held.front_mut().expect("it was counted");
        let is_over = count == held.rest();
        if is_over && held.at == 0 {
            let held = self.held.pop_front().expect("it is the first");
            return (held.batch, Some(held.stamps));
        }
        let mut piece = spare.pop().unwrap_or_default();
        piece.reset(held.batch.partition(), held.batch.message(held.at).offset);
        piece.push_part(&held.batch, held.at..held.at + count);
        held.at += count;
        if !is_over {
            return (piece, None);
        }
        let held = self.held.pop_front().expect("it is the first");
        piece.skip_to(held.batch.next());
        spare.push(held.batch);
        (piece, Some(held.stamps))
    }
}

impl HeldBatch {
    /// Messages that are left.
    fn rest(&self) -> usize {
        self.stamps.len() - self.at
    }
}

impl Source for AlignedSource {
    fn poll(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event> {
        loop {
            if let Some(event) = self.reached.pop_front() {
                return Ok(event);
            }
            if !self.is_paused
                && let Some(piece) = self.piece(spare)?
            {
                return Ok(piece);
            }
            match self.inner.poll(wait, spare)? {
                Event::Batch(batch) => {
                    if let Some(event) = self.hold(batch)? {
                        return Ok(event);
                    }
                }
                Event::CaughtUp(partition, at) => {
                    if let Some(event) = self.reach(partition, at) {
                        return Ok(event);
                    }
                }
                Event::Revoked(partitions) => {
                    self.forget(&partitions);
                    return Ok(Event::Revoked(partitions));
                }
                Event::Lost(partitions) => {
                    self.forget(&partitions);
                    return Ok(Event::Lost(partitions));
                }
                event @ (Event::Assigned(_) | Event::Nothing) => return Ok(event),
            }
        }
    }

    fn start(&mut self, at: &[(Partition, Offset)]) -> Result<()> {
        let started: Vec<_> = at.iter().map(|(partition, _)| *partition).collect();
        self.forget(&started);
        for &(partition, offset) in at {
            self.parts.insert(partition, AlignedPartition::new(offset));
        }
        self.inner.start(at)
    }

    fn release(&mut self, partitions: &[Partition]) -> Result<()> {
        self.forget(partitions);
        self.inner.release(partitions)
    }

    /// What is held here is kept meanwhile. All partitions pause together, since they are read in
    /// step.
    fn pause(&mut self, partitions: &[Partition]) -> Result<()> {
        self.inner.pause(partitions)?;
        self.is_paused = true;
        Ok(())
    }

    /// More was read than was given out, and continues behind that.
    fn resume(&mut self, _: &[(Partition, Offset)]) -> Result<()> {
        let open = self.parts.iter().filter(|(_, part)| !part.is_paused);
        let at: Vec<_> = open.map(|(partition, part)| (*partition, part.read_to)).collect();
        self.inner.resume(&at)?;
        self.is_paused = false;
        Ok(())
    }

    fn ends(&mut self, partitions: &[Partition]) -> Vec<Result<Offset>> {
        self.inner.ends(partitions)
    }

    fn in_flight(&mut self) -> Result<Duration> {
        self.inner.in_flight()
    }

    fn fencing_token(&self) -> FencingToken {
        self.inner.fencing_token()
    }

    fn is_lost(&mut self) -> bool {
        self.inner.is_lost()
    }
}

impl AlignedSource {
    fn forget(&mut self, partitions: &[Partition]) {
        self.parts.retain(|partition, _| !partitions.contains(partition));
        let is_gone = |event: &Event| matches!(event, Event::CaughtUp(partition, _) if partitions.contains(partition));
        self.reached.retain(|event| !is_gone(event));
    }
}

#[cfg(test)]
mod tests {
    use seismic_proto::{Message as _, SeismicRecord};
    use seismic_queue::memory::Memory;
    use seismic_queue::{Append, Block, Queue, Topic};

    use super::*;
    use crate::engine::windows::decode::first_event_time;

    const ALIGNMENT: Alignment =
        Alignment { bound_ms: 100, append_bound_ms: 60_000, event_time: Some(first_event_time) };

    fn queue() -> (Memory, Topic) {
        let queue = Memory::new();
        let topic = queue.create("in", 3).unwrap();
        (queue, topic)
    }

    /// Appends messages with these event times to a partition, in one block.
    fn append(queue: &Memory, topic: &Topic, partition: u32, times: impl Iterator<Item = i64>) {
        let mut block = Block::default();
        for collect_timestamp in times {
            let record = SeismicRecord { collect_timestamp, ..SeismicRecord::default() };
            block.push(b"", &record.encode_to_vec()).unwrap();
        }
        // A producer that appends once needs no name of its own.
        let id = format!("p{partition}-{:?}", queue.spans(topic).unwrap());
        let append = Append { partition: Partition(partition), first_sequence: 0, block: &block };
        queue.producer(topic, &id).unwrap().append(&[append]).unwrap();
    }

    fn source(queue: &Memory, topic: &Topic) -> AlignedSource {
        let partitions: Vec<_> = topic.all().collect();
        let mut source = AlignedSource::new(queue.source(topic, &partitions).unwrap(), ALIGNMENT);
        let Event::Assigned(assigned) = source.poll(Duration::ZERO, &mut Vec::new()).unwrap()
        else {
            panic!("it says first what it has");
        };
        let at: Vec<_> = assigned.into_iter().map(|partition| (partition, Offset(0))).collect();
        source.start(&at).unwrap();
        source
    }

    /// Everything that comes until nothing does: partition, offset and event time.
    fn read(source: &mut AlignedSource) -> Vec<(u32, u64, i64)> {
        let (mut all, mut spare) = (Vec::new(), Vec::new());
        loop {
            match source.poll(Duration::ZERO, &mut spare).unwrap() {
                Event::Batch(batch) => {
                    all.extend(batch.messages().map(|message| {
                        let event_ms = first_event_time(message.value).unwrap_or_default();
                        (batch.partition().0, message.offset.0, event_ms)
                    }));
                    spare.push(batch);
                }
                Event::Nothing => return all,
                _ => {}
            }
        }
    }

    /// How far an event time lies behind the newest before it, at most.
    fn disorder(all: &[(u32, u64, i64)]) -> i64 {
        let (mut newest, mut most) = (i64::MIN, 0);
        for &(_, _, event_ms) in all {
            newest = newest.max(event_ms);
            most = most.max(newest - event_ms);
        }
        most
    }

    fn is_in_order_within_partitions(all: &[(u32, u64, i64)]) -> bool {
        (0..3).all(|partition| {
            let offsets = all.iter().filter(|it| it.0 == partition).map(|it| it.1);
            offsets.eq(0..all.iter().filter(|it| it.0 == partition).count() as u64)
        })
    }

    const T: i64 = 1_000_000_000_000;

    #[test]
    fn a_backlog_that_was_appended_at_once_is_read_by_event_time() {
        let (queue, topic) = queue();
        for partition in 0..3_u32 {
            let first = T + i64::from(partition) * 10;
            append(&queue, &topic, partition, (0..5_000).map(|n| first + n * 30));
        }
        let all = read(&mut source(&queue, &topic));
        assert_eq!(all.len(), 15_000);
        assert!(is_in_order_within_partitions(&all));
        assert!(disorder(&all) <= 100 + 60, "{}", disorder(&all));
    }

    #[test]
    fn a_partition_that_is_empty_or_short_holds_up_nobody() {
        let (queue, topic) = queue();
        append(&queue, &topic, 0, (0..1_000).map(|n| T + n));
        append(&queue, &topic, 1, (0..10).map(|n| T + n));
        let mut source = source(&queue, &topic);
        assert_eq!(read(&mut source).len(), 1_010);
        append(&queue, &topic, 2, (0..10).map(|n| T + 1_000 + n));
        assert_eq!(read(&mut source).len(), 10);
    }

    #[test]
    fn what_came_to_an_empty_partition_meanwhile_is_read_in_step() {
        let (queue, topic) = queue();
        let mut source = source(&queue, &topic);
        assert!(read(&mut source).is_empty());
        // All ends were seen; now two partitions get a minute each.
        for partition in 0..2_u32 {
            append(&queue, &topic, partition, (0..6_000).map(|n| T + n * 10));
        }
        let all = read(&mut source);
        assert_eq!(all.len(), 12_000);
        assert!(disorder(&all) <= 100 + 20, "{}", disorder(&all));
    }

    #[test]
    fn one_stamp_a_day_ahead_holds_up_nobody() {
        let (queue, topic) = queue();
        for partition in 0..3_u32 {
            let ahead = move |n| if n == 40 && partition == 1 { 86_400_000 } else { 0 };
            append(&queue, &topic, partition, (0..3_000).map(move |n| T + n * 30 + ahead(n)));
        }
        let all = read(&mut source(&queue, &topic));
        assert!(is_in_order_within_partitions(&all));
        let rest: Vec<_> = all.into_iter().filter(|it| it.2 < T + 86_400_000).collect();
        assert_eq!(rest.len(), 3 * 3_000 - 1);
        assert!(disorder(&rest) <= 100 + 60, "{}", disorder(&rest));
    }
}
