//! The operator of one partition: it passes each record on, keyed by its sensor.

use seismic_queue::{
    Batch, Block, Fingerprint, KeyedBlock, Message, Offset, Partition, PartitionCommit,
    partition_of,
};

use crate::engine::journal::{Entry, EntryError};
use crate::engine::operator::{Operator, apply_common};
use crate::engine::repartition::envelope::{Envelope, RecordPosition, behind};
use crate::engine::repartition::internal_rows::InternalRows;
use crate::engine::repartition::pack::Pack;
use crate::engine::repartition::state::RepartitionState;
use crate::engine::windows::decode::{self, DecodeError, RecordKey};
use crate::engine::windows::output::{DeadLetter, Input, Output};
use crate::engine::windows::reject_reason::RejectReason;
use crate::limits;

/// Place of the internal topic among the outputs.
pub const INTERNAL_PLACE: usize = 0;

/// Place of the dead letters.
pub const DEAD_PLACE: usize = 1;

/// Passes on the records of one partition.
#[derive(Debug)]
pub struct RepartitionOperator {
    input: Input,
    state: RepartitionState,
    /// What waits for each partition of the internal topic.
    internal: Vec<InternalRows>,
    /// Whether small records share messages there.
    packs: bool,
    /// Its dead letters.
    out: Output,
    delivered: Option<Fingerprint>,
    /// Records of the message at hand, and what comes before one of them.
    records: Vec<RecordKey>,
    head: Vec<u8>,
}

impl RepartitionOperator {
    /// An operator that continues from a state.
    #[must_use]
    pub fn new(state: RepartitionState, topic: &str, partition: Partition, packs: bool) -> Self {
        let internal = (0..state.partitions).map(|_| InternalRows::default()).collect();
        RepartitionOperator {
            input: Input { topic: topic.to_owned(), partition: partition.0 },
            state,
            internal,
            packs,
            out: Output::default(),
            delivered: None,
            records: Vec::new(),
            head: Vec::new(),
        }
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self) -> &RepartitionState {
        &self.state
    }

    #[inline]
    fn step(&mut self, message: Message<'_>) {
        assert!(message.offset >= self.state.next, "offsets only move forward");
        self.state.append_ms = self.state.append_ms.max(message.append_ms);
        let mut records = std::mem::take(&mut self.records);
        match decode::decode_keys(message.value, &mut records) {
            Ok(()) => {
                for (index, record) in (0..).zip(&records) {
                    self.pass_on(message, index, record);
                }
            }
            Err(fault) => self.bury_message(message, fault),
        }
        self.records = records;
        self.state.next = message.offset.next();
    }

    #[inline]
    fn pass_on(&mut self, message: Message<'_>, index: u32, record: &RecordKey) {
        self.state.read += 1;
        let (offset, append_ms) = (message.offset, message.append_ms);
        let place = RecordPosition { partition: Partition(self.input.partition), offset, index };
        let behind_ms = behind(append_ms, self.state.append_ms);
        let bytes = record.bytes.of(message.value);
        let envelope = Envelope { place, append_ms, behind_ms, record: bytes };
        let id = record.sensor.of(message.value);
        let to = partition_of(id, self.state.partitions).0 as usize;
        if self.packs && Pack::takes(bytes) {
            self.internal[to].pack(&envelope);
            self.state.passed += 1;
            return;
        }
        match self.internal[to].push(key_of(id), &envelope, &mut self.head) {
            Ok(()) => self.state.passed += 1,
            // One of 16 MiB, the limit of a message, which the envelope makes larger: no record.
            Err(_) => self.bury((message, index, id, bytes), RejectReason::Unparseable),
        }
    }

    #[cold]
    fn bury_message(&mut self, message: Message<'_>, fault: DecodeError) {
        self.state.read += 1;
        let reason = match fault {
            DecodeError::Unparseable => RejectReason::Unparseable,
            DecodeError::TooManyRecords => RejectReason::TooManyRecords,
        };
        self.bury((message, 0, message.key, message.value), reason);
    }

    #[cold]
    fn bury(
        &mut self,
        (message, index, sensor, bytes): (Message<'_>, u32, &[u8], &[u8]),
        reason: RejectReason,
    ) {
        match reason {
            RejectReason::TooManyRecords => self.state.too_many_records += 1,
            _ => self.state.unparseable += 1,
        }
        let letter = DeadLetter {
            reason,
            offset: message.offset,
            index: index as i32,
            append_ms: self.state.append_ms,
            sensor,
            bytes,
            decided: None,
        };
        self.out.dead_letter(letter, &self.input, None);
    }
}

/// The key of an internal message: the sensor id, or as much of it as an id may have. What is
/// longer is rejected by the windows, wherever it is.
fn key_of(id: &[u8]) -> &[u8] {
    &id[..id.len().min(limits::SENSOR_ID_BYTES)]
}

impl Operator for RepartitionOperator {
    fn partition(&self) -> Partition {
        Partition(self.input.partition)
    }

