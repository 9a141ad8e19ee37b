//! Reads rows of windows, roll-ups and dead letters for a proof.

use seismic_proto::{ClosedBy, Message, Schema, SeismicAggRecord, SeismicDeadLetter};
use seismic_queue::Offset;

use crate::engine::row_reader::{RowKey, RowOrigin, RowReader, Unaccounted};
use crate::engine::windows::note::Note;

/// Reads rows by the place of their output: windows, dead letters, and a roll-up at each further
/// place.
#[derive(Debug)]
pub(crate) struct WindowRows;

/// Place of the windows among the outputs.
pub(super) const WINDOWS: usize = 0;

/// Place of the dead letters.
pub(super) const DEAD_LETTERS: usize = 1;

impl RowReader for WindowRows {
    fn origin(&self, place: usize, row: &[u8]) -> Option<RowOrigin> {
        if self.is_dead_letters(place) {
            let letter = SeismicDeadLetter::decode(row).ok()?;
            // Its place in the log that was read, whatever place it names.
            let number = match letter.internal_offset {
                Some(offset) => (offset, letter.internal_index),
                None => (letter.input_offset, letter.index),
            };
            let key = RowKey { of: "".into(), number };
            // A record that was held came to be a dead letter later than others behind it.
            let (is_early, rises, at) = match letter.decided_by() {
                ClosedBy::Unknown => (false, true, number.0),
                by => (by != ClosedBy::Time, false, letter.decided_offset),
            };
            return Some(RowOrigin { key, at: input_offset(at), is_early, rises, records: 1 });
        }
        let row = SeismicAggRecord::decode(row).ok()?;
        let is_early = row.closed_by() != ClosedBy::Time;
        let number = (row.window_start_ts, row.pane);
        Some(RowOrigin {
            key: RowKey { of: row.sensor_id.into(), number },
            at: input_offset(row.closing_offset),
            is_early,
            // Late records, and a clock that was set back, come to windows again.
            rises: row.pane == 0 || row.clock_era == 0 && place != WINDOWS,
            records: row.record_count.max(0) as u64,
        })
    }

    fn is_dead_letters(&self, place: usize) -> bool {
        place == DEAD_LETTERS
    }

    fn name(&self, place: usize, topic: &str, key: &RowKey) -> String {
        let RowKey { of: sensor, number: (number, further) } = key;
        match place {
            WINDOWS => format!("sensor {sensor:?} window {number}"),
            DEAD_LETTERS => format!("message {number} record {further}"),
            _ => format!("{topic}: sensor {sensor:?} span {number} pane {further}"),
        }
    }

    fn show(&self, place: usize, row: &[u8]) -> String {
        if self.is_dead_letters(place) {
            return SeismicDeadLetter::decode(row).map_or_else(
                |_| "unreadable".into(),
                |letter| format!("{} ({} bytes)", letter.reason, letter.original_len),
            );
        }
        fields(row).join(" ")
    }

    fn show_difference(&self, place: usize, expected: &[u8], found: &[u8]) -> (String, String) {
        if self.is_dead_letters(place) {
            return (self.show(place, expected), self.show(place, found));
        }
        let (expected, found) = (fields(expected), fields(found));
        let differ = || expected.iter().zip(&found).filter(|(ours, theirs)| ours != theirs);
        let words = |fields: Vec<&String>| match fields.is_empty() {
            // Only bytes that carry no field of ours.
            true => "the same fields in other bytes".to_owned(),
            false => fields.into_iter().map(String::as_str).collect::<Vec<_>>().join(" "),
        };
        let words_of = |pairs: Vec<(&String, &String)>| {
            let (ours, theirs) = pairs.into_iter().unzip();
            (words(ours), words(theirs))
        };
        words_of(differ().collect())
    }

    /// Every record that was read is in a window, open, or a dead letter; every record of a closed
    /// window is in a row of each roll-up or in an open span.
    fn unaccounted(
        &self,
        before: &[u8],
        noted: &[u8],
        found: &[(&str, Option<u64>)],
    ) -> Vec<Unaccounted> {
        let (Ok(before), Ok(noted)) = (Note::decode(before), Note::decode(noted)) else {
            return Vec::new();
        };
        let (before, noted) = (before.counters, noted.counters);
        let mut unaccounted = Vec::new();
        if let [(_, Some(rows)), (_, Some(letters)), ..] = found {
            let in_windows = before.closed + rows;
            let dead = before.late() + before.rejected() + letters;
            if in_windows + dead + noted.open != noted.read {
                unaccounted.push(Unaccounted {
                    what: "conservation".to_owned(),
                    expected: format!("{} records read", noted.read),
                    found: format!(
                        "{in_windows} in windows + {dead} dead letters + {} open",
                        noted.open
                    ),
                });
            }
        }
        let levels = before.rollups.iter().zip(&noted.rollups);
        for ((topic, records), (before, rolled)) in found.iter().skip(2).zip(levels) {
            let Some(records) = records else { continue };
            let in_rows = before.closed + records;
            if in_rows + rolled.open != noted.closed {
                unaccounted.push(Unaccounted {
                    what: format!("conservation in {topic}"),
                    expected: format!("{} records in closed windows", noted.closed),
                    found: format!("{in_rows} in its rows + {} in open spans", rolled.open),
                });
            }
        }
        unaccounted
    }
}

/// An input offset as rows and dead letters say it.
fn input_offset(said: i64) -> Offset {
    Offset(said.max(0) as u64)
}

/// `name=value` of every field, floats in shortest round-trip form.
fn fields(row: &[u8]) -> Vec<String> {
    let Ok(row) = SeismicAggRecord::decode(row) else {
        return vec!["unreadable".to_owned()];
    };
    let columns = Schema::windows().columns().iter().zip(row.values());
    columns.map(|(column, value)| column.show_named(value)).collect()
}
