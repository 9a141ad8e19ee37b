//! The plain loop.

use std::collections::HashMap;

use seismic_sql::{Batch, Cell};

use super::case::Case;
use super::rows::{
    self, MAX_AMPLITUDE, RECORD_COUNT, RMS_AMPLITUDE, SENSOR_ID, SENSORS, WINDOW_START_TS,
};

/// A loop over rows.
pub struct Plain {
    case: Case,
    thresholds: HashMap<String, f64>,
}

impl Plain {
    /// That of a case.
    pub fn new(case: Case) -> Self {
        let sensors = if case == Case::Join { SENSORS } else { 0 };
        let one = |number| (rows::name(number), rows::threshold(number));
        Plain { case, thresholds: (0..sensors).map(one).collect() }
    }

    /// Appends the output rows of a batch.
    pub fn run(&self, batch: &Batch, into: &mut Vec<u8>) {
        for row in 0..batch.rows() {
            let real = |column| match batch.cell(row, column) {
                Cell::Real(value) => value,
                _ => f64::NAN,
            };
            let value = match self.case {
                Case::Filter => match batch.cell(row, RECORD_COUNT) {
                    Cell::Integer(count) if count >= 10 => {
                        real(MAX_AMPLITUDE) / real(RMS_AMPLITUDE)
                    }
                    _ => continue,
                },
                Case::Join => {
                    let Cell::Text(sensor) = batch.cell(row, SENSOR_ID) else { continue };
                    let threshold = self.thresholds.get(sensor).copied();
                    real(MAX_AMPLITUDE) / threshold.unwrap_or(f64::NAN)
                }
                Case::BuiltIn => real(RMS_AMPLITUDE).sqrt(),
                #[cfg(feature = "wasm")]
                Case::Function => {
                    let rms = real(RMS_AMPLITUDE);
                    let spread = real(MAX_AMPLITUDE) - real(rows::AVG_AMPLITUDE);
                    if rms > 1e-9 { spread / rms } else { 0.0 }
                }
            };
            let (sensor, at) = (batch.cell(row, SENSOR_ID), batch.cell(row, WINDOW_START_TS));
            rows::write(sensor, at, Cell::Real(value), into);
        }
    }
}
