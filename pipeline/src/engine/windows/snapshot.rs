//! The complete state of an engine as bytes, and back: `Snapshot` of `proto/state.proto`.
//!
//! Written sensor by sensor: protobuf joins concatenated messages, so a head followed by one
//! message per sensor reads as one snapshot. The store cuts it into chunks and protects them by
//! CRC.

use seismic_proto::{Message, state};
use seismic_queue::{Offset, Partition};

use crate::engine::snapshot_error::SnapshotError;
use crate::engine::windows::counters::Counters;
use crate::engine::windows::engine::Engine;
use crate::engine::windows::rollup::Rollups;
use crate::engine::windows::rules::Rules;
use crate::engine::windows::sensor::Sensor;
use crate::engine::windows::sensor::late_panes::LatePanes;

impl Engine {
    /// Appends the whole state to `into`.
    pub fn snapshot(&self, into: &mut Vec<u8>) {
        let head = state::Snapshot {
            rules: Some((&self.rules).into()),
            append_ms: self.append_ms,
            counters: Some((&self.counters).into()),
            position: self.position.0,
            partitions: self.partitions.unwrap_or(0),
            sensors: Vec::new(),
        };
        head.encode(into).expect("a Vec grows");
        let mut one = state::Snapshot { sensors: Vec::with_capacity(1), ..Default::default() };
        for (number, sensor) in self.sensors.iter().enumerate() {
            one.sensors.clear();
            one.sensors.push(sensor.stored(self.sensor_index.id(number)));
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
        engine.partitions = (stored.partitions > 0).then_some(stored.partitions);
        if engine.partitions.is_some_and(|partitions| partition.0 >= partitions) {
            return Err(SnapshotError::Damaged("it is of fewer partitions".into()));
        }
        engine.counters = Counters::try_from(&stored.counters.unwrap_or_default())
            .map_err(SnapshotError::Damaged)?;
        let mut open = 0;
        let mut rolled = vec![0; engine.rules.rollups_ms.len()];
        for one in &stored.sensors {
            let contradicts =
                || SnapshotError::Damaged(format!("sensor {:?} contradicts itself", one.id));
            let sensor =
                Sensor::restore(one, stored.position, engine.rules()).ok_or_else(contradicts)?;
            open += sensor.all_windows().map(|window| window.count()).sum::<u64>();
            open += sensor.held().count() as u64;
            let late = sensor.late().into_iter().flat_map(LatePanes::spans);
            for (level, span) in sensor.rollups().into_iter().flat_map(Rollups::open).chain(late) {
                rolled[level] = span.count().checked_add(rolled[level]).ok_or_else(contradicts)?;
            }
            if !engine.restore_sensor(&one.id, sensor) {
                return Err(SnapshotError::Damaged("a sensor is in it twice".into()));
            }
        }
        let in_spans = engine.counters.rollups.iter().map(|level| level.open);
        if !in_spans.eq(rolled)
            || open != engine.counters.open
            || engine.sensors() > engine.rules.max_sensors
        {
            let what = "its sensors do not agree with its counters";
            return Err(SnapshotError::Damaged(what.into()));
        }
        Ok(engine)
    }
}
