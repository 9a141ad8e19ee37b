//! The newest time of each sensor that imports have published to a topic, to report records that
//! are older.

use std::collections::HashMap;
use std::path::Path;

use seismic_queue::{Before, ImportLog, NoteChange};

use super::remarks::Remarks;
use crate::{Result, limits};

/// Prefix of the notes: then the sensor and a zero; the value is the time in ms, little-endian.
const PREFIX: &[u8] = b"s\0";

/// What is known of the sensors of one import.
#[derive(Default)]
pub(crate) struct NewestTimes {
    sensors: HashMap<String, Newest>,
    /// Sensors whose time has changed since the notes were last taken.
    touched: Vec<String>,
}

struct Newest {
    ms: i64,
    /// Whether that is from before this import.
    is_old: bool,
    is_touched: bool,
    was_said: bool,
}

impl NewestTimes {
    /// Sees a record of a file. Says so, once for each sensor, when a newer one is in the topic.
    ///
    /// # Errors
    /// Those of the queue.
    pub(crate) fn see(
        &mut self,
        log: Option<&mut (dyn ImportLog + '_)>,
        (sensor, time_ms): (&str, i64),
        file: &Path,
        remarks: &mut Remarks,
    ) -> Result<()> {
        if !self.sensors.contains_key(sensor) {
            if self.sensors.len() == limits::SENSORS_COMPARED {
                return Ok(());
            }
            let known = match log {
                Some(log) => known(log, sensor)?,
                None => None,
            };
            let newest = Newest {
                ms: known.unwrap_or(time_ms),
                is_old: known.is_some(),
                is_touched: false,
                was_said: false,
            };
            self.sensors.insert(sensor.to_owned(), newest);
        }
        let newest = self.sensors.get_mut(sensor).expect("it was added");
        if time_ms < newest.ms && !newest.was_said {
            newest.was_said = true;
            let (is_old, newer) = (newest.is_old, shown(newest.ms));
            let what = if is_old { "what is in already" } else { "a record above it" };
            remarks.add(format!(
                "{}: sensor {sensor} has a record of {}, before {what} ({newer}); a job counts \
                 it as late if it has closed that window",
                file.display(),
                shown(time_ms)
            ));
        }
        if time_ms >= newest.ms {
            newest.is_old &= time_ms == newest.ms;
            newest.ms = time_ms;
            if !newest.is_touched {
                newest.is_touched = true;
                self.touched.push(sensor.to_owned());
            }
        }
        Ok(())
    }

    /// The notes that change.
    pub(crate) fn take_changes(&mut self) -> Vec<NoteChange> {
        let mut changes = Vec::with_capacity(self.touched.len());
        for sensor in self.touched.drain(..) {
            let newest = self.sensors.get_mut(&sensor).expect("it was touched");
            newest.is_touched = false;
            let after = newest.ms.to_le_bytes().to_vec();
            changes.push(NoteChange { key: key(&sensor), before: Before::Anything, after });
        }
        changes
    }
}

fn key(sensor: &str) -> Vec<u8> {
    [PREFIX, sensor.as_bytes(), &[0]].concat()
}

fn known(log: &mut dyn ImportLog, sensor: &str) -> Result<Option<i64>> {
    let key = key(sensor);
    let found = log.notes(&key)?.into_iter().find(|(found, _)| *found == key);
    Ok(found.and_then(|(_, value)| value.try_into().ok()).map(i64::from_le_bytes))
}

/// A time for people; one that no calendar has as its number.
fn shown(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .map_or_else(|_| format!("{ms} ms"), |time| time.to_string())
}
