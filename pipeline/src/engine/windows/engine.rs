//! The engine of one partition: a pure function of (log, journal).
//!
//! Its inputs are messages ([`Engine::step`]) and the entries of the journal
//! ([`Engine::close_idle`], [`Engine::end`]), in order; its outputs are rows and dead letters.
//! It knows no clock, no IO and no randomness, so the same inputs give the same bits: after a
//! crash, in `verify`, on another machine.

use seismic_queue::{Message, Offset, Partition, partition_of};

use crate::engine::repartition::envelope::RecordPosition;
use crate::engine::repartition::pack::InternalRecords;
use crate::engine::windows::clean::{clean, event_time};
use crate::engine::windows::counters::Counters;
use crate::engine::windows::decode::{self, DecodeError, Record};
use crate::engine::windows::output::Output;
use crate::engine::windows::output::{DeadLetter, Input};
use crate::engine::windows::reject_counts::RejectCounts;
use crate::engine::windows::reject_reason::RejectReason;
use crate::engine::windows::rules::Rules;
use crate::engine::windows::sensor::idle_sensors::IdleSensors;
use crate::engine::windows::sensor::index::SensorIndex;
use crate::engine::windows::sensor::{Added, Sensor, SpareWindows};
use crate::engine::windows::window::Sample;

/// Turns the messages of one partition into windows.
#[derive(Debug)]
pub struct Engine {
    pub(crate) rules: Rules,
    pub(crate) input: Input,
    /// Next offset expected.
    pub(crate) position: Offset,
    /// Running maximum of append times: it never goes back, whatever the queue's clock does. Of
    /// messages of an internal topic it is that of their own partition of the input, which may lie
    /// before that of another one.
    pub(crate) append_ms: i64,
    pub(crate) counters: Counters,
    pub(crate) open_windows: u64,
    /// Bytes of the records that are held.
    pub(crate) held_bytes: u64,
    /// Number of the input's partitions when some were added last: from then on, sensors are only
    /// counted where the partitioner puts them.
    pub(crate) partitions: Option<u32>,
    /// In the order in which they were first seen; every output order follows it.
    pub(crate) sensors: Vec<Sensor>,
    /// What their windows left for further ones.
    pub(crate) spares: SpareWindows,
    /// Their ids.
    pub(crate) sensor_index: SensorIndex,
    /// Those with something open.
    pub(crate) idle_sensors: IdleSensors,
    /// Records of the message at hand.
    records: Vec<Record>,
    /// Where its producer put the record at hand, of an internal message.
    pub(crate) origin: Option<RecordPosition>,
}

impl Engine {
    /// An engine that has seen nothing and starts at `position`.
    #[must_use]
    pub fn new(rules: Rules, topic: &str, partition: Partition, position: Offset) -> Self {
        Engine {
            counters: Counters::new(rules.rollups_ms.len()),
            rules,
            input: Input { topic: topic.to_owned(), partition: partition.0 },
            position,
            append_ms: i64::MIN,
            open_windows: 0,
            held_bytes: 0,
            partitions: None,
            sensors: Vec::new(),
            spares: SpareWindows::default(),
            sensor_index: SensorIndex::default(),
            idle_sensors: IdleSensors::default(),
            records: Vec::new(),
            origin: None,
        }
    }

    /// Takes the next message: decodes all of it, then counts or buries each of its records.
    ///
    /// # Panics
    /// When the message lies before [`Engine::position`]: a log only moves forward.
    pub fn step(&mut self, message: Message<'_>, out: &mut Output) {
        assert!(message.offset >= self.position, "offsets only move forward");
        if self.rules.repartitioned.is_some() {
            return self.step_internal(message, out);
        }
        self.append_ms = self.append_ms.max(message.append_ms);
        let mut records = std::mem::take(&mut self.records);
        match decode::decode(message.value, &mut records) {
            Ok(()) => {
                for (index, record) in records.iter().enumerate() {
                    self.apply_record(message, index, record, out);
                }
            }
            Err(fault) => self.reject_message(message, 0, fault, out),
        }
        self.records = records;
        self.position = message.offset.next();
    }

