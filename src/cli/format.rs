//! Messages, numbers and durations formatted for people.

use std::fmt::Write as _;
use std::time::Duration;

use seismic_proto::{SeismicAggRecord, Shown};

use crate::cli::json::{Content, DeadLetter, Record, Value};
use crate::time::show_ms;

/// One line for a message: where, when, and what it says.
pub fn message(partition: u32, message: seismic_queue::Message<'_>, content: Content) -> String {
    let key = String::from_utf8_lossy(message.key);
    let key = Shown(&key);
    let mut line = format!("{partition}/{} {} {key}: ", message.offset, show_ms(message.append_ms));
    match Value::parse(message.value, content) {
        Some(Value::Record(one)) => line += &record(&one),
        Some(Value::Records { records }) => {
            let _ = write!(line, "{} records", records.len());
            for one in &records {
                line += "\n    ";
                line += &record(one);
            }
        }
        Some(Value::Row(one)) => line += &row(&one.0),
        Some(Value::DeadLetter(one)) => line += &dead_letter(&one),
        Some(Value::Json(row)) => {
            let _ = write!(line, "{}", Shown(row.get()));
        }
        None => {
            let _ = write!(line, "unparseable, {} bytes", message.value.len());
        }
    }
    line
}

/// A record, in a line.
pub fn record(record: &Record) -> String {
    format!(
        "{} {} {} {} at {},{} {} km, {} Hz, quality {}, network {}{}",
        Shown(&record.sensor_id),
        show_ms(record.collect_timestamp),
        Shown(&record.phase_type),
        record.seismic_amplitude,
        record.latitude,
        record.longitude,
        record.depth,
        record.frequency,
        record.data_quality,
        record.network_status,
        match record.arrival_ms {
            0 => String::new(),
            ms => format!(", arrived {}", show_ms(ms)),
        }
    )
}

/// A row, in a line.
pub fn row(row: &SeismicAggRecord) -> String {
    let pane = match row.pane {
        0 => String::new(),
        pane => format!(" pane {pane}"),
    };
    let mut beside = String::new();
    if row.clock_era > 0 {
        let _ = write!(beside, " era={}", row.clock_era);
    }
    for (name, count) in [
        ("rejected", row.rejected_count),
        ("clipped", row.clipped_count),
        ("repeats", row.repeat_count),
    ] {
        if count > 0 {
            let _ = write!(beside, " {name}={count}");
        }
    }
    format!(
        "{} [{}, +{} ms){pane} n={} avg={} max={} min={} rms={} P={} S={} N={}{beside} closed by {} at {}/{}",
        Shown(&row.sensor_id),
        show_ms(row.window_start_ts),
        row.window_end_ts.saturating_sub(row.window_start_ts),
        row.record_count,
        row.avg_amplitude,
        row.max_amplitude,
        row.min_amplitude,
        row.rms_amplitude,
        row.p_phase_count,
        row.s_phase_count,
        row.n_phase_count,
        row.closed_by().name(),
        row.input_partition,
        row.closing_offset,
    )
}

fn dead_letter(letter: &DeadLetter) -> String {
    let detail = match letter.detail.as_str() {
        "" => String::new(),
        detail => format!(": {}", Shown(detail)),
    };
    format!(
        "{} {}/{}/{} record {}, {} bytes, sha256 {}{detail}",
        letter.reason,
        letter.input_topic,
        letter.input_partition,
        letter.input_offset,
        letter.index,
        letter.original_len,
        letter.sha256.get(..16).unwrap_or_default(),
    )
}

/// 1234567 as `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `n` per second over `time`, grouped.
pub fn rate(number: u64, time: Duration) -> String {
    count((number as f64 / time.as_secs_f64().max(1e-9)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_in_threes() {
        for (number, shown) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(count(number), shown);
        }
    }
}