    fn next(&self, _: usize) -> Offset {
        self.state.next
    }

    fn apply_batch(&mut self, _: usize, batch: &Batch) {
        batch.messages().for_each(|message| self.step(message));
    }

    fn apply_message(&mut self, _: usize, message: Message<'_>) {
        self.step(message);
    }

    fn pass(&mut self, _: usize, to: Offset) {
        self.state.next = self.state.next.max(to);
    }

    fn gap(&mut self, _: usize, to: Offset) {
        assert!(to >= self.state.next, "offsets only move forward");
        self.state.lost_messages += to.0 - self.state.next.0;
        self.state.next = to;
    }

    /// Nothing is ever open.
    fn close_idle(&mut self, _: usize, _: Offset) -> bool {
        false
    }

    fn drain(&mut self) -> bool {
        false
    }

    fn apply_entry(&mut self, entry: &Entry) -> Result<(), EntryError> {
        apply_common(entry, self)
    }

    fn snapshot(&self, into: &mut Vec<u8>) {
        self.state.encode(None, into);
    }

    fn write_note(&self, into: &mut Vec<u8>) {
        into.clear();
        self.state.encode(self.delivered, into);
    }

    fn set_delivered(&mut self, last: Fingerprint) {
        self.delivered = Some(last);
    }

    fn check_note(&self, note: &[u8]) -> Result<(), (String, String)> {
        match RepartitionState::decode(note) {
            Ok((noted, _)) if noted == self.state => Ok(()),
            Ok((noted, _)) => Err((format!("{:?}", self.state), format!("{noted:?}"))),
            Err(why) => Err((format!("{:?}", self.state), why)),
        }
    }

    fn is_balanced(&self) -> bool {
        self.state.is_balanced()
    }

    fn records_read(&self) -> u64 {
        self.state.read
    }

    fn rows(&self) -> Vec<u64> {
        vec![0, self.state.dead_letters()]
    }

    /// It knows none: whether a sensor is spread is what it makes unimportant.
    fn keys(&self) -> u64 {
        0
    }

    fn open(&self) -> u64 {
        0
    }

    fn rescaled_to(&self) -> Option<u32> {
        None
    }

    fn alarm(&self) -> Option<String> {
        None
    }

    fn waiting_bytes(&self) -> usize {
        let internal: usize = self.internal.iter().map(InternalRows::size).sum();
        internal + self.out.size()
    }

    fn move_output(&mut self, commit: &mut PartitionCommit) {
        commit.outputs.resize_with(DEAD_PLACE + 1, Block::default);
        std::mem::swap(&mut commit.outputs[DEAD_PLACE], &mut self.out.dead);
        for (partition, rows) in (0..).map(Partition).zip(&mut self.internal) {
            let rows = rows.closed();
            if !rows.is_empty() {
                let rows = std::mem::take(rows);
                commit.keyed.push(KeyedBlock { output: INTERNAL_PLACE, partition, rows });
            }
        }
    }

    fn move_keyed(&mut self, take: &mut dyn FnMut(usize, Partition, &Block)) {
        for (partition, rows) in (0..).map(Partition).zip(&mut self.internal) {
            let rows = rows.closed();
            if !rows.is_empty() {
                take(INTERNAL_PLACE, partition, rows);
                rows.clear();
            }
        }
    }