    /// Takes the next message of the internal topic of a repartition: its records, each as if it
    /// had been read where its producer put it.
    #[inline(never)]
    fn step_internal(&mut self, message: Message<'_>, out: &mut Output) {
        let mut records = std::mem::take(&mut self.records);
        match InternalRecords::read(message.value) {
            Some(envelopes) => {
                for (index, envelope) in envelopes.enumerate() {
                    self.origin = Some(envelope.place);
                    self.append_ms = envelope.running_append_ms();
                    let message = Message { value: envelope.record, ..message };
                    // What was decoded once can be decoded again.
                    match decode::decode_record(message.value, &mut records) {
                        Ok(()) => self.apply_record(message, index, &records[0], out),
                        Err(fault) => self.reject_message(message, index, fault, out),
                    }
                }
            }
            None => {
                self.origin = None;
                self.append_ms = self.append_ms.max(message.append_ms);
                self.reject_message(message, 0, DecodeError::Unparseable, out);
            }
        }
        self.records = records;
        self.position = message.offset.next();
    }

    // Within `step`: as a call it takes 35 instructions a record more.
    #[inline(always)]
    fn apply_record(
        &mut self,
        message: Message<'_>,
        index: usize,
        record: &Record,
        out: &mut Output,
    ) {
        self.counters.read += 1;
        let id = record.sensor.of(message.value);
        if let Err(reason) = self.count_sample(message, id, (index, record), out) {
            let letter = DeadLetter {
                reason,
                offset: message.offset,
                index: index as i32,
                append_ms: self.append_ms,
                sensor: id,
                bytes: record.bytes.of(message.value),
                decided: None,
            };
            self.count_reject(reason, id, record);
            self.reject(letter, out);
        }
    }

    #[inline(always)]
    fn count_sample(
        &mut self,
        message: Message<'_>,
        id: &[u8],
        (index, record): (usize, &Record),
        out: &mut Output,
    ) -> Result<(), RejectReason> {
        let at = message.offset;
        let time_ms = clean(record, id, self.append_ms, &self.rules)?;
        let number = self.intern(id, time_ms)?;
        let Record { amplitude, phase, .. } = *record;
        let sample = Sample { time_ms, amplitude, phase };
        match self.sensors[number].add_sample(at, sample, &self.rules, &mut self.spares) {
            Ok(Added::ToOpenWindow) => {}
            Ok(Added::ToNewWindow) => {
                self.open_windows += 1;
                self.file_opened(number);
            }
            Ok(Added::Unjudged) => {
                let bytes = record.bytes.of(message.value);
                return self.judge_step(number, (at, bytes), (index, record), sample, out);
            }
            Ok(Added::Nowhere) => {
                let counted = self.count_late(number, sample);
                self.counters.open += u64::from(counted.is_ok());
                self.close_and_settle(number, time_ms, at, out);
                return counted;
            }
            Err(reason) => {
                self.vote_uncounted(number, time_ms, at, out);
                return Err(reason);
            }
        }
        self.counters.open += 1;
        if self.sensors[number].is_due() {
            self.close_due(number, time_ms, at, out);
        }
        Ok(())
    }

    /// Lets a record that is not counted, but of a time that may be right, vote on those that are
    /// held.
    #[cold]
    fn vote_uncounted(&mut self, number: usize, time_ms: i64, at: Offset, out: &mut Output) {
        if self.sensors[number].has_held() {
            self.close_and_settle(number, time_ms, at, out);
        }
    }

