//! An engine's whole state as bytes, and back: `Snapshot` of `proto/state.proto`.
//!
//! Written sensor by sensor: protobuf joins concatenated messages, so a head followed by one
//! message per sensor reads as one snapshot. The store cuts it into chunks and guards them by CRC.

use seismic_proto::{DecodeError, Message, state};
use seismic_queue::{Offset, Partition};

use crate::interval::Interval;
use crate::rules::RulesError;
use crate::sensor::Sensor;
use crate::window::Window;
use crate::{Counters, Engine, Rules};

/// Why a snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Not a snapshot.
    #[error("it is not a snapshot")]
    Bytes(#[from] DecodeError),
    /// Its rules cannot be used.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// It contradicts itself.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

impl Engine {
    /// Appends the whole state to `into`.
    pub fn snapshot(&self, into: &mut Vec<u8>) {
        let head = state::Snapshot {
            rules: Some((&self.rules).into()),
            append_ms: self.append_ms,
            counters: Some((&self.counters).into()),
            position: self.position.0,
            sensors: Vec::new(),
        };
        head.encode(into).expect("a Vec grows");
        let mut one = state::Snapshot { sensors: Vec::with_capacity(1), ..Default::default() };
        for sensor in &self.sensors {
            one.sensors.clear();
            one.sensors.push(sensor.into());
            one.encode(into).expect("a Vec grows");
        }
    }

    /// The engine whose state the bytes are.
    ///
    /// # Errors
    /// [`SnapshotError`] when the bytes are no snapshot, of another engine version, or contradict
    /// themselves.
    pub fn restore(
        snapshot: &[u8],
        topic: &str,
        partition: Partition,
    ) -> Result<Engine, SnapshotError> {
        let stored = state::Snapshot::decode(snapshot)?;
        let rules = Rules::try_from(stored.rules.as_ref())?;
        if stored.position > i64::MAX as u64 {
            return Err(SnapshotError::Damaged("no log has its position".into()));
        }
        let mut engine = Engine::new(rules, topic, partition, Offset(stored.position));
        engine.append_ms = stored.append_ms;
        engine.counters = Counters::try_from(&stored.counters.unwrap_or_default())
            .map_err(SnapshotError::Damaged)?;
        let mut open = 0;
        for sensor in &stored.sensors {
            let sensor = checked(sensor, stored.position, engine.rules())?;
            open += sensor.windows().map(|window| window.count()).sum::<u64>();
            if !engine.restore_sensor(sensor) {
                return Err(SnapshotError::Damaged("a sensor is in it twice".into()));
            }
        }
        if open != engine.counters.open || engine.sensors() > engine.rules.max_sensors {
            let what = "its sensors do not agree with its counters";
            return Err(SnapshotError::Damaged(what.into()));
        }
        Ok(engine)
    }
}

fn checked(stored: &state::Sensor, position: u64, rules: &Rules) -> Result<Sensor, SnapshotError> {
    let starts: Vec<i64> = stored.windows.iter().map(|window| window.start_ms).collect();
    let in_order = starts.is_sorted_by(|a, b| a < b);
    let known = rules.event_ms.0.saturating_sub(rules.window_ms)..rules.event_ms.1;
    let aligned = |start: &i64| known.contains(start) && start.rem_euclid(rules.window_ms) == 0;
    let is_open = |start: &i64| {
        let end_ms = start.saturating_add(rules.window_ms);
        stored.closed_until_ms.is_none_or(|closed| closed < end_ms)
    };
    let after_closed = starts.iter().all(is_open);
    let is_sound = !stored.id.is_empty()
        && stored.last_offset < position
        && in_order
        && starts.iter().all(aligned)
        && after_closed
        && stored.windows.iter().all(|window| Window::from(window).is_sound(rules))
        && Interval::stored(stored.interval_us).is_some();
    if !is_sound {
        return Err(SnapshotError::Damaged(format!("sensor {:?} contradicts itself", stored.id)));
    }
    Ok(stored.into())
}
