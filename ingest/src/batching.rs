//! Packs records into messages, numbers the messages and fills blocks with them, partition by
//! partition, until there is enough for one append.
//!
//! Pure: the same records in the same order give the same messages, wherever append requests are
//! cut. Only [`Batcher::close_packs`] compares times, and only paced runs call it before their end.

use seismic_queue::{Append, Block, NoteChange, Partition};

use crate::codec::pack_record;
use crate::limits;

/// Messages in progress, for all partitions of a topic.
pub struct Batcher {
    partitions: Vec<PartitionBatch>,
    /// Records per message.
    pack: u32,
    /// Bytes and records in the blocks, not counting packs in progress.
    bytes: usize,
    records: u64,
    /// Cleared blocks to fill.
    spare: Vec<Block>,
}

#[derive(Default)]
struct PartitionBatch {
    block: Block,
    /// Sequence of the block's first message.
    first_sequence: u64,
    pack: Pack,
}

/// A message in progress.
#[derive(Default)]
struct Pack {
    /// The key of its first record.
    key: Vec<u8>,
    value: Vec<u8>,
    records: u32,
    /// When its first record was added, ms since 1970 UTC.
    since_ms: i64,
}

/// What is appended to the queue together.
pub(crate) struct AppendRequest {
    /// Partition, sequence of the first message, messages.
    blocks: Vec<(Partition, u64, Block)>,
    pub(crate) records: u64,
    /// Messages that the queue had already; set by the appender.
    pub(crate) recognised: u64,
    /// Notes that change with it.
    pub(crate) changes: Vec<NoteChange>,
}

impl AppendRequest {
    pub(crate) fn blocks(&self) -> impl Iterator<Item = (Partition, &Block)> {
        self.blocks.iter().map(|(partition, _, block)| (*partition, block))
    }

    pub(crate) fn appends(&self) -> Vec<Append<'_>> {
        let mut appends = Vec::with_capacity(self.blocks.len());
        for &(partition, first_sequence, ref block) in &self.blocks {
            appends.push(Append { partition, first_sequence, block });
        }
        appends
    }
}

impl Batcher {
    /// For a topic of that many partitions, with `pack` records per message.
    #[must_use]
    pub fn new(partitions: u32, pack: u32) -> Self {
        let partitions = (0..partitions).map(|_| PartitionBatch::default()).collect();
        Batcher { partitions, pack, bytes: 0, records: 0, spare: Vec::new() }
    }

    /// Adds a record at `now_ms`: to the pack in progress of its partition, if records are packed.
    pub fn add_record(&mut self, partition: Partition, key: &[u8], value: &[u8], now_ms: i64) {
        if self.pack == 1 {
            return self.add_message(partition, key, value, 1);
        }
        let pack = &mut self.partitions[partition.0 as usize].pack;
        if pack.records == 0 {
            pack.key.extend_from_slice(key);
            pack.since_ms = now_ms;
        }
        pack_record(&mut pack.value, value);
        pack.records += 1;
        if pack.records == self.pack {
            self.close_pack(partition);
        }
    }

    /// Adds a message that holds `records` records.
    ///
    /// # Panics
    /// When key and value exceed the size limit of a message, which callers check.
    pub fn add_message(&mut self, partition: Partition, key: &[u8], value: &[u8], records: u32) {
        let block = &mut self.partitions[partition.0 as usize].block;
        let before = block.bytes().len();
        block.push(key, value).expect("limits keep packs far below the limit of a message");
        self.bytes += block.bytes().len() - before;
        self.records += u64::from(records);
    }

    /// Ends the packs that began at or before `began_ms`.
    pub fn close_packs(&mut self, began_ms: i64) {
        if self.pack == 1 {
            return;
        }
        for partition in 0..self.partitions.len() {
            let pack = &self.partitions[partition].pack;
            if pack.records > 0 && pack.since_ms <= began_ms {
                self.close_pack(Partition(partition as u32));
            }
        }
    }

    /// Records in a partition's pack in progress.
    #[must_use]
    pub fn pack_records(&self, partition: Partition) -> u32 {
        self.partitions[partition.0 as usize].pack.records
    }

    /// Bytes of a partition's pack in progress, without its key.
    #[must_use]
    pub fn pack_bytes(&self, partition: Partition) -> usize {
        self.partitions[partition.0 as usize].pack.value.len()
    }

