//! Reads the sensors in the state of a checkpoint.

use seismic_proto::{Message as _, state};

use crate::engine::state_reader::{StateReader, StoredKey};

/// Reads snapshots of engines.
#[derive(Debug)]
pub(crate) struct WindowState;

impl StateReader for WindowState {
    fn keys(&self, state: &[u8]) -> Option<(i64, Vec<StoredKey>)> {
        let snapshot = state::Snapshot::decode(state).ok()?;
        let lateness_ms = snapshot.rules.as_ref().map_or(0, |rules| rules.lateness_ms);
        Some((lateness_ms, snapshot.sensors.into_iter().map(stored_key).collect()))
    }
}

fn stored_key(sensor: state::Sensor) -> StoredKey {
    let oldest_ms = sensor.windows.first().map_or(sensor.clock_ms, |window| window.start_ms);
    let irregular = sensor.irregular.unwrap_or_default();
    let held = irregular.held.iter().filter(|record| !record.bytes.is_empty()).count();
    StoredKey {
        id: sensor.id.into(),
        times: (oldest_ms.min(sensor.clock_ms), sensor.clock_ms),
        set_back: irregular.era,
        refuted: irregular.refuted,
        held: held as u64,
    }
}
