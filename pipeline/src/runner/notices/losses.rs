//! Recent losses of each sensor and of the job by reason, so that a job that rejects everything
//! reports it.
//!
//! It is fed with the dead letters and rows of each commit, never per record, and with a sample of
//! large commits. Only sensors with losses are kept. The records that a sensor did not lose are
//! those in its rows since its first loss, plus those of open windows at the time of the judgement.
//! Pure; time is an input.

use std::collections::{BTreeMap, HashMap};

use compact_str::CompactString;
use seismic_queue::{Block, Commit};

use crate::engine::loss_reader::{LossReader, LossReason};
use crate::limits;
use crate::runner::notices::notice::{RejectedRecords, RejectedSensor};

/// Where the records of sensors went since the count began.
#[derive(Debug, Default)]
pub struct Losses {
    sensors: HashMap<CompactString, SensorLosses>,
    /// Dead letters by reason, sensors and none.
    by_reason: BTreeMap<LossReason, Lost>,
}

/// Losses for one reason.
#[derive(Clone, Debug, Default)]
struct Lost {
    records: u64,
    /// One of them as text.
    example: String,
}

#[derive(Debug, Default)]
struct SensorLosses {
    by_reason: BTreeMap<LossReason, u64>,
    /// Records in its rows since its first loss.
    in_rows: u64,
    /// Records in its open windows at its first loss, once someone asked.
    open_before: Option<u64>,
}

impl Losses {
    /// Counts the rows and dead letters of a commit, or a sample of them; whether it has dead
    /// letters.
    pub fn see(&mut self, commit: &Commit, reader: &dyn LossReader) -> bool {
        let mut has_letters = false;
        for part in &commit.partitions {
            if let Some(rows) = part.outputs.get(reader.rows_place()) {
                self.rows(rows, reader);
            }
            if let Some(letters) = part.outputs.get(reader.letters_place()) {
                has_letters |= letters.count() > 0;
                self.letters(letters, reader);
            }
        }
        has_letters
    }

    fn letters(&mut self, letters: &Block, reader: &dyn LossReader) {
        let step = sampled_step(letters);
        for (place, (key, value)) in letters.messages().enumerate().step_by(step) {
            let stands_for = step.min(letters.count() as usize - place) as u64;
            if let Some((reason, _)) = reader.letter(value) {
                self.add_letter(key, reason, stands_for, || reader.example(value));
            }
        }
    }

    fn rows(&mut self, rows: &Block, reader: &dyn LossReader) {
        if self.sensors.is_empty() {
            return;
        }
        let step = sampled_step(rows);
        for (key, value) in rows.messages().step_by(step) {
            // Only rows of sensors that have lost something are read.
            if let Some(sensor) = self.sensor(key)
                && let Some((records, _)) = reader.row(value)
            {
                sensor.in_rows += records * step as u64;
            }
        }
    }

    /// Counts a dead letter that stands for that many.
    pub fn add_letter(
        &mut self,
        key: &[u8],
        reason: LossReason,
        records: u64,
        example: impl FnOnce() -> String,
    ) {
        let lost = self.by_reason.entry(reason).or_default();
        lost.records += records;
        if lost.example.is_empty() {
            lost.example = example();
        }
        let sensor = &*String::from_utf8_lossy(key);
        let is_known = self.sensors.contains_key(sensor);
        if !sensor.is_empty() && (is_known || self.sensors.len() < limits::LOSING_SENSORS) {
            let of_sensor = self.sensors.entry(sensor.into()).or_default();
            *of_sensor.by_reason.entry(reason).or_default() += records;
        }
    }

    /// Counts the records of a row, if its sensor has lost something.
    pub fn add_row(&mut self, key: &[u8], records: u64) {
        if let Some(sensor) = self.sensor(key) {
            sensor.in_rows += records;
        }
    }

    fn sensor(&mut self, key: &[u8]) -> Option<&mut SensorLosses> {
        self.sensors.get_mut(std::str::from_utf8(key).ok()?)
    }

    /// Notes how many records sensors have in open windows; `open` gives that of a sensor.
    pub fn note_open(&mut self, open: impl Fn(&str) -> u64) {
        for (id, sensor) in &mut self.sensors {
            sensor.open_before.get_or_insert_with(|| open(id));
        }
    }

    /// What is lost for each reason of which a sensor, or the job with its `read` records, loses
    /// too much.
    pub fn judge(&self, read: u64, open: impl Fn(&str) -> u64) -> Vec<RejectedRecords> {
        let mut found: BTreeMap<LossReason, Vec<RejectedSensor>> = BTreeMap::new();
        for (id, sensor) in &self.sensors {
            let lost: u64 = sensor.by_reason.values().sum();
            let opened = open(id).saturating_sub(sensor.open_before.unwrap_or_default());
            let records = lost + sensor.in_rows + opened;
            for (&reason, &rejected) in &sensor.by_reason {
                if is_too_much(rejected, records) {
                    let sensor = RejectedSensor { sensor: id.to_string(), rejected, records };
                    found.entry(reason).or_default().push(sensor);
                }
            }
        }
        let mut all = Vec::new();
        for (&reason, lost) in &self.by_reason {
            let mut sensors = found.remove(&reason).unwrap_or_default();
            if sensors.is_empty() && !is_too_much(lost.records, read.max(lost.records)) {
                continue;
            }
            sensors.sort_by(|a, b| b.rejected.cmp(&a.rejected).then(a.sensor.cmp(&b.sensor)));
            let total = sensors.len() as u64;
            sensors.truncate(limits::NAMED_IN_NOTICE);
            let (rejected, read) = (lost.records, read.max(lost.records));
            let example = lost.example.clone();
            all.push(RejectedRecords { reason, sensors, total, rejected, read, example });
        }
        all
    }
}