    fn discard_output(&mut self) {
        self.internal.iter_mut().for_each(InternalRows::clear);
        self.out.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use seismic_proto::{Message as _, SeismicDeadLetter, SeismicRecord, SeismicRecordBatch};

    use super::*;
    use crate::engine::repartition::pack::InternalRecords;

    const PARTITIONS: u32 = 3;

    fn record(sensor: u8, at: i64) -> SeismicRecord {
        SeismicRecord {
            sensor_id: format!("S{sensor}"),
            collect_timestamp: at,
            ..SeismicRecord::default()
        }
    }

    /// A message: a record, a pack of some, or bytes that are neither.
    #[derive(Clone, Debug)]
    enum Sent {
        One(SeismicRecord),
        Pack(Vec<SeismicRecord>),
        Garbage,
    }

    impl Sent {
        fn bytes(&self) -> Vec<u8> {
            match self {
                Sent::One(record) => record.encode_to_vec(),
                Sent::Pack(records) => {
                    SeismicRecordBatch { records: records.clone() }.encode_to_vec()
                }
                Sent::Garbage => b"\xff garbage".to_vec(),
            }
        }

        fn records(&self) -> &[SeismicRecord] {
            match self {
                Sent::One(record) => std::slice::from_ref(record),
                Sent::Pack(records) => records,
                Sent::Garbage => &[],
            }
        }
    }

    fn sent() -> impl Strategy<Value = Sent> {
        let one = || (0..6_u8, 1..i64::MAX).prop_map(|(sensor, at)| record(sensor, at));
        prop_oneof![
            4 => one().prop_map(Sent::One),
            2 => vec(one(), 1..5).prop_map(Sent::Pack),
            1 => Just(Sent::Garbage),
        ]
    }

    fn operator(packs: bool) -> RepartitionOperator {
        let state = RepartitionState::new(PARTITIONS, Offset(0));
        RepartitionOperator::new(state, "in", Partition(1), packs)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn every_record_is_in_the_partition_of_its_sensor_once_bit_by_bit_and_in_order(
            log in vec((sent(), -50..50_i64), 0..30), packs: bool,
        ) {
            let mut operator = operator(packs);
            let mut expected = vec![Vec::new(); PARTITIONS as usize];
            let (mut garbage, mut newest_ms) = (Vec::new(), i64::MIN);
            for (offset, (sent, append_ms)) in (0..).map(Offset).zip(&log) {
                let (value, append_ms) = (sent.bytes(), *append_ms);
                newest_ms = newest_ms.max(append_ms);
                operator.step(Message { offset, append_ms, key: b"", value: &value });
                for (index, record) in (0..).zip(sent.records()) {
                    let id = record.sensor_id.as_bytes();
                    let place = RecordPosition { partition: Partition(1), offset, index };
                    let to = partition_of(id, PARTITIONS).0 as usize;
                    let said = (place, append_ms, newest_ms, record.encode_to_vec());
                    expected[to].push((id.to_vec(), said));
                }
                if matches!(sent, Sent::Garbage) {
                    garbage.push((1, offset.0 as i64, "in".to_owned()));
                }
            }
            prop_assert!(operator.is_balanced());
            let mut commit = PartitionCommit::new(Partition(1));
            operator.move_output(&mut commit);
            let mut found = vec![Vec::new(); PARTITIONS as usize];
            for KeyedBlock { partition, rows, .. } in &commit.keyed {
                for (key, value) in rows.messages() {
                    for it in InternalRecords::read(value).unwrap() {
                        let id = SeismicRecord::decode(it.record).unwrap().sensor_id.into_bytes();
                        prop_assert_eq!(key, if packs { &b""[..] } else { &id });
                        let newest = it.running_append_ms();
                        let said = (it.place, it.append_ms, newest, it.record.to_vec());
                        found[partition.0 as usize].push((id, said));
                    }
                }
            }
            prop_assert_eq!(found, expected);
            let letters = commit.outputs[DEAD_PLACE].messages().map(|(_, value)| {
                let letter = SeismicDeadLetter::decode(value).unwrap();
                (letter.input_partition, letter.input_offset, letter.input_topic)
            });
            prop_assert_eq!(letters.collect::<Vec<_>>(), garbage);
        }
    }

    #[test]
    fn a_long_id_and_an_empty_message_go_on_to_where_they_are_judged() {
        let mut operator = operator(false);
        let long = SeismicRecord { sensor_id: "x".repeat(400), ..SeismicRecord::default() };
        for (offset, value) in [(0, long.encode_to_vec()), (1, Vec::new())] {
            let offset = Offset(offset);
            operator.step(Message { offset, append_ms: 1, key: b"", value: &value });
        }
        assert_eq!(operator.state().passed, 2);
        let mut keys = Vec::new();
        operator.move_keyed(&mut |_, _, rows| {
            keys.extend(rows.messages().map(|(key, _)| key.len()));
        });
        keys.sort_unstable();
        assert_eq!(keys, [0, limits::SENSOR_ID_BYTES]);
        assert_eq!(operator.waiting_bytes(), 0);
    }

    #[test]
    fn a_record_too_large_for_packs_is_a_message_of_its_own_in_its_place() {
        let mut operator = operator(true);
        let depth = |depth| SeismicRecord { depth, ..record(1, 5) }.encode_to_vec();
        // A field that nobody knows makes it long.
        let long = [depth(2), vec![0x7a, 0xff, 0x7f], vec![7; 0x3fff]].concat();
        let sent = [depth(0), depth(1), long, depth(3)];
        for (offset, value) in (0..).map(Offset).zip(&sent) {
            operator.step(Message { offset, append_ms: 1, key: b"", value });
        }
        let mut found = Vec::new();
        operator.move_keyed(&mut |_, _, rows| {
            let read = |(_, value)| InternalRecords::read(value).unwrap();
            found.extend(
                rows.messages().map(|it| read(it).map(|it| it.record.to_vec()).collect::<Vec<_>>()),
            );
        });
        let sizes: Vec<_> = found.iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 1, 1]);
        assert_eq!(found.concat(), sent);
    }
}
