//! Reads rows and dead letters of windows jobs for loss reports.

use seismic_proto::{Message as _, SeismicAggRecord, SeismicDeadLetter, SeismicRecord};
use seismic_queue::Offset;

use crate::engine::loss_reader::{LossReader, LossReason};
use crate::engine::row_reader::RowReader as _;
use crate::engine::windows::readers::row_reader::{DEAD_LETTERS, WINDOWS, WindowRows};
use crate::engine::windows::reject_reason::RejectReason;

/// Reads the dead letters of a job that makes windows, or of its first step, and its windows.
#[derive(Debug)]
pub(crate) struct WindowLosses;

impl From<RejectReason> for LossReason {
    fn from(reason: RejectReason) -> Self {
        LossReason::new(reason as usize, reason.name())
    }
}

impl LossReader for WindowLosses {
    fn rows_place(&self) -> usize {
        WINDOWS
    }

    fn letters_place(&self) -> usize {
        DEAD_LETTERS
    }

    fn row(&self, value: &[u8]) -> Option<(u64, Offset)> {
        let row = SeismicAggRecord::decode(value).ok()?;
        Some((row.record_count.max(0) as u64, Offset(row.closing_offset.max(0) as u64)))
    }

    fn letter(&self, value: &[u8]) -> Option<(LossReason, Offset)> {
        let letter = SeismicDeadLetter::decode(value).ok()?;
        let at = WindowRows.origin(DEAD_LETTERS, value)?.at;
        Some((RejectReason::named(&letter.reason)?.into(), at))
    }

    fn example(&self, value: &[u8]) -> String {
        let Ok(letter) = SeismicDeadLetter::decode(value) else { return "unreadable".to_owned() };
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
}
