//! How an engine handles steps of its sensors' clocks: a held record counts as open until later
//! records confirm it, and it is counted, or refute it, and it becomes a dead letter.

use seismic_proto::ClosedBy;
use seismic_queue::Offset;

use crate::engine::clock_step::{ClockStep, StepKind};
use crate::engine::windows::decode::Record;
use crate::engine::windows::engine::Engine;
use crate::engine::windows::output::{DeadLetter, Output};
use crate::engine::windows::reject_counts::RejectCounts;
use crate::engine::windows::reject_reason::RejectReason;
use crate::engine::windows::sensor::Added;
use crate::engine::windows::sensor::irregular::HeldRecord;
use crate::engine::windows::window::Sample;
use crate::limits;

impl Engine {
    /// Takes a record that is too far from its sensor's clock to be believed at once. One that is
    /// far ahead, and near the time at which it arrived, is right: its sensor was away.
    #[cold]
    pub(crate) fn judge_step(
        &mut self,
        number: usize,
        (at, bytes): (Offset, &[u8]),
        (index, record): (usize, &Record),
        sample: Sample,
        out: &mut Output,
    ) -> Result<(), RejectReason> {
        let is_ahead = sample.time_ms > self.sensors[number].clock_ms();
        let arrival_ms = match record.arrival_ms {
            0 => self.append_ms,
            arrival_ms => arrival_ms,
        };
        let max_jump_ms = self.rules.max_jump_ms as u64;
        if is_ahead && sample.time_ms.abs_diff(arrival_ms) <= max_jump_ms {
            self.count_believed(number, sample)?;
            self.counters.open += 1;
            self.close_and_settle(number, sample.time_ms, at, out);
            return Ok(());
        }
        if bytes.len() > limits::HELD_RECORD_BYTES
            || self.held_bytes + bytes.len() as u64 > limits::HELD_BYTES
        {
            return Err(if is_ahead { RejectReason::ClockJump } else { RejectReason::Late });
        }
        let held = HeldRecord {
            sample,
            offset: at,
            index: index as i32,
            origin: self.origin,
            append_ms: self.append_ms,
            bytes: bytes.into(),
            supporters: 0,
            opponents: 0,
        };
        self.held_bytes += bytes.len() as u64;
        self.counters.open += 1;
        if let Some(oldest) = self.sensors[number].hold(held) {
            self.give_up(number, oldest, (ClosedBy::Time, at), out);
        }
        self.file_opened(number);
        self.settle(number, at, out);
        Ok(())
    }

    /// Closes what a record has closed, of a sensor that holds others, and lets it vote on these.
    #[cold]
    pub(crate) fn close_and_settle(
        &mut self,
        number: usize,
        time_ms: i64,
        at: Offset,
        out: &mut Output,
    ) {
        self.close_passed(number, at, out);
        self.sensors[number].vote(time_ms);
        self.settle(number, at, out);
    }

    /// Makes dead letters of all records that a sensor holds; their times stay.
    pub(crate) fn spend_held(&mut self, number: usize, by: ClosedBy, out: &mut Output) {
        if self.sensors[number].has_held() {
            for record in self.sensors[number].spend_held() {
                self.give_up(number, record, (by, self.position), out);
            }
        }
    }

    /// Decides of held records what can be decided by now.
    fn settle(&mut self, number: usize, at: Offset, out: &mut Output) {
        loop {
            let (sensor, rules) = (&mut self.sensors[number], &self.rules);
            if let Some(record) = sensor.take_confirmed(rules) {
                self.follow(number, record, at, out);
            } else if let Some(record) = sensor.take_refuted(rules) {
                self.give_up(number, record, (ClosedBy::Time, at), out);
            } else if let Some(record) = sensor.take_near(rules) {
                self.count_held(number, record, at, out);
            } else {
                return;
            }
        }
    }

    /// Moves a sensor's clock to a held record, which is counted.
    fn follow(&mut self, number: usize, record: HeldRecord, at: Offset, out: &mut Output) {
        let is_back = record.sample.time_ms < self.sensors[number].clock_ms();
        let kind = if is_back { StepKind::Back } else { StepKind::Ahead };
        self.tell_step(number, kind, record.sample.time_ms, out);
        if is_back {
            self.close_era(number, at, out);
        }
        self.count_held(number, record, at, out);
    }

    /// Closes everything that a sensor has open, since its clock is set back.
    fn close_era(&mut self, number: usize, at: Offset, out: &mut Output) {
        while self.sensors[number].is_open() {
            self.close_one(number, ClosedBy::Time, at, out);
        }
        self.close_late_all(number, (ClosedBy::Time, at), out);
        self.close_rollups(number, i64::MAX, (ClosedBy::Time, at), out);
        self.sensors[number].begin_era();
    }

    fn count_held(&mut self, number: usize, record: HeldRecord, at: Offset, out: &mut Output) {
        if !record.is_open() {
            self.sensors[number].follow(record.sample.time_ms);
        } else if let Err(reason) = self.count_believed(number, record.sample) {
            if let Some(counts) = RejectCounts::one(reason) {
                let time_ms = record.sample.time_ms;
                self.sensors[number].count_rejects(time_ms, &counts, &self.rules);
            }
            self.bury_held(number, &record, reason, (ClosedBy::Time, at), out);
        } else {
            self.held_bytes -= record.bytes.len() as u64;
        }
        self.close_passed(number, at, out);
    }

    /// Counts a record in its window, however far that is from the clock.
    fn count_believed(&mut self, number: usize, sample: Sample) -> Result<(), RejectReason> {
        let sensor = &mut self.sensors[number];
        match sensor.add_believed(sample, &self.rules, &mut self.spares)? {
            Added::ToNewWindow => {
                self.open_windows += 1;
                self.file_opened(number);
            }
            Added::Nowhere => self.count_late(number, sample)?,
            Added::ToOpenWindow | Added::Unjudged => {}
        }
        Ok(())
    }

    /// Makes a dead letter of a held record, unless it is one.
    fn give_up(
        &mut self,
        number: usize,
        record: HeldRecord,
        decided: (ClosedBy, Offset),
        out: &mut Output,
    ) {
        if !record.is_open() {
            return;
        }
        let is_ahead = record.sample.time_ms > self.sensors[number].clock_ms();
        if is_ahead {
            self.sensors[number].count_refuted();
            self.tell_step(number, StepKind::Refuted, record.sample.time_ms, out);
        }
        let reason = if is_ahead { RejectReason::ClockJump } else { RejectReason::Late };
        self.bury_held(number, &record, reason, decided, out);
    }

    fn bury_held(
        &mut self,
        number: usize,
        record: &HeldRecord,
        reason: RejectReason,
        decided: (ClosedBy, Offset),
        out: &mut Output,
    ) {
        self.held_bytes -= record.bytes.len() as u64;
        self.counters.open -= 1;
        self.counters.count_dead(reason);
        let letter = DeadLetter {
            reason,
            offset: record.offset,
            index: record.index,
            append_ms: record.append_ms,
            sensor: self.sensor_index.id(number).as_bytes(),
            bytes: &record.bytes,
            decided: Some(decided),
        };
        let topic = self.rules.repartitioned.as_deref();
        out.dead_letter(letter, &self.input, topic.zip(record.origin));
    }

    fn tell_step(&self, number: usize, kind: StepKind, to_ms: i64, out: &mut Output) {
        let from_ms = self.sensors[number].clock_ms();
        let sensor = self.sensor_index.id(number).to_owned();
        out.step(ClockStep { sensor, kind, from_ms, to_ms });
    }
}
