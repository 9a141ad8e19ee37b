//! How much each sensor and the job lose to each reason, lately: whoever rejects everything should
//! say so.
//!
//! Fed per commit with its dead letters and rows, never per record, and of large commits with every
//! n-th of them. Only sensors that have lost something are known. What a sensor did not lose is the
//! records in its rows since its first loss; a window that is still open is asked for when it is
//! judged. Pure; time is an input.

use std::collections::{BTreeMap, HashMap};

use compact_str::CompactString;
use seismic_proto::{Message as _, SeismicAggRecord, SeismicDeadLetter, SeismicRecord};
use seismic_queue::Block;

use crate::engine::windows::reject_reason::RejectReason;
use crate::limits;
use crate::runner::notices::notice::{RejectedRecords, RejectedSensor};

/// Where the records of sensors went since the count began.
#[derive(Debug, Default)]
pub struct Losses {
    sensors: HashMap<CompactString, SensorLosses>,
    /// Dead letters by reason, sensors and none.
    by_reason: BTreeMap<RejectReason, Lost>,
}

/// Losses for one reason.
#[derive(Clone, Debug, Default)]
struct Lost {
    records: u64,
    /// One of them in words.
    example: String,
}

#[derive(Debug, Default)]
struct SensorLosses {
    by_reason: BTreeMap<RejectReason, u64>,
    /// Records in its rows since its first loss.
    in_rows: u64,
    /// Records in its open windows at its first loss, once somebody asked.
    open_before: Option<u64>,
}

impl Losses {
    /// Takes the dead letters of a commit, or some of them.
    pub fn letters(&mut self, letters: &Block) {
        let step = (letters.count() as usize).div_ceil(limits::LOSSES_SAMPLED).max(1);
        for (place, (key, value)) in letters.messages().enumerate().step_by(step) {
            let stands_for = step.min(letters.count() as usize - place) as u64;
            let Ok(letter) = SeismicDeadLetter::decode(value) else { continue };
            let Some(reason) = RejectReason::named(&letter.reason) else { continue };
            self.letter(&String::from_utf8_lossy(key), reason, &letter, stands_for);
        }
    }

    /// Takes a dead letter that stands for so many.
    pub fn letter(
        &mut self,
        sensor: &str,
        reason: RejectReason,
        letter: &SeismicDeadLetter,
        records: u64,
    ) {
        let lost = self.by_reason.entry(reason).or_default();
        lost.records += records;
        if lost.example.is_empty() {
            lost.example = example(letter);
        }
        let is_known = self.sensors.contains_key(sensor);
        if !sensor.is_empty() && (is_known || self.sensors.len() < limits::LOSING_SENSORS) {
            let of_sensor = self.sensors.entry(sensor.into()).or_default();
            *of_sensor.by_reason.entry(reason).or_default() += records;
        }
    }

    /// Takes the rows of a commit, or some of them.
    pub fn rows(&mut self, rows: &Block) {
        if self.sensors.is_empty() {
            return;
        }
        self.every_row(rows, (rows.count() as usize).div_ceil(limits::LOSSES_SAMPLED).max(1));
    }

    /// Takes all of these rows.
    pub fn rows_all(&mut self, rows: &Block) {
        self.every_row(rows, 1);
    }

    fn every_row(&mut self, rows: &Block, step: usize) {
        for (key, value) in rows.messages().step_by(step) {
            let Ok(key) = std::str::from_utf8(key) else { continue };
            let Some(sensor) = self.sensors.get_mut(key) else { continue };
            let Ok(row) = SeismicAggRecord::decode(value) else { continue };
            sensor.in_rows += row.record_count.max(0) as u64 * step as u64;
        }
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
        let mut found: BTreeMap<RejectReason, Vec<RejectedSensor>> = BTreeMap::new();
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

/// Whether so many of so many records are more than chance and one bad minute.
fn is_too_much(rejected: u64, records: u64) -> bool {
    let is_enough = rejected >= limits::FEWEST_LOST;
    let is_everything = rejected == records && rejected >= limits::FEWEST_LOST_OF_ALL;
    rejected * 100 > records * limits::LOST_PERCENT && (is_enough || is_everything)
}

/// What the letter is about, as far as it can be read.
fn example(letter: &SeismicDeadLetter) -> String {
    let place = format!("partition {}, offset {}", letter.input_partition, letter.input_offset);
    match SeismicRecord::decode(&*letter.bytes) {
        Ok(record) if !record.sensor_id.is_empty() => format!(
            "{place}: amplitude {}, event time {} ({} ms before it was appended), quality {}, \
             phase {:?}, at {}, {}",
            record.seismic_amplitude,
            record.collect_timestamp,
            letter.append_ms.saturating_sub(record.collect_timestamp),
            record.data_quality,
            record.phase_type,
            record.latitude,
            record.longitude,
        ),
        _ => format!("{place}, {} bytes", letter.original_len),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        losses.letters(&block);
    }

    fn rows(losses: &mut Losses, sensor: &str, record_count: i64) {
        let row = SeismicAggRecord { record_count, ..SeismicAggRecord::default() };
        let mut block = Block::default();
        block.push(sensor.as_bytes(), &row.encode_to_vec()).unwrap();
        losses.rows(&block);
    }

    const REASON: RejectReason = RejectReason::AmplitudeOutOfRange;

    #[test]
    fn a_sensor_that_loses_everything_is_named_with_an_example() {
        let mut losses = Losses::default();
        letters(&mut losses, "COUNTS", REASON, 50);
        let found = losses.judge(100_000, |_| 0);
        assert_eq!(found.len(), 1, "{found:?}");
        let sensor = RejectedSensor { sensor: "COUNTS".to_owned(), rejected: 50, records: 50 };
        assert_eq!((found[0].reason, &found[0].sensors[..]), (REASON, &[sensor][..]));
        assert!(found[0].example.contains("amplitude 16300,"), "{}", found[0].example);
        assert!(found[0].example.starts_with("partition 0, offset 17: "));
    }

    #[test]
    fn five_percent_is_not_too_much_wherever_the_others_are() {
        for (in_rows, open, is_told) in [(190, 0, false), (0, 190, false), (100, 79, true)] {
            let mut losses = Losses::default();
            letters(&mut losses, "S", REASON, 10);
            losses.note_open(|_| 0);
            rows(&mut losses, "S", in_rows);
            let found = losses.judge(100_000, |_| open);
            assert_eq!(found.len(), usize::from(is_told), "{in_rows} {open}");
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
