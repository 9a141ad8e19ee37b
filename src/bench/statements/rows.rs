//! The rows, and the table that they are joined with.

use seismic_sql::{Batch, Cell, Column, Kind};

/// Sensors, each with a threshold.
pub const SENSORS: usize = 100_000;

/// Places of the columns that statements use.
pub const SENSOR_ID: usize = 0;
pub const WINDOW_START_TS: usize = 1;
pub const RECORD_COUNT: usize = 3;
pub const MAX_AMPLITUDE: usize = 4;
#[cfg(feature = "wasm")]
pub const AVG_AMPLITUDE: usize = 6;
pub const RMS_AMPLITUDE: usize = 7;

/// Columns of the rows, about those of window statistics.
pub fn columns() -> Vec<Column> {
    let of = |(name, kind): (&str, Kind)| Column::new(name, kind);
    let all = [
        ("sensor_id", Kind::Text),
        ("window_start_ts", Kind::Integer),
        ("window_end_ts", Kind::Integer),
        ("record_count", Kind::Integer),
        ("max_amplitude", Kind::Real),
        ("min_amplitude", Kind::Real),
        ("avg_amplitude", Kind::Real),
        ("rms_amplitude", Kind::Real),
        ("latitude", Kind::Real),
        ("longitude", Kind::Real),
        ("depth_km", Kind::Real),
        ("phase", Kind::Text),
        ("late_count", Kind::Integer),
    ];
    all.map(of).to_vec()
}

/// A batch of rows. Sensors come in no order, as from a topic.
pub fn batch(rows: usize) -> Batch {
    let mut batch = Batch::new(columns().len());
    for row in 0..rows {
        let number = row as f64;
        let sensor = name(row * 7_919 % SENSORS);
        batch.push_row(&[
            Cell::Text(&sensor),
            Cell::Integer(1_600_000_000_000 + row as i64 * 1_000),
            Cell::Integer(1_600_000_001_000 + row as i64 * 1_000),
            Cell::Integer(row as i64 % 20),
            Cell::Real(3.0 + number / 7.0),
            Cell::Real(-2.0 - number / 9.0),
            Cell::Real(0.25 + number / 11.0),
            Cell::Real(0.5 + number / 13.0),
            Cell::Real(35.0 + number / 1e5),
            Cell::Real(139.0 + number / 1e5),
            Cell::Real(10.0),
            Cell::Text("P"),
            Cell::Integer(0),
        ]);
    }
    batch
}

/// The name of a sensor.
pub fn name(number: usize) -> String {
    format!("S{number:06}")
}

/// Its threshold.
pub fn threshold(number: usize) -> f64 {
    0.5 + number as f64 / 1e3
}

/// Columns of the thresholds.
pub fn columns_of_thresholds() -> Vec<Column> {
    vec![Column::new("sensor_id", Kind::Text), Column::new("value", Kind::Real)]
}

/// All thresholds.
pub fn thresholds() -> Batch {
    let mut batch = Batch::new(2);
    for number in 0..SENSORS {
        batch.push_row(&[Cell::Text(&name(number)), Cell::Real(threshold(number))]);
    }
    batch
}

/// Appends an output row: the same for both, so that it decides nothing.
pub fn write(sensor: Cell<'_>, at: Cell<'_>, value: Cell<'_>, into: &mut Vec<u8>) {
    for cell in [sensor, at, value] {
        match cell {
            Cell::Text(text) => into.extend_from_slice(text.as_bytes()),
            Cell::Integer(value) => into.extend_from_slice(&value.to_le_bytes()),
            Cell::Real(value) => into.extend_from_slice(&value.to_le_bytes()),
            Cell::Null | Cell::Blob(_) => into.push(0),
        }
    }
}
