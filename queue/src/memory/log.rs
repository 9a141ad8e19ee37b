//! One topic in memory: blocks as stored, producers, holds, retention.

use std::collections::{BTreeMap, VecDeque};

use crate::backend::append_dedup::pieces;
use crate::limits;
use crate::message::next_message;
use crate::{
    Batch, Block, Error, HeldBack, Hold, Offset, OutputView, Partition, Policy, Result, Retained,
    Span, Topic,
};

/// A topic and its partitions.
pub(super) struct TopicLog {
    pub(super) topic: Topic,
    pub(super) policy: Policy,
    pub(super) partitions: Vec<PartitionLog>,
    /// First offset needed, by partition and holder.
    pub(super) holds: BTreeMap<(Partition, String), Offset>,
    /// Notes of imports.
    pub(super) notes: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// The messages of one partition.
#[derive(Default)]
pub(super) struct PartitionLog {
    first: Offset,
    end: Offset,
    blocks: VecDeque<StoredBlock>,
    /// What rewinds removed, in order.
    cuts: Vec<Span>,
    producers: BTreeMap<String, Produced>,
}

struct StoredBlock {
    base: Offset,
    count: u32,
    append_ms: i64,
    bytes: Box<[u8]>,
    /// Whose commit it came with, in a keyed output.
    origin: Option<Partition>,
}

impl StoredBlock {
    fn end(&self) -> Offset {
        Offset(self.base.0 + u64::from(self.count))
    }
}

impl StoredBlock {
    /// Keeps the first `left` messages.
    fn shorten(&mut self, left: u32) {
        let mut size = 0;
        for _ in 0..left {
            next_message(&self.bytes, &mut size).expect("it holds as many as it counts");
        }
        (self.count, self.bytes) = (left, self.bytes[..size].into());
    }
}

/// What is known of a producer.
struct Produced {
    next_sequence: u64,
    /// End of the partition after its last append: tells the newest producers.
    last: Offset,
}

impl TopicLog {
    pub(super) fn new(topic: Topic) -> Self {
        let partitions = topic.all().map(|_| PartitionLog::default()).collect();
        let (holds, notes) = (BTreeMap::new(), BTreeMap::new());
        TopicLog { topic, policy: Policy::default(), partitions, holds, notes }
    }

    pub(super) fn widen(&mut self, partitions: u32) {
        self.topic.partitions = self.topic.partitions.max(partitions);
        self.partitions.resize_with(self.topic.partitions as usize, PartitionLog::default);
    }

    pub(super) fn at(&self, partition: Partition) -> &PartitionLog {
        &self.partitions[partition.0 as usize]
    }

    pub(super) fn at_mut(&mut self, partition: Partition) -> &mut PartitionLog {
        &mut self.partitions[partition.0 as usize]
    }

    pub(super) fn holds(&self) -> impl Iterator<Item = Hold> {
        self.holds.iter().map(|((partition, holder), &offset)| Hold {
            holder: holder.clone(),
            partition: *partition,
            offset,
        })
    }

    /// What the oldest hold of each partition keeps beyond the policy.
    pub(super) fn held(&self, now_ms: i64) -> Vec<HeldBack> {
        let mut all = Vec::new();
        for (partition, log) in self.topic.all().zip(&self.partitions) {
            let holds = self.holds().filter(|hold| hold.partition == partition);
            if let Some(hold) = holds.min_by_key(|hold| hold.offset) {
                all.extend(log.held(self.policy, now_ms, hold));
            }
        }
        all
    }

    pub(super) fn retain(&mut self, now_ms: i64, past_holds: bool) -> Vec<Retained> {
        let mut lowest: BTreeMap<Partition, Hold> = BTreeMap::new();
        for hold in self.holds().filter(|_| !past_holds) {
            match lowest.get(&hold.partition) {
                Some(other) if other.offset <= hold.offset => {}
                _ => drop(lowest.insert(hold.partition, hold)),
            }
        }
        let partitions = self.topic.all().zip(&mut self.partitions);
        let retained = partitions.map(|(partition, log)| {
            let hold = lowest.remove(&partition);
            let (deleted, held) = log.retain(self.policy, now_ms, hold.as_ref());
            Retained { partition, deleted, held_by: hold.filter(|_| held) }
        });
        retained.collect()
    }
}

impl PartitionLog {
    pub(super) fn span(&self) -> Span {
        Span { first: self.first, end: self.end }
    }

