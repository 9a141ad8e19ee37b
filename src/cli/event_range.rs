//! Which messages `seismic read` selects by event time.

use seismic_proto::SeismicAggRecord;

use crate::cli::exit::Usage;
use crate::cli::json::{Content, Record, Value};
use crate::time;

/// A range of event times. Offsets follow the order of appending, so every message is looked at.
#[derive(Clone, Copy, clap::Args)]
pub(crate) struct EventRange {
    /// Print only rows whose windows end after this event time, and records from it on
    #[arg(long = "event-from", value_name = "TIME", value_parser = time::parse_moment)]
    from_ms: Option<i64>,
    /// Print only rows whose windows start before this event time, and records before it
    #[arg(long = "event-to", value_name = "TIME", value_parser = time::parse_moment)]
    to_ms: Option<i64>,
}

impl EventRange {
    /// # Errors
    /// When the range ends before it begins, or the topic's messages have no event time.
    pub(crate) fn check(self, content: Content) -> Result<(), Usage> {
        if self.is_everything() {
            return Ok(());
        }
        if matches!(content, Content::DeadLetters | Content::Json) {
            let refusal = "dead letters have no event time; select them by append time with --from";
            return Err(Usage(refusal.to_owned()));
        }
        match (self.from_ms, self.to_ms) {
            (Some(from), Some(to)) if from >= to => {
                Err(Usage("--event-to must be later than --event-from".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Whether something in the message has an event time in the range. What cannot be parsed has
    /// none.
    pub(crate) fn has(self, bytes: &[u8], content: Content) -> bool {
        self.is_everything()
            || match Value::parse(bytes, content) {
                Some(Value::Row(row)) => self.overlaps(&row.0),
                Some(Value::Record(record)) => self.contains(&record),
                Some(Value::Records { records }) => records.iter().any(|one| self.contains(one)),
                Some(Value::DeadLetter(_) | Value::Json(_)) | None => false,
            }
    }

    fn is_everything(self) -> bool {
        self.from_ms.is_none() && self.to_ms.is_none()
    }

    fn overlaps(self, row: &SeismicAggRecord) -> bool {
        self.from_ms.is_none_or(|from| row.window_end_ts > from)
            && self.to_ms.is_none_or(|to| row.window_start_ts < to)
    }

    fn contains(self, record: &Record) -> bool {
        self.from_ms.is_none_or(|from| record.collect_timestamp >= from)
            && self.to_ms.is_none_or(|to| record.collect_timestamp < to)
    }
}

#[cfg(test)]
mod tests {
    use seismic_proto::{Message as _, SeismicRecord, SeismicRecordBatch};

    use super::*;

    const RANGE: EventRange = EventRange { from_ms: Some(1_000), to_ms: Some(3_000) };

    #[test]
    fn a_row_is_selected_when_its_window_overlaps_the_range() {
        for (start, end, selected) in [
            (0, 1_000, false),
            (500, 1_001, true),
            (1_000, 2_000, true),
            (0, 60_000, true),
            (2_999, 4_000, true),
            (3_000, 4_000, false),
        ] {
            let row = SeismicAggRecord {
                window_start_ts: start,
                window_end_ts: end,
                ..SeismicAggRecord::default()
            };
            assert_eq!(RANGE.has(&row.encode_to_vec(), Content::Rows), selected, "{start}..{end}");
        }
    }

    #[test]
    fn a_message_is_selected_when_one_of_its_records_lies_in_the_range() {
        let at = |ms| SeismicRecord { collect_timestamp: ms, ..SeismicRecord::default() };
        for (ms, selected) in [(999, false), (1_000, true), (2_999, true), (3_000, false)] {
            assert_eq!(RANGE.has(&at(ms).encode_to_vec(), Content::Records), selected, "{ms}");
        }
        let packed = SeismicRecordBatch { records: vec![at(0), at(2_000)] };
        assert!(RANGE.has(&packed.encode_to_vec(), Content::Records));
        assert!(!RANGE.has(&[0xff, 0xff], Content::Records));
    }

    #[test]
    fn a_range_that_selects_nothing_is_refused() {
        let empty = EventRange { from_ms: Some(5), to_ms: Some(5) };
        assert!(empty.check(Content::Rows).is_err());
        assert!(RANGE.check(Content::DeadLetters).is_err());
        assert!(RANGE.check(Content::Rows).is_ok());
    }
}