/// Whether that many of that many records are more than chance and one bad minute.
fn is_too_much(rejected: u64, records: u64) -> bool {
    let is_enough = rejected >= limits::FEWEST_LOST;
    let is_everything = rejected == records && rejected >= limits::FEWEST_LOST_OF_ALL;
    rejected * 100 > records * limits::LOST_PERCENT && (is_enough || is_everything)
}

/// Every which message of a block is read.
fn sampled_step(block: &Block) -> usize {
    (block.count() as usize).div_ceil(limits::LOSSES_SAMPLED).max(1)
}

#[cfg(test)]
mod tests {
    use seismic_proto::{Message as _, SeismicAggRecord, SeismicDeadLetter, SeismicRecord};
    use seismic_queue::{Partition, PartitionCommit};

    use super::*;
    use crate::engine::windows::readers::loss_reader::WindowLosses;
    use crate::engine::windows::reject_reason::RejectReason;

    fn see(losses: &mut Losses, outputs: Vec<Block>) {
        let commit = PartitionCommit { outputs, ..PartitionCommit::new(Partition(0)) };
        losses.see(&Commit { partitions: vec![commit] }, &WindowLosses);
    }

    fn letters(losses: &mut Losses, sensor: &str, reason: RejectReason, count: u64) {
        let record = SeismicRecord {
            sensor_id: sensor.to_owned(),
            seismic_amplitude: 16_300.0,
            ..SeismicRecord::default()
        };
        let letter = SeismicDeadLetter {
            reason: reason.name().to_owned(),
            input_offset: 17,
            bytes: record.encode_to_vec(),
            ..SeismicDeadLetter::default()
        };
        let mut block = Block::default();
        (0..count).for_each(|_| block.push(sensor.as_bytes(), &letter.encode_to_vec()).unwrap());
        see(losses, vec![Block::default(), block]);
    }

    fn rows(losses: &mut Losses, sensor: &str, record_count: i64) {
        let row = SeismicAggRecord { record_count, ..SeismicAggRecord::default() };
        let mut block = Block::default();
        block.push(sensor.as_bytes(), &row.encode_to_vec()).unwrap();
        see(losses, vec![block]);
    }

    const REASON: RejectReason = RejectReason::AmplitudeOutOfRange;

    #[test]
    fn a_sensor_that_loses_everything_is_named_with_an_example() {
        let mut losses = Losses::default();
        letters(&mut losses, "COUNTS", REASON, 50);
        let found = losses.judge(100_000, |_| 0);
        assert_eq!(found.len(), 1, "{found:?}");
        let sensor = RejectedSensor { sensor: "COUNTS".to_owned(), rejected: 50, records: 50 };
        assert_eq!((found[0].reason, &found[0].sensors[..]), (REASON.into(), &[sensor][..]));
        assert!(found[0].example.contains("amplitude 16300,"), "{}", found[0].example);
        assert!(found[0].example.starts_with("partition 0, offset 17: "));
    }

    #[test]
    fn five_percent_is_not_too_much_wherever_the_others_are() {
        for (in_rows, open, is_reported) in [(190, 0, false), (0, 190, false), (100, 79, true)] {
            let mut losses = Losses::default();
            letters(&mut losses, "S", REASON, 10);
            losses.note_open(|_| 0);
            rows(&mut losses, "S", in_rows);
            let found = losses.judge(100_000, |_| open);
            assert_eq!(found.len(), usize::from(is_reported), "{in_rows} {open}");
        }
    }

    #[test]
    fn records_without_a_sensor_count_for_the_job() {
        let mut losses = Losses::default();
        letters(&mut losses, "", RejectReason::Unparseable, 20);
        assert_eq!(losses.judge(400, |_| 0), []);
        let found = losses.judge(399, |_| 0);
        assert_eq!((found[0].total, found[0].rejected, found[0].read), (0, 20, 399));
    }

    #[test]
    fn a_few_losses_are_chance_unless_they_are_all() {
        let mut losses = Losses::default();
        letters(&mut losses, "A", REASON, 2);
        assert_eq!(losses.judge(100_000, |_| 0), []);
        letters(&mut losses, "A", REASON, 1);
        assert_eq!(losses.judge(100_000, |_| 0).len(), 1);
        rows(&mut losses, "A", 1);
        assert_eq!(losses.judge(100_000, |_| 0), []);
    }

    #[test]
    fn a_large_commit_is_sampled_and_its_size_is_kept() {
        let mut losses = Losses::default();
        letters(&mut losses, "S", REASON, 10_000);
        let found = losses.judge(20_000, |_| 0);
        assert_eq!(found[0].rejected, 10_000);
    }
}