    /// Bytes of the blocks that are there.
    pub(super) fn bytes(&self) -> u64 {
        self.blocks.iter().map(|block| block.bytes.len() as u64).sum()
    }

    pub(super) fn offset_at(&self, time_ms: i64) -> Offset {
        let later = self.blocks.iter().find(|block| block.append_ms >= time_ms);
        later.map_or(self.end, |block| block.base)
    }

    pub(super) fn next_sequence(&self, producer: &str) -> u64 {
        self.producers.get(producer).map_or(0, |produced| produced.next_sequence)
    }

    /// Appends `block` without its first `skip` messages and returns how many that were.
    pub(super) fn append(&mut self, block: &Block, skip: u32, now_ms: i64) -> u64 {
        self.append_of(block, skip, now_ms, None)
    }

    /// As [`PartitionLog::append`], for rows of a keyed output, which remember whose they are.
    pub(super) fn append_of(
        &mut self,
        block: &Block,
        skip: u32,
        now_ms: i64,
        origin: Option<Partition>,
    ) -> u64 {
        let base = self.end;
        for (count, bytes) in pieces(block, skip) {
            let (base, append_ms) = (self.end, now_ms);
            self.blocks.push_back(StoredBlock {
                base,
                count,
                append_ms,
                bytes: bytes.into(),
                origin,
            });
            self.end = Offset(base.0 + u64::from(count));
        }
        self.end.0 - base.0
    }

    /// What there is and what rewinds took out.
    pub(super) fn view(&self) -> OutputView {
        OutputView { span: self.span(), cuts: self.cuts.clone(), last: None }
    }

    /// The offset after what is left when the last `count` messages are taken out.
    pub(super) fn left_after_cut(&self, count: u64) -> Offset {
        let mut to_go = count;
        for block in self.blocks.iter().rev() {
            if to_go < u64::from(block.count) {
                // Where nothing goes, what was taken out before stays as it is.
                return if count == 0 { self.end } else { Offset(block.end().0 - to_go) };
            }
            to_go -= u64::from(block.count);
        }
        if count == 0 { self.end } else { self.first }
    }

    /// Takes out everything from `left` on. Its offsets are never used again.
    pub(super) fn cut(&mut self, left: Offset) {
        if left == self.end {
            return;
        }
        while self.blocks.back().is_some_and(|block| block.base >= left) {
            self.blocks.pop_back();
        }
        if let Some(block) = self.blocks.back_mut().filter(|block| block.end() > left) {
            block.shorten((left.0 - block.base.0) as u32);
        }
        self.cuts.retain(|cut| cut.first < left);
        self.cuts.push(Span { first: left, end: self.end });
    }

    /// Offset of the first of the last `rows` messages that `origin` wrote, or of the first that
    /// there is of it.
    pub(super) fn first_of_last(&self, origin: Partition, rows: u64) -> Offset {
        let mut to_go = rows;
        let mut first = self.end;
        for block in self.blocks.iter().rev().filter(|block| block.origin == Some(origin)) {
            if to_go == 0 {
                break;
            }
            let gone = to_go.min(u64::from(block.count));
            first = Offset(block.end().0 - gone);
            to_go -= gone;
        }
        first
    }

    /// Takes out the last `rows` messages that `origin` wrote; those of others between them stay.
    pub(super) fn cut_last_of(&mut self, origin: Partition, rows: u64) {
        let mut to_go = rows;
        for place in (0..self.blocks.len()).rev() {
            let block = &mut self.blocks[place];
            if to_go == 0 || block.origin != Some(origin) {
                continue;
            }
            let gone = to_go.min(u64::from(block.count));
            to_go -= gone;
            let end = block.end();
            block.shorten(block.count - gone as u32);
            self.cuts.push(Span { first: Offset(end.0 - gone), end });
        }
        self.blocks.retain(|block| block.count > 0);
        self.cuts = Span::joined(std::mem::take(&mut self.cuts));
    }

