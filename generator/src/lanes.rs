//! Messages on their way: one lane per partition, in which records are packed, messages are
//! numbered and blocks are filled.
//!
//! Pure: the same records in the same order give the same messages, wherever loads are cut. Only
//! [`Lanes::close_packs`] looks at a time, and only paced runs call it before their end.

use seismic_queue::{Append, Block, Partition};

use crate::kind::Counts;
use crate::limits;
use crate::stream::Made;
use crate::value::pack_record;

/// All partitions of a topic.
pub(crate) struct Lanes {
    lanes: Vec<Lane>,
    /// Records per message.
    pack: u32,
    /// Bytes and records in the blocks, not counting packs in progress.
    bytes: usize,
    records: u64,
    /// Cleared blocks to fill.
    spare: Vec<Block>,
}

#[derive(Default)]
struct Lane {
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
    /// Its records by kind.
    by_kind: Counts,
    /// When its first record came, ms since 1970 UTC.
    since_ms: i64,
}

/// What is handed to the queue together.
pub(crate) struct Load {
    /// Partition, sequence of the first message, messages.
    blocks: Vec<(Partition, u64, Block)>,
    pub(crate) records: u64,
    /// Messages that the queue had already; set by the one who appends.
    pub(crate) recognised: u64,
}

impl Load {
    pub(crate) fn appends(&self) -> Vec<Append<'_>> {
        let mut appends = Vec::with_capacity(self.blocks.len());
        for &(partition, first_sequence, ref block) in &self.blocks {
            appends.push(Append { partition, first_sequence, block });
        }
        appends
    }
}

impl Lanes {
    pub(crate) fn new(partitions: u32, pack: u32) -> Self {
        let lanes = (0..partitions).map(|_| Lane::default()).collect();
        Lanes { lanes, pack, bytes: 0, records: 0, spare: Vec::new() }
    }

    /// Adds a record at `now_ms`.
    pub(crate) fn add(&mut self, made: &Made<'_>, now_ms: i64) {
        if self.pack == 1 || made.kind.stands_alone() {
            return self.add_message(made.partition, made.key, made.value, 1);
        }
        let pack = &mut self.lanes[made.partition.0 as usize].pack;
        if pack.records == 0 {
            pack.key.extend_from_slice(made.key);
            pack.since_ms = now_ms;
        }
        pack_record(&mut pack.value, made.value);
        pack.records += 1;
        pack.by_kind.add(made.kind);
        if pack.records == self.pack {
            self.close_pack(made.partition);
        }
    }

    /// Adds a message of so many records.
    pub(crate) fn add_message(
        &mut self,
        partition: Partition,
        key: &[u8],
        value: &[u8],
        records: u32,
    ) {
        let block = &mut self.lanes[partition.0 as usize].block;
        let before = block.bytes().len();
        block.push(key, value).expect("limits keep packs far below the limit of a message");
        self.bytes += block.bytes().len() - before;
        self.records += u64::from(records);
    }

    /// Ends the packs that began at or before `began_ms`.
    pub(crate) fn close_packs(&mut self, began_ms: i64) {
        if self.pack == 1 {
            return;
        }
        for partition in 0..self.lanes.len() {
            let pack = &self.lanes[partition].pack;
            if pack.records > 0 && pack.since_ms <= began_ms {
                self.close_pack(Partition(partition as u32));
            }
        }
    }

    /// Bytes of a partition's pack in progress, without its key.
    pub(crate) fn pack_bytes(&self, partition: Partition) -> usize {
        self.lanes[partition.0 as usize].pack.value.len()
    }

    /// Ends a partition's pack in progress, if there is one.
    pub(crate) fn end_pack(&mut self, partition: Partition) {
        if self.lanes[partition.0 as usize].pack.records > 0 {
            self.close_pack(partition);
        }
    }

    fn close_pack(&mut self, partition: Partition) {
        let mut pack = std::mem::take(&mut self.lanes[partition.0 as usize].pack);
        self.add_message(partition, &pack.key, &pack.value, pack.records);
        pack.clear();
        self.lanes[partition.0 as usize].pack = pack;
    }