    /// Ends a partition's pack in progress, if there is one.
    pub fn end_pack(&mut self, partition: Partition) {
        if self.partitions[partition.0 as usize].pack.records > 0 {
            self.close_pack(partition);
        }
    }

    fn close_pack(&mut self, partition: Partition) {
        let mut pack = std::mem::take(&mut self.partitions[partition.0 as usize].pack);
        self.add_message(partition, &pack.key, &pack.value, pack.records);
        pack.clear();
        self.partitions[partition.0 as usize].pack = pack;
    }

    /// Gives the packs in progress up.
    pub fn discard_packs(&mut self) {
        self.partitions.iter_mut().for_each(|partition| partition.pack.clear());
    }

    /// Partitions of the topic.
    #[must_use]
    pub fn partitions(&self) -> u32 {
        self.partitions.len() as u32
    }

    /// Whether there is no whole message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Whether there is enough for one append. Adds up all blocks: one of several partitions may
    /// exceed [`seismic_queue::limits::BLOCK_BYTES`], and the queue cuts it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let enough = seismic_queue::limits::BLOCK_BYTES * self.partitions.len();
        self.bytes >= enough.min(limits::APPEND_BYTES)
    }

    /// Takes all whole messages out, as one append.
    pub(crate) fn take_request(&mut self) -> AppendRequest {
        let mut blocks = Vec::with_capacity(self.partitions.len());
        for (number, partition) in self.partitions.iter_mut().enumerate() {
            if partition.block.is_empty() {
                continue;
            }
            let first_sequence = partition.first_sequence;
            partition.first_sequence += u64::from(partition.block.count());
            let fresh = self.spare.pop().unwrap_or_default();
            let block = std::mem::replace(&mut partition.block, fresh);
            blocks.push((Partition(number as u32), first_sequence, block));
        }
        self.bytes = 0;
        let (records, changes) = (std::mem::take(&mut self.records), Vec::new());
        AppendRequest { blocks, records, recognised: 0, changes }
    }

    /// Reuses the memory of an append request that is done.
    pub(crate) fn reuse(&mut self, load: AppendRequest) {
        for (_, _, mut block) in load.blocks {
            block.clear();
            self.spare.push(block);
        }
    }
}

impl Pack {
    /// Empties it and keeps its memory.
    fn clear(&mut self) {
        self.key.clear();
        self.value.clear();
        self.records = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Per partition, all messages of requests that are taken after these records.
    fn messages(pack: u32, records: &[(u8, bool)], taken: &[bool]) -> Vec<Vec<Vec<u8>>> {
        let mut batcher = Batcher::new(3, pack);
        let mut all = vec![Vec::new(); 3];
        let mut take = |batcher: &mut Batcher| {
            let request = batcher.take_request();
            for append in request.appends() {
                let found: &mut Vec<Vec<u8>> = &mut all[append.partition.0 as usize];
                assert_eq!(append.first_sequence, found.len() as u64, "no gap and no overlap");
                found.extend(append.block.messages().map(|(_, value)| value.to_vec()));
            }
            batcher.reuse(request);
        };
        for (number, ((partition, alone), take_now)) in records.iter().zip(taken).enumerate() {
            let partition = Partition(u32::from(*partition));
            let value = number.to_le_bytes();
            if *alone {
                batcher.add_message(partition, b"k", &value, 1);
            } else {
                batcher.add_record(partition, b"k", &value, 0);
            }
            if *take_now {
                take(&mut batcher);
            }
        }
        batcher.close_packs(0);
        take(&mut batcher);
        assert!(batcher.is_empty());
        all
    }

    proptest! {
        #[test]
        fn messages_are_the_same_wherever_requests_are_cut(
            pack in 1u32..5,
            records in prop::collection::vec((0u8..3, any::<bool>()), 0..60),
            taken in prop::collection::vec(any::<bool>(), 60),
        ) {
            let whole = messages(pack, &records, &[false; 60]);
            prop_assert_eq!(messages(pack, &records, &taken), whole);
        }
    }

    #[test]
    fn discarded_packs_leave_nothing() {
        let mut batcher = Batcher::new(1, 3);
        for value in [b"v", b"w"] {
            batcher.add_record(Partition(0), b"k", value, 0);
        }
        assert_eq!(batcher.pack_records(Partition(0)), 2);
        batcher.discard_packs();
        batcher.close_packs(0);
        assert!(batcher.is_empty() && batcher.pack_records(Partition(0)) == 0);
    }
}
