//! Tells the report of differences, in words.

use std::collections::HashSet;

use compact_str::CompactString;
use seismic_proto::{Message as _, Schema, SeismicAggRecord, SeismicDeadLetter};
use seismic_queue::{Offset, Partition};

use super::keys::{DeadLetterKey, RowKey};
use super::matcher::Mismatch;
use super::report::{Difference, DifferenceKind, Report};

/// Writes one partition's differences into the report.
pub(super) struct DifferenceReporter<'a> {
    partition: Partition,
    pub report: &'a mut Report,
    reported: usize,
}

impl<'a> DifferenceReporter<'a> {
    pub fn new(partition: Partition, report: &'a mut Report) -> Self {
        DifferenceReporter { partition, report, reported: 0 }
    }

    fn report(
        &mut self,
        kind: DifferenceKind,
        key: String,
        expected: Option<String>,
        found: Option<String>,
        offset: Option<Offset>,
    ) {
        self.report.total += 1;
        if self.reported < Report::SHOWN {
            self.reported += 1;
            let partition = self.partition;
            self.report.differences.push(Difference {
                partition,
                kind,
                key,
                expected,
                found,
                offset,
            });
        }
    }

    pub fn count(&mut self, what: &str, expected: String, found: String) {
        self.report(DifferenceKind::Count, what.to_owned(), Some(expected), Some(found), None);
    }

    pub fn checkpoint(&mut self, number: u64, expected: String, found: String) {
        let (kind, key) = (DifferenceKind::CheckpointDiffers, format!("checkpoint {number}"));
        self.report(kind, key, Some(expected), Some(found), None);
    }

    pub fn idle(&mut self, at: Offset, below: Offset, timeout_ms: i64, silent_ms: i64) {
        let key = format!("idle close at offset {at} of what lies below {below}");
        let expected = format!("at least {timeout_ms} ms of silence");
        let found = format!("{silent_ms} ms between the messages around it");
        self.report(DifferenceKind::IdleDishonest, key, Some(expected), Some(found), Some(at));
    }

    pub fn unreadable(&mut self, kind: DifferenceKind, offset: Offset, value: &[u8]) {
        let found = format!("{} bytes that are no row and no dead letter", value.len());
        self.report(kind, "unreadable".to_owned(), None, Some(found), Some(offset));
    }

    /// The partition has rows of the sensor.
    pub fn sensor(&mut self, sensor: &CompactString) {
        self.report.sensors.see(sensor, self.partition);
    }

    /// A row whose key a row of the partition `first` has, too. `topic` names that of a roll-up.
    pub fn spread(
        &mut self,
        topic: Option<&str>,
        row: &SeismicAggRecord,
        (offset, value): (Offset, &[u8]),
        first: Partition,
    ) {
        let (sensor, start, pane) = (&row.sensor_id, row.window_start_ts, row.pane);
        let key = match topic {
            None => format!("sensor {sensor:?} window {start}"),
            Some(topic) => format!("{topic}: sensor {sensor:?} span {start} pane {pane}"),
        };
        let expected = Some(format!("one row, which partition {first} has"));
        let found = Some(show_row(value));
        self.report(DifferenceKind::RowSpread, key, expected, found, Some(offset));
    }

    /// `topic` names that of a roll-up.
    pub fn row(
        &mut self,
        topic: Option<&str>,
        mismatch: Mismatch<RowKey>,
        repeated: &HashSet<RowKey>,
    ) {
        use DifferenceKind::{RowDiffers, RowDoubled, RowMissing, RowUnexpected};
        let name = |(sensor, start, pane): &RowKey| match topic {
            None => format!("sensor {sensor:?} window {start}"),
            Some(topic) => format!("{topic}: sensor {sensor:?} span {start} pane {pane}"),
        };
        match mismatch {
            Mismatch::Differs(key, expected, found) => {
                let (expected, shown) = different_fields(&expected, &found.value);
                self.report(
                    RowDiffers,
                    name(&key),
                    Some(expected),
                    Some(shown),
                    Some(found.offset),
                );
            }
            Mismatch::Missing(key, expected) => {
                self.report(RowMissing, name(&key), Some(show_row(&expected)), None, None);
            }
            Mismatch::Surplus(key, found) => {
                let kind = if repeated.contains(&key) { RowDoubled } else { RowUnexpected };
                self.report(
                    kind,
                    name(&key),
                    None,
                    Some(show_row(&found.value)),
                    Some(found.offset),
                );
            }
        }
    }

    pub fn letter(&mut self, mismatch: Mismatch<DeadLetterKey>, repeated: &HashSet<DeadLetterKey>) {
        use DifferenceKind::{
            DeadLetterDiffers, DeadLetterDoubled, DeadLetterMissing, DeadLetterUnexpected,
        };
        let name = |(offset, index): DeadLetterKey| format!("message {offset} record {index}");
        match mismatch {
            Mismatch::Differs(key, expected, found) => {
                let (expected, shown) = (show_letter(&expected), show_letter(&found.value));
                let at = Some(found.offset);
                self.report(DeadLetterDiffers, name(key), Some(expected), Some(shown), at);
            }
            Mismatch::Missing(key, expected) => {
                let expected = Some(show_letter(&expected));
                self.report(DeadLetterMissing, name(key), expected, None, None);
            }
            Mismatch::Surplus(key, found) => {
                let (shown, at) = (Some(show_letter(&found.value)), Some(found.offset));
                let is_doubled = repeated.contains(&key);
                let kind = if is_doubled { DeadLetterDoubled } else { DeadLetterUnexpected };
                self.report(kind, name(key), None, shown, at);
            }
        }
    }
}

/// The fields in which two rows differ, in words.
fn different_fields(expected: &[u8], found: &[u8]) -> (String, String) {
    let (expected, found) = (fields(expected), fields(found));
    let differ = || expected.iter().zip(&found).filter(|(ours, theirs)| ours != theirs);
    let words = |fields: Vec<&String>| match fields.is_empty() {
        // Only bytes that carry no field of ours.
        true => "the same fields in other bytes".to_owned(),
        false => fields.into_iter().map(String::as_str).collect::<Vec<_>>().join(" "),
    };
    (words(differ().map(|pair| pair.0).collect()), words(differ().map(|pair| pair.1).collect()))
}

fn show_row(value: &[u8]) -> String {
    fields(value).join(" ")
}

/// `name=value` of every field, floats in shortest round-trip form.
fn fields(value: &[u8]) -> Vec<String> {
    let Ok(row) = SeismicAggRecord::decode(value) else {
        return vec!["unreadable".to_owned()];
    };
    let columns = Schema::windows().columns().iter().zip(row.values());
    columns.map(|(column, value)| column.show_named(value)).collect()
}

fn show_letter(value: &[u8]) -> String {
    SeismicDeadLetter::decode(value).map_or_else(
        |_| "unreadable".into(),
        |letter| format!("{} ({} bytes)", letter.reason, letter.original_len),
    )
}