    /// Notes that the last `written` messages came from `producer`.
    pub(super) fn produced(&mut self, producer: &str, written: u64) {
        if written == 0 {
            return;
        }
        let last = self.end;
        if let Some(known) = self.producers.get_mut(producer) {
            *known = Produced { next_sequence: known.next_sequence + written, last };
            return;
        }
        if self.producers.len() == limits::PRODUCERS_KEPT {
            let oldest = self.producers.iter().min_by_key(|(_, produced)| produced.last);
            let oldest = oldest.map(|(id, _)| id.clone()).expect("there are that many");
            self.producers.remove(&oldest);
        }
        self.producers.insert(producer.to_owned(), Produced { next_sequence: written, last });
    }

    fn held(&self, policy: Policy, now_ms: i64, hold: Hold) -> Option<HeldBack> {
        let size = |block: &StoredBlock| block.bytes.len() as u64;
        let age_ms = |block: &StoredBlock| now_ms.saturating_sub(block.append_ms).max(0) as u64;
        let is_free = |block: &&StoredBlock| block.end() <= hold.offset;
        let bytes: u64 = self.blocks.iter().map(size).sum();
        let too_many = policy.max_bytes.map_or(0, |most| bytes.saturating_sub(most));
        let is_old =
            |block: &&StoredBlock| policy.max_age_ms.is_some_and(|most| age_ms(block) > most);
        let too_old = self.blocks.iter().filter(is_old).map(size).sum();
        let free: u64 = self.blocks.iter().filter(is_free).map(size).sum();
        let oldest = self.blocks.iter().find(|block| !is_free(block))?;
        let (bytes, age_ms) = (too_many.max(too_old).saturating_sub(free), age_ms(oldest));
        (bytes > 0).then_some(HeldBack { hold, bytes, age_ms })
    }

    /// Messages deleted, and whether `hold` kept more from being deleted.
    fn retain(&mut self, policy: Policy, now_ms: i64, hold: Option<&Hold>) -> (u64, bool) {
        let mut bytes: u64 = self.blocks.iter().map(|block| block.bytes.len() as u64).sum();
        let mut deleted = 0;
        while let Some(block) = self.blocks.front() {
            let age_ms = now_ms.saturating_sub(block.append_ms);
            let old = policy.max_age_ms.is_some_and(|max| age_ms > max as i64);
            let large = policy.max_bytes.is_some_and(|max| bytes > max);
            if !old && !large {
                break;
            }
            if hold.is_some_and(|hold| block.end() > hold.offset) {
                return (deleted, true);
            }
            bytes -= block.bytes.len() as u64;
            deleted += u64::from(block.count);
            self.first = block.end();
            self.blocks.pop_front();
        }
        (deleted, false)
    }

    pub(super) fn fetch(&self, topic: &str, into: &mut Batch) -> Result<()> {
        let (topic, partition, wanted) = (topic.to_owned(), into.partition(), into.next());
        let Span { first, end } = self.span();
        if wanted < first {
            return Err(Error::OffsetGone { topic, partition, wanted, first });
        }
        if wanted > end {
            return Err(Error::OffsetBeyond { topic, partition, wanted, end });
        }
        let start = self.blocks.partition_point(|block| block.end() <= wanted);
        // Where nothing is, a rewind removed it.
        into.skip_to(self.blocks.get(start).map_or(end, |block| block.base.max(wanted)));
        for block in self.blocks.range(start..) {
            if block.base > into.next() {
                into.skip_to(block.base);
            }
            let whole = into.push_block(block.base, block.count, block.append_ms, &block.bytes);
            assert!(whole, "memory holds whole blocks");
            if into.size() + limits::BLOCK_BYTES > limits::BATCH_BYTES {
                break;
            }
        }
        Ok(())
    }
}