    /// Gives the packs in progress up and says what was in them.
    pub(crate) fn drop_packs(&mut self) -> Vec<Counts> {
        let packs = self.lanes.iter_mut().map(|lane| &mut lane.pack);
        packs
            .filter(|pack| pack.records > 0)
            .map(|pack| {
                let dropped = pack.by_kind.clone();
                pack.clear();
                dropped
            })
            .collect()
    }

    pub(crate) fn partitions(&self) -> u32 {
        self.lanes.len() as u32
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Whether it is time to [`Lanes::take`]. Looks at all blocks together: one of several
    /// partitions may pass [`seismic_queue::limits::BLOCK_BYTES`], and the queue cuts it.
    pub(crate) fn is_full(&self) -> bool {
        let enough = seismic_queue::limits::BLOCK_BYTES * self.lanes.len();
        self.bytes >= enough.min(limits::LOAD_BYTES)
    }

    /// Takes all whole messages out.
    pub(crate) fn take(&mut self) -> Load {
        let mut blocks = Vec::with_capacity(self.lanes.len());
        for (number, lane) in self.lanes.iter_mut().enumerate() {
            if lane.block.is_empty() {
                continue;
            }
            let first_sequence = lane.first_sequence;
            lane.first_sequence += u64::from(lane.block.count());
            let fresh = self.spare.pop().unwrap_or_default();
            let block = std::mem::replace(&mut lane.block, fresh);
            blocks.push((Partition(number as u32), first_sequence, block));
        }
        self.bytes = 0;
        Load { blocks, records: std::mem::take(&mut self.records), recognised: 0 }
    }

    /// Takes the memory of a load back.
    pub(crate) fn give_back(&mut self, load: Load) {
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
        self.by_kind = Counts::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;
    use proptest::prelude::*;

    /// Per partition, all messages of loads that are taken after these records.
    fn messages(pack: u32, kinds: &[(u8, Kind)], taken: &[bool]) -> Vec<Vec<Vec<u8>>> {
        let mut lanes = Lanes::new(3, pack);
        let mut all = vec![Vec::new(); 3];
        let mut take = |lanes: &mut Lanes| {
            let load = lanes.take();
            for append in load.appends() {
                let found: &mut Vec<Vec<u8>> = &mut all[append.partition.0 as usize];
                assert_eq!(append.first_sequence, found.len() as u64, "no gap and no overlap");
                found.extend(append.block.messages().map(|(_, value)| value.to_vec()));
            }
            lanes.give_back(load);
        };
        for (number, ((partition, kind), take_now)) in kinds.iter().zip(taken).enumerate() {
            let partition = Partition(u32::from(*partition));
            let value = number.to_le_bytes();
            lanes.add(&Made { kind: *kind, partition, key: b"k", value: &value }, 0);
            if *take_now {
                take(&mut lanes);
            }
        }
        lanes.close_packs(0);
        take(&mut lanes);
        assert!(lanes.is_empty());
        all
    }

    proptest! {
        #[test]
        fn messages_are_the_same_wherever_loads_are_cut(
            pack in 1u32..5,
            kinds in prop::collection::vec((0u8..3, prop::sample::select(&Kind::ALL[..])), 0..60),
            taken in prop::collection::vec(any::<bool>(), 60),
        ) {
            let whole = messages(pack, &kinds, &[false; 60]);
            prop_assert_eq!(messages(pack, &kinds, &taken), whole);
        }
    }

    #[test]
    fn dropped_packs_say_what_was_in_them() {
        let mut lanes = Lanes::new(1, 3);
        for kind in [Kind::Valid, Kind::Late] {
            let (partition, key, value) = (Partition(0), &b"k"[..], &b"v"[..]);
            lanes.add(&Made { kind, partition, key, value }, 0);
        }
        let dropped = lanes.drop_packs();
        assert_eq!((dropped.len(), dropped[0].total(), dropped[0].of(Kind::Late)), (1, 2, 1));
        lanes.close_packs(0);
        assert!(lanes.is_empty());
    }
}