    /// Counts a rejected record beside its window, if its sensor is known and its event time is
    /// one.
    #[cold]
    fn count_reject(&mut self, reason: RejectReason, id: &[u8], record: &Record) {
        let Some(counts) = RejectCounts::one(reason).filter(|_| self.rules.counts_rejects()) else {
            return;
        };
        if let Ok(time_ms) = event_time(record, self.append_ms, &self.rules)
            && let Some(number) = self.sensor_index.find(id)
        {
            self.sensors[number].count_rejects(time_ms, &counts, &self.rules);
        }
    }

    /// Number of the sensor, made if there is room.
    #[inline]
    fn intern(&mut self, id: &[u8], time_ms: i64) -> Result<usize, RejectReason> {
        match self.sensor_index.find(id) {
            Some(number) => Ok(number),
            None => self.insert(id, time_ms),
        }
    }

    #[cold]
    fn insert(&mut self, id: &[u8], time_ms: i64) -> Result<usize, RejectReason> {
        let is_elsewhere = |partitions| partition_of(id, partitions) != self.partition();
        if self.partitions.is_some_and(is_elsewhere) {
            return Err(RejectReason::Misplaced);
        }
        if self.sensors() >= self.rules.max_sensors {
            return Err(RejectReason::SensorLimit);
        }
        let id = std::str::from_utf8(id).expect("decode checked that ids are UTF-8");
        self.sensors.push(Sensor::default());
        Ok(self.sensor_index.add(id, time_ms))
    }

    /// Adds a sensor of a snapshot; `false` when its id is there already.
    pub(crate) fn restore_sensor(&mut self, id: &str, sensor: Sensor) -> bool {
        if self.sensor_index.find(id.as_bytes()).is_some() {
            return false;
        }
        self.open_windows += sensor.all_windows().count() as u64;
        self.held_bytes += sensor.held().map(|record| record.bytes.len() as u64).sum::<u64>();
        let number = self.sensor_index.add(id, sensor.clock_ms());
        self.sensors.push(sensor);
        self.file(number as u32);
        true
    }

    /// Goes on at `to`, unless it is further already: the log has no message before it. Ends of
    /// transactions and aborted messages leave such gaps.
    pub fn pass(&mut self, to: Offset) {
        self.position = self.position.max(to);
    }

    /// Goes on at `to` after a loss that the operator accepted: the messages before it are gone.
    /// Open windows stay as they are.
    ///
    /// # Panics
    /// When `to` lies before [`Engine::position`].
    pub fn gap(&mut self, to: Offset) {
        assert!(to >= self.position, "offsets only move forward");
        self.counters.lost_messages += to.0 - self.position.0;
        self.position = to;
    }

    fn reject_message(
        &mut self,
        message: Message<'_>,
        index: usize,
        fault: DecodeError,
        out: &mut Output,
    ) {
        self.counters.read += 1;
        let reason = match fault {
            DecodeError::Unparseable => RejectReason::Unparseable,
            DecodeError::TooManyRecords => RejectReason::TooManyRecords,
        };
        let letter = DeadLetter {
            reason,
            offset: message.offset,
            index: index as i32,
            append_ms: self.append_ms,
            sensor: message.key,
            bytes: message.value,
            decided: None,
        };
        self.reject(letter, out);
    }

    #[cold]
    fn reject(&mut self, letter: DeadLetter<'_>, out: &mut Output) {
        self.counters.count_dead(letter.reason);
        let topic = self.rules.repartitioned.as_deref();
        out.dead_letter(letter, &self.input, topic.zip(self.origin));
    }

    /// The partition it works on.
    #[must_use]
    pub fn partition(&self) -> Partition {
        Partition(self.input.partition)
    }

    /// Next offset expected: every message before it has had its effect.
    #[must_use]
    pub fn position(&self) -> Offset {
        self.position
    }

    /// The semantics it works by.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Where every record went.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Sensors known.
    #[must_use]
    pub fn sensors(&self) -> u64 {
        self.sensor_index.len() as u64
    }

    /// Windows open.
    #[must_use]
    pub fn open_windows(&self) -> u64 {
        self.open_windows
    }
}
